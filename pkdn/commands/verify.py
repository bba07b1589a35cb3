"""``python -m pkdn verify``: does a run of one's own give what was published?"""

import argparse
from pathlib import Path

from pkdn.errors import UserError

HELP = "look for the gains of this folder in the intervals of published results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("published", metavar="FOLDER", type=Path, help="what `publish` wrote")


def main(arguments: argparse.Namespace) -> None:
    """Print a table for each data set that both have.

    Raises:
        UserError: there are no such results, or something here is not as published.
    """
    from pkdn.pipeline import revisions
    from pkdn.reports import published
    from pkdn.reports.tables import listing

    folder: Path = arguments.published
    if not (folder / revisions.PLAN.plan).is_file():
        raise UserError(f"expected what `python -m pkdn publish` has written, got {folder}")
    roots = (folder, Path())
    before, here = (revisions.state_of_folder(root, str(root)) for root in roots)
    shared = [name for name in before.plan.datasets if name in here.plan.datasets]
    if not shared:
        raise UserError(
            f"expected results on {listing(before.plan.datasets)}, got "
            f"{listing(here.plan.datasets)}: choose that in `datasets` in params.yaml"
        )
    print(f"# This folder against {folder}\n")
    if different := published.different_parameters(before, here):
        print(f"These parameters are not the published ones:\n\n{different}\n")
    wrong = list[str]()
    for dataset in shared:
        verdict = published.verify(dataset, before, here, roots)
        print(f"## On `{dataset}`\n\n{verdict.told}\n")
        wrong += verdict.wrong
    if wrong:
        raise UserError(f"not as published: {'; '.join(wrong)}")
    print("All that is in both is as published.")
