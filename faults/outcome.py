"""What was tried and what was lost, as a table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pkdn.errors import UserError
from pkdn.files import atomic_file

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
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
    content = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, begin, rest = content.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"--write: expected a page with {BEGIN} and {END}, got {page}")
    rows = {name: (int(tried), int(lost)) for name, tried, lost in ROW.findall(old)}
    rows.pop(SUM, None)
    rows |= {each.name: (each.tried, len(each.lost)) for each in outcomes}
    with atomic_file(page) as temporary:
        whole = f"{before}{BEGIN}\n\n{_markdown(rows)}\n\n{END}{after}"
        temporary.write_text(whole, encoding="utf-8")


def _markdown(rows: Mapping[str, tuple[int, int]]) -> str:
    sums = (sum(tried for tried, _ in rows.values()), sum(lost for _, lost in rows.values()))
    lines = ["| fault | tried | lost |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {tried} | {lost} |" for name, (tried, lost) in rows.items()]
    return "\n".join([*lines, f"| {SUM} | {sums[0]} | {sums[1]} |"])
