"""What files that are found by their names have to offer, read without running them."""

import ast
import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from pkdn import closure, systems
from pkdn.closure import found_by_name
from pkdn.errors import UserError

DATASETS = Path(__file__).parent / "data" / "datasets"
METRICS = Path(__file__).parent / "metrics"
JUDGES = Path(__file__).parent / "perceptual"
PROTOCOLS = "_protocols.py"
"""The file of ``METRICS`` with the table of that name."""
LANDMARKS = "HAS_LANDMARKS"
"""What a data set says of itself whose photos all have 68 landmarks."""
LABELS = "HAS_LABELS"
"""What a data set says of itself whose photos have label maps."""
FILE_NAME = re.compile("[a-z][a-z0-9_]*")
ARROWS = ("↑", "↓")
PLACE_OF_ARROW = 2
"""Among the arguments of a metric's column."""


def check_files() -> None:
    """Refuse files that would not be found by their names, or metrics that lack what they need.

    Raises:
        UserError: the first such file.
    """
    metric = (("TITLE",), ("COLUMNS",))
    for folder, needed in (
        (systems.NETWORKS, ()),
        (DATASETS, ()),
        (METRICS, (*metric, ("score", "score_labels"))),
        (JUDGES, (*metric, ("load",))),
    ):
        for file in sorted(folder.glob("[!_.]*.py")):
            if not FILE_NAME.fullmatch(file.stem):
                raise UserError(
                    f"expected a name of small letters, digits and _, which begins with a letter, "
                    f"got {_shown(file)}: rename it"
                )
            if needed:
                _check_columns(check(file, needed, "the __init__.py beside it"), _shown(file))
    _check_names()


def check(
    file: Path, needed: Iterable[Sequence[str]], described: str
) -> dict[str, ast.expr | None]:
    """Return what a file has at its top, or refuse it where it lacks all of a group of names.

    Raises:
        UserError: the first such group; it is told where it is described.
    """
    offered = systems.top_values(file, _shown(file))
    for group in needed:
        if not offered.keys() & {*group}:
            raise UserError(
                f"expected {' or '.join(group)} in {_shown(file)}, found none: add what "
                f"{described} describes"
            )
    return offered


def has(dataset: str, what: str) -> bool:
    """Return whether a data set says ``HAS_LANDMARKS`` or ``HAS_LABELS`` of itself.

    Raises:
        UserError: It says it by another expression than True or False.
    """
    file = DATASETS / f"{dataset}.py"
    said = systems.top_values(file, _shown(file)).get(what, ast.Constant(value=False))
    if not isinstance(said, ast.Constant) or not isinstance(said.value, bool):
        raise UserError(
            f"expected {what} = True or False in {_shown(file)}, got another: write one of them"
        )
    return said.value


def _check_columns(offered: dict[str, ast.expr | None], shown: str) -> None:
    """Refuse columns of a metric that are no tuple, or that improve in no direction.

    Raises:
        UserError: the first of them.
    """
    columns = offered["COLUMNS"]
    if columns is None:  # imported
        return
    if not isinstance(columns, ast.Tuple) or not columns.elts:
        raise UserError(
            f"expected COLUMNS = (Column(…),) in {shown}, a tuple that is written out, got "
            f"{ast.unparse(columns)}: write it so, with the comma of a single one"
        )
    for column in columns.elts:
        if isinstance(column, ast.Call):
            arrows = column.args[PLACE_OF_ARROW : PLACE_OF_ARROW + 1]
            arrows += [keyword.value for keyword in column.keywords if keyword.arg == "arrow"]
            for arrow in arrows:
                if isinstance(arrow, ast.Constant) and arrow.value not in ARROWS:
                    raise UserError(
                        f"expected in COLUMNS of {shown} the arrow {' or '.join(ARROWS)}, got "
                        f"{arrow.value!r}: mend it"
                    )


def _check_names() -> None:
    """Refuse two metrics of one name, of which tables would show one.

    Raises:
        UserError: the first such name.
    """
    protocols = systems.keys(systems.top_values(METRICS / PROTOCOLS, PROTOCOLS).get("PROTOCOLS"))
    kinds = (
        (f"the row {{}} of {_shown(METRICS / PROTOCOLS)}", protocols),
        (f"{_shown(METRICS)}/{{}}.py", found_by_name([METRICS])),
        (f"{_shown(JUDGES)}/{{}}.py", found_by_name([JUDGES])),
    )
    for (first, some), (second, others) in combinations(kinds, 2):
        for name in others:
            if name in some:
                raise UserError(
                    f"expected a name of its own for each metric, got {second.format(name)} beside "
                    f"{first.format(name)}: rename it"
                )


def _shown(path: Path) -> str:
    return path.relative_to(closure.ROOT).as_posix()
