"""``python -m pkdn sync``: bring MLflow up to date with the recorded runs."""

import argparse
import sys
from contextlib import closing

from pkdn import runs, tracking
from pkdn.errors import UserError
from pkdn.tracking import outbox

HELP = "send the runs that MLflow lacks, such as those out of DVC's cache"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--server", help="address of a server of this store, to say where its pages are"
    )


def main(arguments: argparse.Namespace) -> None:
    """Send what is missing, and say how much that was."""
    if not runs.RUNS.is_dir() and not outbox.folder().is_dir():
        raise UserError(
            f"expected recorded runs in {runs.RUNS}, found no such folder; run `dvc repro` "
            "or `dvc pull` first, from the root of the repository"
        )
    with closing(tracking.Messenger()) as messenger:
        found = tracking.sync(messenger)
    there = len(found.run_ids) - found.sent
    print(f"{found.sent} runs sent to {found.store}, {there} were there already")
    server = arguments.server or (found.store if found.store.startswith("http") else "")
    for name, page in found.pages.items():
        if server:
            print(f"{name}: {server.rstrip('/')}{page}", flush=True)
    for line in found.broken:
        print(f"error: {line}", file=sys.stderr)
    sys.exit(1 if found.broken else 0)
