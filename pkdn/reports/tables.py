"""Tables: built once, read by people as markdown and by programs as CSV."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

NOTHING: Final = "–"


@dataclass(frozen=True)
class Column:
    """One column on the page, with the numbers behind it.

    Attributes:
        title: on the page; empty for numbers that are in the CSV file alone.
        cells: on the page.
        numbers: fields of the CSV file by name, in full precision; None is an empty field.
        words: whether it holds words, which are aligned to the left.
    """

    title: str
    cells: Sequence[str] = ()
    numbers: Mapping[str, Sequence[object]] = field(default_factory=dict)
    words: bool = False


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        columns: from left to right.
        footer: a last row that is on the page alone, with a cell for each title.
    """

    columns: Sequence[Column]
    footer: Sequence[str] = ()

    def markdown(self) -> str:
        """Return it in GitHub's markdown, padded so that it reads well as text too."""
        shown = [column for column in self.columns if column.title]
        rows = [*zip(*(column.cells for column in shown), strict=True)]
        rows += [tuple(self.footer)] if self.footer else []
        cells = [[_escape(cell) for cell in row] for row in ([c.title for c in shown], *rows)]
        widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
        words = [column.words for column in shown]

        def line(row: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(row, widths, words, strict=True)
            ]
            return "| " + " | ".join(padded) + " |"

        rule = ["-" * width for width in widths]
        rule = [r if left else f"{r[1:]}:" for r, left in zip(rule, words, strict=True)]
        return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])

    def numbers(self) -> pd.DataFrame:
        """Return the numbers behind it."""
        fields = {name: of for column in self.columns for name, of in column.numbers.items()}
        return pd.DataFrame(fields, dtype=object)


def _escape(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def words(
    title: str, cells: Iterable[str], name: str = "", values: Iterable[object] = ()
) -> Column:
    """Return a column of words; in the CSV file, if it is there, it has the values' own names."""
    return Column(title, list(cells), {name: list(values)} if name else {}, words=True)


def plain(title: str, values: Iterable[float | None], decimals: int) -> Column:
    """Return a column of numbers that is on the page alone."""
    return Column(title, [number(value, decimals) for value in values])


def write_csv(path: Path, numbers: pd.DataFrame) -> None:
    """Write numbers in full precision; a number that is not finite becomes an empty field."""
    finite = ~numbers.isin([math.inf, -math.inf])
    numbers.astype(object).where(finite, None).to_csv(path, index=False, lineterminator="\n")


def number(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """Return ``value`` with a fixed number of decimals, a dash where there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return text.replace("-", "−")


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


def listing(items: Sequence[object]) -> str:
    """Return ``a, b and c``."""
    texts = [str(item) for item in items]
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)
