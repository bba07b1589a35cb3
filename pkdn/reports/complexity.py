"""The tables of what one face costs."""

import pandas as pd

from pkdn.reports.tables import Table, plain, words

MILLION = 1e6


def sizes(costs: pd.DataFrame, size: str) -> Table:
    """Return parameters and multiply–adds of the networks of a size."""
    rows = costs[costs["size"] == size]
    return Table(
        [
            words("network", rows["title"]),
            words("first layer sees", rows["input"]),
            plain("parameters, M", rows["parameters"] / MILLION, 2),
            plain("GMAC", rows["gmac"], 2),
        ]
    )


def speeds(costs: pd.DataFrame, size: str) -> Table:
    """Return latency and memory of the networks of the size that was run."""
    rows = costs[costs["size"] == size]
    return Table(
        [
            words("network", rows["title"]),
            plain("latency of 1 face, ms", rows["latency_ms_b1"], 1),
            plain("latency of 8 faces, ms", rows["latency_ms_b8"], 1),
            plain("peak memory with 8 faces, MiB", rows["peak_mib_b8"], 0),
        ]
    )
