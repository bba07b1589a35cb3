"""``python -m pkdn doctor``: what is right here, what is wrong, and what to do."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pkdn import params, planning
from pkdn.doctor import cache, environment, repository, workplace
from pkdn.doctor.finding import Finding
from pkdn.errors import UserError

HELP = "check this folder and this machine, and mend what can be mended without loss"


def parameters(folder: Path) -> Iterator[Finding]:
    """Check that ``params.yaml`` is as it has to be, and asks for what there is."""
    file = folder / "params.yaml"
    advice = f"mend it, or take back your changes with `git checkout -- {file}`"
    try:
        chosen = params.load(file)
        num_runs = len(planning.plan(chosen))
    except UserError as error:
        yield Finding(" ".join(str(error).split()), advice)
    else:
        yield Finding(f"{file} can be read, and asks for {num_runs} runs")
        for note in planning.notes(chosen):
            yield Finding(note)


CHECKS = (
    environment.interpreter,
    environment.path,
    environment.versions,
    environment.torchvision,
    environment.gpus,
    repository.head,
    parameters,
    workplace.processes,
    workplace.locks,
    workplace.leftovers,
    workplace.trainings,
    workplace.room,
    repository.store,
    repository.runs,
    cache.lock,
    cache.objects,
)
"""Each takes a folder and yields what it finds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--fix", action="store_true", help="mend what can be mended without loss")


def main(arguments: argparse.Namespace) -> None:
    """Print one line for each finding.

    Raises:
        SystemExit: with status 1 where something is wrong, and was not mended.
        UserError: this is no folder of the pipeline.
    """
    folder = Path()
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml is missing; run this from the root of the repository")
    num_wrong = 0
    for check in CHECKS:
        for found in _findings(check, folder):
            state = _treat(found, fix=arguments.fix)
            num_wrong += state == "WRONG"
            advice = f"; {found.advice}" if state == "WRONG" else ""
            print(f"{state:7}{found.what}{advice}", flush=True)
    if num_wrong:
        hint = "" if arguments.fix else "; `--fix` mends what can be mended without loss"
        print(f"{num_wrong} wrong{hint}", flush=True)
        sys.exit(1)


def _findings(check: Callable[[Path], Iterator[Finding]], folder: Path) -> Iterator[Finding]:
    try:
        yield from check(folder)
    except UserError as error:  # such as of a file that cannot be read
        yield Finding.of(error)


def _treat(found: Finding, *, fix: bool) -> str:
    """Mend what is wrong, if that is asked for and can be done; return how it is now."""
    if not found.advice:
        return "ok"
    if not (fix and found.mend):
        return "WRONG"
    try:
        found.mend()
    except (OSError, subprocess.SubprocessError) as error:
        print(f"could not be mended: {error}", file=sys.stderr)
        return "WRONG"
    return "mended"
