"""``python -m pkdn verify``: does a run of one's own give what was published?"""

import argparse
from pathlib import Path

from pkdn.errors import UserError
from pkdn.files import BrokenFileError

HELP = "look for the gains of this folder in the intervals of published results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("published", metavar="FOLDER", type=Path, help="what `publish` wrote")


def main(arguments: argparse.Namespace) -> None:
    """Print a table for each data set that both have.

    Raises:
        UserError: there are no such results, or something here is not as published.
    """
    from pkdn.pipeline import asked, revisions
    from pkdn.pipeline.previous import HERE
    from pkdn.reports import changes, published

    folder: Path = arguments.published
    if not (folder / revisions.PLAN.plan).is_file():
        raise UserError(f"expected what `python -m pkdn publish` has written, got {folder}")
    if folder.samefile(Path()):
        raise UserError(
            f"expected what `python -m pkdn publish` has written, got {folder}, this folder "
            "itself: name the published one"
        )
    try:
        published.check(folder, revisions.plan_of_folder(folder, str(folder)))
        before = revisions.state_of_folder(folder, str(folder))
    except BrokenFileError as error:
        advice = f"get {folder} again from those who published it"
        raise UserError(f"{error.found}: {advice}") from None
    here = revisions.state_of_folder(Path(), HERE)
    published.check_bicubic(here.plan)
    asked.check_results()
    datasets = changes.shared(before, here)
    print(f"# This folder against {folder}\n")
    if different := changes.different_parameters(before, here, published.WHEN):
        print(f"These parameters are not the published ones:\n\n{different}\n")
    wrong = list[str]()
    for dataset in datasets:
        verdict = published.verify(dataset, before, here, (folder, Path()))
        print(f"## On `{dataset}`\n\n{verdict.told}\n")
        wrong += verdict.wrong
    if wrong:
        raise UserError(f"not as published: {'; '.join(wrong)}")
    print(
        "Every gain over bicubic lies in its published interval, which is for other faces and so "
        "wide: *here less published* shows smaller differences."
    )
