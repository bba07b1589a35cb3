"""The section on what one face costs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pkdn.reports import conditions, inputs
from pkdn.reports.document import Document
from pkdn.reports.plan import COMPLEXITY, Plan
from pkdn.reports.records import Record
from pkdn.reports.tables import Table, plain, words
from pkdn.systems import PAPER_SIZE

MILLION = 1e6


def add(
    document: Document,
    root: Path,
    plan: Plan,
    complexity: pd.DataFrame,
    records: Sequence[Record],
) -> None:
    """Add parameters and speed of the size that was run, and the paper's parameters."""
    document.heading("Complexity")
    document.text(
        "What one face costs. When a face is enlarged, PKDN's student *is* KDFSRNet's student",
        "network, layer for layer: what differs is the teacher that it has learnt from, and so the",
        "weights. A teacher sees the HR parsing map and runs in training alone. A GMAC is 10⁹",
        "multiply–adds.",
    )
    document.text(f"**As run here: networks of size `{plan.size}`.**")
    document.table(_sizes(complexity, plan.size))
    document.copied_table(inputs.complexity_file(root), "complexity")
    measured = [record for record in records if record.run == COMPLEXITY]
    document.text(
        f"Measured on {conditions.machines(measured) or 'a machine that is not recorded'},",
        f"{conditions.accelerators(measured) or 'no GPU'}, in {conditions.precisions(measured)}.",
        "Memory is what a pass needs beyond the weights and its input.",
    )
    document.table(_speeds(complexity, plan.size))
    if plan.is_smaller:
        document.text(f"**Networks of size `{PAPER_SIZE}`** (sizes alone: not run here):")
        document.table(_sizes(complexity, PAPER_SIZE))


def _sizes(complexity: pd.DataFrame, size: str) -> Table:
    rows = complexity[complexity["size"] == size]
    return Table(
        [
            words("network", rows["title"]),
            words("first layer sees", rows["input"]),
            plain("parameters, M", rows["parameters"] / MILLION, 2),
            plain("GMAC", rows["gmac"], 2),
        ]
    )


def _speeds(complexity: pd.DataFrame, size: str) -> Table:
    rows = complexity[complexity["size"] == size]
    return Table(
        [
            words("network", rows["title"]),
            plain("latency of 1 face, ms", rows["latency_ms_b1"], 1),
            plain("latency of 8 faces, ms", rows["latency_ms_b8"], 1),
            plain("peak memory with 8 faces, MiB", rows["peak_mib_b8"], 0),
        ]
    )
