"""``python -m pkdn repro``: what ``dvc repro`` does, with several stages at a time."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import Any

from filelock import FileLock, Timeout

from pkdn import params, planning, provenance, runs, unplanned
from pkdn.data.photos.pool import num_cores, num_seen
from pkdn.errors import UserError
from pkdn.pipeline import devices, presence
from pkdn.pipeline.crew import Asked, Crew
from pkdn.pipeline.explain import explain
from pkdn.pipeline.schedule import Stages, after_twins, needing, outdated, run_all
from pkdn.pipeline.tasks import Task
from pkdn.runs import LOCK, OWN, RunId

HELP = "run the pipeline, stages that do not need each other side by side"
PIPELINE = "dvc.yaml"
PLAN = "plan"
LISTINGS = (RunId("download", OWN), RunId("labelled"))
"""What lists a user's own photos."""
COMMITTED = (PIPELINE, LOCK, "params.yaml")
"""What a revision needs, so that DVC knows its results."""
SECONDS_BETWEEN_LOOKS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--jobs",
        type=int,
        help="stages at a time; by default one for each core where a training takes one thread, "
        "as in the demo, and else one; with GPUs, at least one for each and one beside them",
    )
    parser.add_argument(
        "--gpus",
        metavar="LIST",
        help="the GPUs to use, such as 0,2; by default all. Each has one stage at a time, which "
        "sees no other GPU; one that is named twice has two, as in 0,0",
    )
    parser.add_argument(
        "--stop-at-failure",
        action="store_true",
        help="start nothing more when a stage fails; by default what does not need it still runs",
    )
    parser.add_argument(
        "--pull",
        action="store_true",
        help="take from DVC's remote what others have made, and run the rest",
    )
    slurm = parser.add_argument_group("a cluster", "with SLURM; needs `pip install -e '.[slurm]'`")
    add = partial(slurm.add_argument, default=None)
    slurm.add_argument(
        "--slurm", action="store_true", help="submit every outdated stage as a job of its own"
    )
    add("--slurm-partition", metavar="NAME", help="where the jobs go")
    add("--slurm-account", metavar="NAME", help="who pays for them")
    add(
        "--slurm-gres",
        help="what a stage that computes with networks gets, by default gpu:1; `none` for a "
        "cluster without GPUs",
    )
    add("--slurm-cpus", dest="slurm_cores", type=int, metavar="N", help="cores of a job")
    add("--slurm-mem", dest="slurm_memory_gb", type=float, metavar="GB", help="memory of a job")
    add(
        "--slurm-time",
        dest="slurm_minutes",
        type=int,
        metavar="MINUTES",
        help="after which a job is ended, and goes back into the queue: a training goes on where "
        "it was, another stage begins anew",
    )


