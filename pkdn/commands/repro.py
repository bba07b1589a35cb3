"""``python -m pkdn repro``: what ``dvc repro`` does, with several stages at a time."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pkdn import params
from pkdn.data.photos.pool import num_cores
from pkdn.errors import UserError

HELP = "run the pipeline, stages that do not need each other side by side"
# Stages that measure time: nothing runs beside them.
ALONE = ("complexity",)
SECONDS_BETWEEN_LOOKS = 0.1
PIPELINE = "dvc.yaml"


class Job(NamedTuple):
    """A stage that is being run."""

    process: "subprocess.Popen[str]"
    output: Path
    started: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--jobs",
        type=int,
        help="stages at a time; by default one for each core where a training takes one thread, "
        "as in the demo, and else one",
    )


def main(arguments: argparse.Namespace) -> None:
    """Bring the pipeline up to date; ends with ``dvc repro`` itself, which checks everything."""
    jobs = arguments.jobs if arguments.jobs is not None else default_jobs()
    if jobs < 1:
        raise UserError(f"--jobs: expected a whole number of at least 1, got {jobs}")
    if not Path(PIPELINE).is_file():
        raise UserError(f"{PIPELINE} is missing; run this from the root of the repository")
    if jobs > 1:
        run_all(outdated(), jobs)
    done = subprocess.run(["dvc", "repro"], check=False)
    sys.exit(done.returncode)


def default_jobs() -> int:
    """Return how many stages fit beside each other."""
    return num_cores() if params.load().recipe.threads == 1 else 1


def outdated() -> dict[str, set[str]]:
    """Return the stages that have to run, or may have to, with those of them each waits for."""
    from dvc.repo import Repo

    with Repo(_wait_for_lock=True) as repo:
        graph = repo.index.graph  # from a stage to what it depends on
        mine = {stage for stage in graph if ":" not in stage.addressing}
        needed = set(mine)
        for stage in mine:
            needed |= _reached(graph, stage)
        changed = set(repo.status())  # with targets it would load the pipeline for each of them
        late = [
            stage
            for stage in repo.index.stages  # dvc.yaml has long chains of stages first
            if stage in needed
            and changed & {one.addressing for one in (stage, *_reached(graph, stage))}
        ]
        return {
            stage.addressing: {o.addressing for o in graph.successors(stage) if o in late}
            for stage in late
        }


def _reached(graph: Any, stage: Any) -> set[Any]:
    import networkx

    found: set[Any] = networkx.descendants(graph, stage)
    return found


def ready(waiting: Mapping[str, set[str]], done: set[str], running: Sequence[str]) -> Iterator[str]:
    """Yield the stages that may start now, those that need quiet only when all is quiet."""
    free = [name for name, needs in waiting.items() if needs <= done]
    alone = [name for name in free if name in ALONE]
    if any(name in ALONE for name in running):
        return
    yield from (name for name in free if name not in ALONE)
    if alone and not running and len(alone) == len(free):
        yield alone[0]


def run_all(stages: Mapping[str, set[str]], jobs: int) -> None:
    """Run stages, each when what it needs is done, at most ``jobs`` at a time.

    Raises:
        UserError: One of them failed; those that ran beside it were brought to their end.
    """
    waiting, done, running = dict(stages), set[str](), dict[str, Job]()
    failed: list[str] = []
    try:
        while waiting or running:
            for name in list(ready(waiting, done, list(running))):
                if len(running) < jobs and not failed:
                    del waiting[name]
                    running[name] = _start(name, max(1, num_cores() // jobs))
            for name, job in list(running.items()):
                if job.process.poll() is None:
                    continue
                del running[name]
                _show(name, job, f"{len(stages) - len(waiting) - len(running)} of {len(stages)}")
                if job.process.returncode:
                    failed.append(name)
                else:
                    done.add(name)
            if failed and not running:
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        for job in running.values():
            job.process.terminate()
    if failed:
        raise UserError(f"{' and '.join(failed)} failed; see above for what to do")


def _start(name: str, threads: int) -> Job:
    folder = Path(".pkdn/output")
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{name.replace('/', '_').replace(':', '_')}.log"
    with output.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            ["dvc", "--wait-for-lock", "repro", "--single-item", name],
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
    print(f"{name}: started", flush=True)
    return Job(process, output, time.monotonic())


def _show(name: str, job: Job, count: str) -> None:
    seconds = time.monotonic() - job.started
    outcome = "FAILED" if job.process.returncode else "done"
    print(f"{name}: {outcome} after {seconds:.0f} s ({count})", flush=True)
    if job.process.returncode:
        print(job.output.read_text(encoding="utf-8", errors="replace"), flush=True)
