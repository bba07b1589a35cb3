"""``python -m pkdn compare``: what a change of parameters or code has done to the scores."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pkdn.errors import UserError
from pkdn.pipeline import revisions
from pkdn.reports import changes
from pkdn.reports.plan import Plan
from pkdn.reports.scores import Scores, read_scores
from pkdn.reports.tables import listing, markdown
from pkdn.runs import planned

HELP = "compare the scores of two revisions or experiments, face by face"
HERE = "this folder"


class State(NamedTuple):
    """What there is to compare of a revision.

    Attributes:
        parameters: all of ``params.yaml``.
        plan: of its report.
        scores: by data set.
    """

    parameters: dict[str, Any]
    plan: Plan
    scores: dict[str, Scores]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "before", help="a commit, branch, tag or experiment whose results DVC has, such as HEAD"
    )
    parser.add_argument("after", nargs="?", help="another; left out: what is in this folder")


def main(arguments: argparse.Namespace) -> None:
    """Print which parameters differ, and a table of gains for each data set that both have.

    Raises:
        UserError: a revision is not there, or both have no data set with the same faces.
    """
    with ExitStack() as stack:
        before, after = (
            _state(stack.enter_context(revisions.results(name)) if name else Path(), name or HERE)
            for name in (arguments.before, arguments.after)
        )
    shared = [name for name in after.plan.datasets if name in before.plan.datasets]
    if not shared:
        raise UserError(
            f"expected a data set that both have, got {listing(before.plan.datasets)} and "
            f"{listing(after.plan.datasets)}: compare two that share one"
        )
    print(f"# {arguments.after or HERE}, compared with {arguments.before}\n")
    different = changes.parameters(before.parameters, after.parameters)
    print(markdown(different) if different[0].cells else "All parameters are the same.")
    for name in shared:
        _show(name, before, after)


def _show(dataset: str, before: State, after: State) -> None:
    old, new = before.scores[dataset], after.scores[dataset]
    print(f"\n## On {dataset}\n")
    if not _same_faces(old, new):
        print("They were scored on other faces, so nothing can be compared.")
        return
    changed, same = changes.systems(old, new, after.plan)
    told = [markdown(changed)] if changed[0].cells else []
    for words, titles in (
        ("The same PSNR on every face", same),
        ("Only before", changes.alone(old, new, before.plan)),
        ("Only after", changes.alone(new, old, after.plan)),
    ):
        if titles:
            told.append(f"{words}: {listing(titles)}.")
    print("\n\n".join(told))


def _same_faces(old: Scores, new: Scores) -> bool:
    first, second = (
        next(frame for by_seed in scores.frames.values() for frame in by_seed.values())
        for scores in (old, new)
    )
    return first.index.equals(second.index)


def _state(folder: Path, name: str) -> State:
    """Read what there is; the folder's files are not needed afterwards.

    Raises:
        UserError: something is missing, or was written by code that this one does not understand.
    """
    settings = planned(revisions.PLAN.stage, root=folder).settings
    try:
        plan = Plan(**settings)
    except TypeError:
        raise UserError(
            f"{name}: expected results of code such as this, got a plan of other code; compare "
            "revisions that the same code has made, or run it again by this one"
        ) from None
    scores = {dataset: read_scores(folder, plan, dataset) for dataset in plan.datasets}
    values = yaml.safe_load((folder / revisions.PARAMETERS).read_text(encoding="utf-8"))
    return State(values, plan, scores)
