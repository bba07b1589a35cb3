"""``python -m pkdn repro``: what ``dvc repro`` does, with several stages at a time."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from pkdn import params
from pkdn.data.photos.pool import num_cores
from pkdn.errors import UserError

HELP = "run the pipeline, stages that do not need each other side by side"
# Stages that measure time: nothing runs beside them.
ALONE = ("complexity",)
SECONDS_BETWEEN_LOOKS = 0.1
PIPELINE = "dvc.yaml"
PLAN = "plan"


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
        # What the plan leaves as it was need not be looked at by a process each.
        run_all({name: needs for name, needs in outdated().items() if name == PLAN}, 1)
        run_all(outdated(), jobs)
    done = subprocess.run(["dvc", "repro"], check=False)
    sys.exit(done.returncode)


def default_jobs() -> int:
    """Return how many stages fit beside each other."""
    return num_cores() if params.load().training.threads == 1 else 1


def outdated() -> dict[str, set[str]]:
    """Return the stages that have to run, or may have to, with those of them each waits for."""
    from dvc.repo import Repo

    with Repo(_wait_for_lock=True) as repo:
        graph = repo.index.graph  # from a stage to what it depends on
        names = {stage: stage.addressing for stage in graph}
        needs = {names[stage]: {names[one] for one in graph.successors(stage)} for stage in graph}
        found = set(repo.status())
        in_file = [names[stage] for stage in repo.index.stages]  # has long chains of stages first
    for name in TopologicalSorter(needs).static_order():
        if needs[name] & found:
            found.add(name)
    return {name: needs[name] & found for name in in_file if name in found}


def run_all(stages: Mapping[str, set[str]], jobs: int) -> None:
    """Run stages, each when what it needs is done, at most ``jobs`` at a time.

    Raises:
        UserError: One of them failed; those that ran beside it were brought to their end.
    """
    order = TopologicalSorter(stages)
    order.prepare()
    ready, running = list[str](), dict[str, Job]()
    num_done = 0
    failed: list[str] = []
    try:
        while order.is_active() and not (failed and not running):
            ready = sorted([*ready, *order.get_ready()], key=list(stages).index)
            while not failed and (name := next_stage(ready, list(running), jobs)):
                ready.remove(name)
                running[name] = _start(name, max(1, num_cores() // jobs))
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for name in [one for one in running if running[one].process.poll() is not None]:
                job = running.pop(name)
                num_done += 1
                _show(name, job, f"{num_done} of {len(stages)}")
                if job.process.returncode:
                    failed.append(name)
                else:
                    order.done(name)
    finally:
        for job in running.values():
            job.process.terminate()
    if failed:
        raise UserError(f"{' and '.join(failed)} failed; see above for what to do")


def next_stage(ready: Sequence[str], running: Sequence[str], jobs: int) -> str | None:
    """Return the stage to start now, if any: those that need quiet only when nothing else runs."""
    if len(running) >= jobs or any(name in ALONE for name in running):
        return None
    usual = [name for name in ready if name not in ALONE]
    if usual:
        return usual[0]
    return ready[0] if ready and not running else None


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
