"""``python -m pkdn compare``: what a change of parameters or code has done to the scores."""

import argparse
from pathlib import Path

from pkdn.pipeline import asked, revisions
from pkdn.pipeline.previous import HERE
from pkdn.reports import changes, web
from pkdn.runs import REPORT

HELP = "compare the scores of two revisions or experiments, face by face"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "before", help="a commit, branch, tag or experiment whose results DVC has, such as HEAD"
    )
    parser.add_argument(
        "after",
        nargs="?",
        help="another; left out: what is in this folder, whose report then shows this, too",
    )


def main(arguments: argparse.Namespace) -> None:
    """Print which parameters differ, and a table of gains for each data set that both have.

    Raises:
        UserError: a revision is not there, both have no data set with the same faces, or the
            results in this folder are not of its ``params.yaml``.
    """
    if arguments.after is None:
        asked.check_results()
    before = revisions.state(arguments.before)
    if arguments.after is not None:
        after = revisions.state(arguments.after)
    else:
        after = revisions.state_of_folder(Path(), HERE)
    told = changes.text(before, after)
    print(told, end="")
    if arguments.after is None and web.is_there(REPORT):
        web.write_previous(REPORT, told)
        print(f"\n{REPORT / web.PAGE} shows this, too.")
