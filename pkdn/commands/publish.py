"""``python -m pkdn publish``: results that others can verify."""

import argparse
from pathlib import Path

from pkdn.files import check_new

HELP = "write the scores of each face, the curves and the records, for others to verify"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("output", metavar="OUT", type=Path, help="a new folder")


def main(arguments: argparse.Namespace) -> None:
    """Write the folder.

    Raises:
        UserError: it has something in it, results are missing here, or ``params.yaml`` asks for
            others.
    """
    from pkdn.pipeline import asked, revisions
    from pkdn.pipeline.previous import HERE
    from pkdn.reports import published

    out: Path = arguments.output
    check_new(out)
    asked.check_results()
    here = revisions.state_of_folder(Path(), HERE)
    published.write(here, Path(), out, [Path(revisions.PARAMETERS), revisions.PLAN.plan])
    print(f"{out} has a page, README.md; whoever has it runs `python -m pkdn verify {out}`")
