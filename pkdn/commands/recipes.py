"""``python -m pkdn recipes``: how every network is trained, and how long."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pkdn import checks, params, planning, runs
from pkdn.errors import UserError
from pkdn.systems import BICUBIC, Subject, system

HELP = "list the recipe of every training: steps, passes, rate, schedule, augmentation"
LEAST_WIDTH = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--profile", help="of params.yaml; by default the one chosen there")
    parser.add_argument("--dataset", action="append", help="may be given several times")


def main(arguments: argparse.Namespace) -> None:
    """Print a table for each data set."""
    chosen = params.load()
    changes: dict[str, object] = {}
    if arguments.profile is not None:
        if arguments.profile not in chosen.profiles:
            known = ", ".join(chosen.profiles)
            raise UserError(f"--profile: expected one of {known}, got {arguments.profile!r}")
        changes["profile"] = arguments.profile
    if arguments.dataset is not None:
        if unknown := [name for name in arguments.dataset if name not in checks.datasets()]:
            known = ", ".join(checks.datasets())
            raise UserError(f"--dataset: expected one of {known}, got {unknown[0]!r}")
        changes["datasets"] = tuple(dict.fromkeys(arguments.dataset))
    chosen = chosen.model_copy(update=changes)
    planned = planning.plan(chosen)
    for dataset in chosen.datasets:
        _print(f"{dataset}, profile {chosen.profile}", dataset, planned)


def _print(heading: str, dataset: str, planned: list[runs.Planned]) -> None:
    from pkdn import networks
    from pkdn.reports import recipes
    from pkdn.reports.plan import title

    faces, source = num_faces(dataset)
    first: dict[str, runs.Planned] = {}
    trained = [
        one
        for one in planned
        if one.id.stage in runs.TRAININGS and one.id.system != BICUBIC and one.id.dataset == dataset
    ]
    for one in trained:
        first.setdefault(title(Subject(one.id.stage, one.id.system)), one)
    rows = []
    for name, one in first.items():
        recipe, distillation = networks.recipe(one.settings)
        rows.append(recipes.Training(name, {**recipe.record(), **distillation}, faces))
    shown = Table(title=f"{heading}: {source}", show_lines=True)
    columns = recipes.table(recipes.grouped(rows))
    for column in columns:
        shown.add_column(
            column.title,
            justify="left" if column.words else "right",
            no_wrap=not column.words,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        shown.add_row(*cells)
    console = Console()
    console.width = max(console.width, LEAST_WIDTH)
    console.print(shown)
    # A variant of the loss may be PKDN's own training by its parameters, and is not trained again.
    once = {str((one.reads, one.settings, one.id.seed)): one.settings for one in trained}
    # A network with a teacher of its own trains that first, in the same run.
    steps = sum(
        networks.recipe(settings)[0].steps * (1 + system(settings["network"]).has_teacher)
        for settings in once.values()
    )
    console.print(f"{len(once)} runs with {steps:,} steps in all, every seed and variant counted")
    if len(once) < len(trained):
        console.print(f"not counted: {len(trained) - len(once)} that would compute the same again")


def num_faces(dataset: str) -> tuple[int, str]:
    """Return how many training faces a data set has, and where that is known from."""
    from pkdn.reports.inputs import count_faces, index_file
    from pkdn.reports.paper import FACES

    if index_file(Path(), dataset).is_file():
        count = count_faces(Path(), dataset)["train"]
        return count, f"{count:,} training faces here"
    if dataset in FACES:
        count = FACES[dataset]["train"]
        return count, f"{count:,} training faces in the paper"
    return 0, "its faces are not counted yet"
