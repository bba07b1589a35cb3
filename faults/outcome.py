"""What was tried and what was lost, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pkdn.errors import UserError
from pkdn.files import atomic_file

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


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
    rows = [(each.name, each.tried, len(each.lost)) for each in outcomes]
    rows.append(("**all**", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = ["| fault | tried | lost |", "| --- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {name} | {tried} | {lost} |" for name, tried, lost in rows)])


def write(page: Path, text: str) -> None:
    """Put a text between the two marks of a page.

    Raises:
        UserError: the page has not both marks.
    """
    content = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"--write: expected a page with {BEGIN} and {END}, got {page}")
    with atomic_file(page) as temporary:
        whole = f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
        temporary.write_text(whole, encoding="utf-8")
