"""Tables as markdown and as CSV."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

NOTHING: Final = "–"


class Table(NamedTuple):
    """A table as read by people.

    Attributes:
        header: The titles of the columns.
        rows: Cells as text, as many in each row as there are titles.
        left: How many columns, from the first, hold words and are aligned to the left.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


class Numbers(NamedTuple):
    """The same table as read by programs, in full precision; None is an empty field."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


def markdown(table: Table) -> str:
    """Return a table in GitHub's markdown, padded so that it reads well as text too."""
    cells = [[_escape(cell) for cell in row] for row in (table.header, *table.rows)]
    assert all(len(row) == len(table.header) for row in cells), "a row of another length"
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(table.header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < table.left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * width if i < table.left else "-" * (width - 1) + ":" for i, width in enumerate(widths)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def _escape(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def write_csv(path: Path, numbers: Numbers) -> None:
    """Write numbers in full precision; a number that is not finite becomes an empty field."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(numbers.header)
        writer.writerows([_field(value) for value in row] for row in numbers.rows)


def _field(value: object) -> object:
    return "" if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """Return ``value`` with a fixed number of decimals, a dash where there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return text.replace("-", "−")


def with_spread(mean: float | None, spread: float | None, decimals: int) -> str:
    """Return ``mean ± spread``, or the mean alone where there is no spread."""
    text = number(mean, decimals)
    if spread is None or text == NOTHING:
        return text
    return f"{text} ± {number(spread, decimals)}"


def bold_best(cells: Sequence[str], values: Iterable[float | None], *, highest: bool) -> list[str]:
    """Put the cells with the best value in bold: all that print like it; none if there is one."""
    found = list(values)
    comparable = [v for v in found if v is not None and math.isfinite(v)]
    if len(comparable) < 2:
        return list(cells)
    best = max(comparable) if highest else min(comparable)
    printed = cells[found.index(best)].split(" ")[0]
    return [f"**{cell}**" if cell.split(" ")[0] == printed else cell for cell in cells]


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``8.2 s``, ``3 min 05 s`` or ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def listing(items: Sequence[object], conjunction: str = "and") -> str:
    """Return ``a, b and c``."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
