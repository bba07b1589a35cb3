"""What the paper leaves open, how this project reads it, and where that reading is written."""

from pathlib import Path
from typing import NamedTuple

import yaml

from pkdn.reports.tables import Table, words

FILE = Path(__file__).with_name("readings.yaml")


class Reading(NamedTuple):
    """One open question.

    Attributes:
        question: what the paper does not say, or says in two ways.
        reading: what is done here.
        evidence: why.
        file: where it is written, from the root of the repository.
        name: the constant, class, function or parameter there.
    """

    question: str
    reading: str
    evidence: str
    file: str
    name: str


def read() -> list[Reading]:
    """Read all of them, in the order of the report."""
    return [Reading(**one) for one in yaml.safe_load(FILE.read_text(encoding="utf-8"))]


def table() -> Table:
    """Return them, one row each."""
    rows = read()
    places = [f"`{one.file}`: `{one.name}`" for one in rows]
    return Table(
        [
            words("open question", [one.question for one in rows]),
            words("reading here", [one.reading for one in rows]),
            words("evidence", [one.evidence for one in rows]),
            words("written in", places),
        ]
    )
