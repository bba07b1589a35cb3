"""What the paper states, as facts: the numbers of its tables and the sizes of its data.

Source: Yang et al., "Prior Knowledge Distillation Network for Face Super-Resolution", 2024,
arXiv 2409.14385: Table 1 and Table 2, in ``published.csv``, and Section 4.1.
"""

from pathlib import Path
from typing import Final

from pkdn.reports.inputs import read_csv

FACES: Final = {
    "celeba": {"train": 168_854, "val": 100, "test": 1_000},
    "helen": {"train": 1_955, "val": 50, "test": 50},
}
"""Faces in each split of the data sets of the paper's tables (Section 4.1)."""

_TABLES: Final = read_csv(Path(__file__).with_name("published.csv"))


def table(number: int, dataset: str) -> dict[str, dict[str, float]]:
    """Return a table's PSNR in dB and SSIM, by row; empty if it does not show the data set.

    Args:
        number: 1, by network, or 2, by variant of PKDN.
        dataset: its name; ``celeba`` alone is in Table 2.
    """
    rows = _TABLES[(_TABLES["table"] == number) & (_TABLES["dataset"] == dataset)]
    found = rows.set_index("row")[["psnr", "ssim"]].to_dict("index")
    return {str(name): {str(k): v for k, v in row.items()} for name, row in found.items()}


VARIANTS: Final = (*table(2, "celeba"),)
