"""The parts that do not depend on a data set: complexity and the parser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pkdn.reports.records import read_rows, to_float
from pkdn.reports.tables import NOTHING, Numbers, Table, number

MILLION: Final = 1e6
IOU_FILE: Final = Path("data/parser/iou.csv")
IOU_PICTURE: Final = Path("data/parser/examples.png")
IOU_TITLES: Final = {"class": "label", "name": "class", "iou": "IoU ↑", "pixels": "true pixels"}
IOU_DECIMALS: Final = 4
COMPLEXITY_FILE: Final = Path("data/complexity.csv")

Rows = Sequence[Mapping[str, str]]


def read_complexity(root: Path) -> list[dict[str, str]]:
    """Read the complexity of every network in every profile."""
    return read_rows(root / COMPLEXITY_FILE)


def network_titles(complexity: Rows) -> dict[str, str]:
    """Return each network's title: that of its first row, which is what runs at inference."""
    titles: dict[str, str] = {}
    for row in complexity:
        titles.setdefault(row["network"], row["title"])
    return titles


def sizes(complexity: Rows, profile: str) -> Table:
    """Return parameters and multiply–adds of the networks of a profile."""
    header = ("network", "first layer sees", "parameters, M", "GMAC")
    rows = [
        (row["title"], row["input"], _millions(row["parameters"]), _cell(row["gmac"], 2))
        for row in complexity
        if row["profile"] == profile
    ]
    return Table(header, rows, left=2)


def speeds(complexity: Rows, profile: str) -> Table:
    """Return latency and memory of the networks of the profile that was run."""
    header = (
        "network",
        "latency of 1 face, ms",
        "latency of 8 faces, ms",
        "peak memory with 8 faces, MiB",
    )
    rows = [
        (
            row["title"],
            _cell(row["latency_ms_b1"], 1),
            _cell(row["latency_ms_b8"], 1),
            _cell(row["peak_mib_b8"], 0),
        )
        for row in complexity
        if row["profile"] == profile
    ]
    return Table(header, rows)


def complexity_numbers(complexity: Rows) -> Numbers:
    """Return the complexity as it was measured."""
    header = list(complexity[0]) if complexity else ["network"]
    return Numbers(header, [[row[name] for name in header] for row in complexity])


def read_iou(root: Path) -> list[dict[str, str]]:
    """Read the parser's agreement with the truth; empty where no parser was trained."""
    path = root / IOU_FILE
    return read_rows(path) if path.is_file() else []


def iou_table(iou: Rows) -> tuple[Table, Numbers]:
    """Return the parser's agreement, class by class, with the columns as they were written."""
    header = list(iou[0])
    rows = [[_plain(row[name], name) for name in header] for row in iou]
    titles = [IOU_TITLES.get(name, name) for name in header]
    return Table(titles, rows, left=2), Numbers(
        header, [[row[name] for name in header] for row in iou]
    )


def _plain(text: str, column: str) -> str:
    return _cell(text, IOU_DECIMALS) if column == "iou" else text or NOTHING


def _millions(parameters: str) -> str:
    return number(to_float(parameters) / MILLION, 2) if parameters else NOTHING


def _cell(text: str, decimals: int) -> str:
    return number(to_float(text), decimals)
