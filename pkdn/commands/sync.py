"""``python -m pkdn sync``: bring MLflow up to date with the recorded runs."""

import argparse

from pkdn import tracking
from pkdn.errors import UserError

HELP = "send the runs that MLflow lacks, such as those out of DVC's cache"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--server", help="address of a server of this store, to say where the students' runs are"
    )


def main(arguments: argparse.Namespace) -> None:
    """Send what is missing, and say how much that was."""
    if not tracking.RUNS.is_dir():
        raise UserError(
            f"expected recorded runs in {tracking.RUNS}, found no such folder; run `dvc repro` "
            "or `dvc pull` first, from the root of the repository"
        )
    sent, run_ids = tracking.sync()
    print(f"{sent} runs sent to {tracking.store()}, {len(run_ids) - sent} were there already")
    if arguments.server:
        print(f"students: {arguments.server.rstrip('/')}{tracking.students_page()}", flush=True)
