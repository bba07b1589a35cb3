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
        numbers: fields of the CSV file by name, in full precision.
        words: whether it holds words, which are aligned to the left.
    """

    title: str
    cells: Sequence[str] = ()
    numbers: Mapping[str, Sequence[object]] = field(default_factory=dict)
    words: bool = False


Table = Sequence[Column]


def words(
    title: str, cells: Iterable[str], name: str = "", values: Iterable[object] = ()
) -> Column:
    """Return a column of words; in the CSV file, if it is there, it has the values' own names."""
    return Column(title, [*cells], {name: [*values]} if name else {}, words=True)


def plain(title: str, values: Iterable[float], decimals: int) -> Column:
    """Return a column of numbers that is on the page alone."""
    return Column(title, [number(value, decimals) for value in values])


def markdown(table: Table) -> str:
    """Return a table in GitHub's markdown, padded so that it reads well as text too."""
    columns = [_padded(column) for column in table if column.title]
    return "\n".join(f"| {' | '.join(row)} |" for row in zip(*columns, strict=True))


def _padded(column: Column) -> list[str]:
    cells = [" ".join(cell.split()).replace("|", "\\|") for cell in (column.title, *column.cells)]
    width = max(3, *map(len, cells))
    rule = "-" * width if column.words else "-" * (width - 1) + ":"
    justify = str.ljust if column.words else str.rjust
    return [justify(cell, width) for cell in (cells[0], rule, *cells[1:])]


def numbers(table: Table) -> pd.DataFrame:
    """Return the numbers behind a table."""
    fields = {name: of for column in table for name, of in column.numbers.items()}
    return pd.DataFrame(fields, dtype=object)


def write_csv(path: Path, numbers: pd.DataFrame) -> None:
    """Write numbers in full precision; a number that is not finite becomes an empty field."""
    finite = ~numbers.isin([math.inf, -math.inf])
    numbers.astype(object).where(finite, None).to_csv(path, index=False, lineterminator="\n")


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Return ``value`` with a fixed number of decimals, a dash for NaN."""
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return NOTHING if math.isnan(value) else text.replace("-", "−")


def bold_best(cells: Sequence[str], values: Sequence[float], *, highest: bool) -> list[str]:
    """Put the cells with the best value in bold: all that print like it; none if there is one."""
    comparable = [value for value in values if math.isfinite(value)]
    if len(comparable) < 2:
        return list(cells)
    best = max(comparable) if highest else min(comparable)
    printed = cells[values.index(best)].split(" ")[0]
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


def listing(items: Iterable[object]) -> str:
    """Return ``a, b and c``; with semicolons where one of them has a comma of its own."""
    texts = [str(item) for item in items]
    if len(texts) > 1 and any(", " in text for text in texts):
        return f"{'; '.join(texts[:-1])}; and {texts[-1]}"
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def codes(names: Iterable[str]) -> list[str]:
    """Return names as they look in code."""
    return [f"`{name}`" for name in names]