def main(arguments: argparse.Namespace) -> None:
    """Bring the pipeline up to date.

    Raises:
        UserError: stages failed, or none could be started.
        SystemExit: a signal asked to end; 128 and its number.
    """
    if not Path(PIPELINE).is_file():
        raise UserError(f"{PIPELINE} is missing; run this from the root of the repository")
    if Path("params.yaml").exists():
        for note in planning.notes(params.load()):  # DVC reads it too, and would not name the key
            print(f"note: {note}", flush=True)
    if find_spec("dvc") is None:
        raise ModuleNotFoundError("No module named 'dvc'", name="dvc")
    _check(arguments)
    gpus = devices.chosen(arguments.gpus) if not arguments.slurm else []
    jobs = arguments.jobs if arguments.jobs is not None else default_jobs(len(gpus))
    if jobs < 1:
        raise UserError(f"--jobs: expected a whole number of at least 1, got {jobs}")
    # PyTorch would take a thread for each core that it sees.
    threads = max(1, num_cores() // jobs) if jobs > 1 or num_cores() < num_seen() else None
    crew = Crew(jobs, threads, gpus=gpus, pulls=arguments.pull)
    try:
        with _alone():
            _run(crew, _how(arguments))
    except BrokenPipeError:  # whoever reads this, such as tee, has ended
        raise
    except OSError as error:
        raise UserError(explain(error)) from error


def default_jobs(num_gpus: int) -> int:
    """Return how many stages fit beside each other."""
    on_processor = num_cores() if params.load().training.threads == 1 else 1
    return max(on_processor, num_gpus + 1) if num_gpus else on_processor


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for whoever runs the pipeline here, and clear up after those who were killed.

    Whoever holds the lock is the only such command that works; the others, and what has started
    this one, such as ``srun python -m pkdn repro``, wait for it.
    """
    presence.REPRO_LOCK.parent.mkdir(exist_ok=True)
    lock = FileLock(presence.REPRO_LOCK)
    told = list[presence.Process]()
    while True:
        try:
            with lock.acquire(blocking=False):
                told = _tell_new(told, but=presence.REPRO)
                if not told:
                    for path in presence.tidy(Path()):
                        print(f"deleted {path}, which a process left that was killed", flush=True)
                    yield
                    return
        except Timeout:
            told = _tell_new(told)
        sleep(SECONDS_BETWEEN_LOOKS)


def _tell_new(told: list[presence.Process], but: str = "") -> list[presence.Process]:
    """Say for whom this waits, once for each; return who is there, but for those of one kind."""
    there = [process for process in presence.at_work(Path()) if process.what != but]
    for process in there:
        if process not in told:
            print(
                f"waiting for process {process.pid}, which is at work here: {process.what}; "
                f"to end it: kill {process.pid}",
                flush=True,
            )
    return there


def _how(arguments: argparse.Namespace) -> Callable[[Stages, Crew], dict[str, str]]:
    """Return what runs the outdated stages: this machine, or SLURM."""
    if not arguments.slurm:
        return partial(run_all, keep_going=not arguments.stop_at_failure)
    if find_spec("submitit") is None:
        raise UserError("--slurm: expected submitit; run `pip install -e '.[slurm]'`")
    from pkdn.pipeline.cluster import Options
    from pkdn.pipeline.slurm import run_on_slurm

    return partial(run_on_slurm, options=Options(**_slurm_options(arguments)))


def _slurm_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the user says of the cluster, by the fields of ``Options``."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    start = "slurm_"
    return {name.removeprefix(start): given[name] for name in given if name.startswith(start)}


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that would do nothing.

    Raises:
        UserError: there are some, or numbers that are none of the cluster.
    """
    options = _slurm_options(arguments)
    if options and not arguments.slurm:
        raise UserError("expected --slurm beside the other options of SLURM; add it")
    if arguments.slurm and (arguments.gpus or arguments.stop_at_failure):
        raise UserError(
            "--slurm: expected neither --gpus nor --stop-at-failure, since SLURM gives each job "
            "its GPU, and jobs that need nothing of a failed one run; leave them out"
        )
    for name in ("cores", "memory_gb", "minutes"):
        if options.get(name, 1) <= 0:
            raise UserError(f"--slurm: expected a positive number, got {options[name]} for {name}")


def _run(crew: Crew, run_stages: Callable[[Stages, Crew], dict[str, str]]) -> None:
    running = list[str]()
    try:
        with crew:
            try:
                _bring_up_to_date(crew, run_stages)
            except Asked:
                running = [name for name in crew.busy if name]
                raise
    except Asked as asked:
        what = f", while {' and '.join(running)} ran" if running else ""
        print(f"{asked}{what}; continue with `{_this()}`", flush=True)
        sys.exit(128 + asked.number)


def _bring_up_to_date(crew: Crew, run_stages: Callable[[Stages, Crew], dict[str, str]]) -> None:
    stages = outdated(crew)
    failed = dict[str, str]()
    if PLAN in stages:  # first, alone: what it leaves as it was is not outdated
        failed = run_all({PLAN: stages[PLAN]}, crew)
        if not failed:  # DVC may have taken the plan from its cache, and nobody has looked there
            unplanned.take_away(runs.all_planned())
        stages = {PLAN: stages[PLAN]} if failed else outdated(crew)
    _tell_changed_photos([run for run in LISTINGS if run.name not in stages])
    failed = failed or run_stages(after_twins(stages), crew)
    # DVC may have taken these from its cache, with the photos that were there before.
    _tell_changed_photos([run for run in LISTINGS if run.name in stages])
    if failed:
        _report(failed, stages)
    changed = outdated(crew) if stages else {}
    if changed:
        raise UserError(f"{', '.join(changed)}: outdated again: what they read has changed while "
                        f"stages ran; continue with `{_this()}`")  # fmt: skip
    from pkdn.pipeline import previous  # with what makes pages, which nothing else wants here

    previous.show()
    print("the pipeline is up to date: reports/report.html", flush=True)
    if names := _uncommitted():
        print(
            "commit what it rests on, so that `dvc exp show`, `dvc metrics diff` and `dvc plots "
            f"diff` can compare with it: `git add {names} && git commit -m Results`"
        )


def _tell_changed_photos(listings: Iterable[RunId]) -> None:
    """Say where the user's photos are others than those that were listed, which DVC does not see.

    Args:
        listings: the stages to look at.
    """
    from pkdn.data import listing
    from pkdn.data.datasets import DatasetSettings

    for run in listings:
        if not run.plan.is_file():
            continue
        settings = runs.planned(run.stage, run.key).settings
        if settings.get("dataset") == OWN and listing.is_old(
            DatasetSettings.of(settings), run.folder
        ):
            print(
                f"{run.name}: photos in {settings['folder']} have been added, changed or taken "
                f"away since it listed them, and results are of those before; to list them again: "
                f"`dvc repro -f {run.name}`, then `{_this()}`",
                flush=True,
            )


def _uncommitted() -> str:
    """Return those of DVC's files that git has not, with spaces between them."""
    told = provenance.git("status", "--porcelain", "--", *COMMITTED)
    return " ".join(line.split()[-1] for line in told.splitlines())


def _report(failed: Mapping[str, str], stages: Stages) -> None:
    """Say what failed, why, and what was left out.

    Raises:
        UserError: always.
    """
    for name, reason in failed.items():
        print(f"{name} failed: {reason} ({Task(name).log})", flush=True)
    left = needing(set(failed), stages)
    others = f"; {len(left)} that need them did not run" if left else ""
    raise UserError(
        f"{' and '.join(failed)} failed{others}; mend what is said above, then `{_this()}`"
    )


def _this() -> str:
    """Return the command line that continues."""
    return shlex.join(["python", "-m", "pkdn", *sys.argv[1:]])
