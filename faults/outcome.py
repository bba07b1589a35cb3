"""What was tried and what was lost, as a table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pkdn.files import marked, write_marked

MARK = "faults"
"""The name of the marks between which the table stands in its page."""
ROW = re.compile(r"^\| (.+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
SUM = "**all**"


@dataclass
class Outcome:
    """One fault.

    Attributes:
        name: what was done, in words.
        tried: how often.
        lost: for each time that something was lost, what and where.
    """

    name: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return *fault · tried · lost* as Markdown, with the sums."""
    return _markdown({each.name: (each.tried, len(each.lost)) for each in outcomes})


def write(page: Path, outcomes: Sequence[Outcome]) -> None:
    """Put these faults into the table between the two marks of a page; its other rows stay.

    Raises:
        UserError: the page has not both marks.
    """
    rows = {name: (int(n), int(lost)) for name, n, lost in ROW.findall(marked(page, MARK))}
    rows.pop(SUM, None)
    rows |= {each.name: (each.tried, len(each.lost)) for each in outcomes}
    write_marked(page, MARK, _markdown(rows))


def _markdown(rows: Mapping[str, tuple[int, int]]) -> str:
    sums = (sum(tried for tried, _ in rows.values()), sum(lost for _, lost in rows.values()))
    lines = ["| fault | tried | lost |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {tried} | {lost} |" for name, (tried, lost) in rows.items()]
    return "\n".join([*lines, f"| {SUM} | {sums[0]} | {sums[1]} |"])
