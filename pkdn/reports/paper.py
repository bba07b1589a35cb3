"""What the paper states, as facts, and what it leaves open.

Source: Yang et al., "Prior Knowledge Distillation Network for Face Super-Resolution", 2024,
arXiv 2409.14385: Table 1 and Table 2, in ``published.csv``, and Section 4.1.
"""

from pathlib import Path
from typing import Final

import pandas as pd
import yaml

from pkdn.systems import PKDN_NETWORK

FOLDER: Final = Path(__file__).parent
_CELEBA: Final = {"train": 168_854, "val": 100, "test": 1_000}
FACES: Final = {
    "celeba": _CELEBA,
    "celeba_dic": _CELEBA,
    "helen": {"train": 1_955, "val": 50, "test": 50},
}
"""Faces in each split of the data sets of the paper's tables (Section 4.1)."""
SAME: Final = {"celeba_dic": "celeba"}
"""Data sets that are one of the paper's tables by another name."""

_TABLES: Final = pd.read_csv(FOLDER / "published.csv", index_col="row")


def table(number: int, dataset: str) -> pd.DataFrame:
    """Return a table's ``psnr`` in dB and ``ssim``, by row; empty if it lacks the data set.

    Args:
        number: 1, by network, or 2, by variant of PKDN.
        dataset: its name; ``celeba`` alone is in Table 2.
    """
    rows = (_TABLES["table"] == number) & (_TABLES["dataset"] == SAME.get(dataset, dataset))
    return _TABLES.loc[rows, ["psnr", "ssim"]]


VARIANTS: Final = [*table(2, "celeba").index]
"""The rows of Table 2."""


def readings() -> pd.DataFrame:
    """Return its open questions, in the order of the report.

    Columns: ``question``: what the paper does not say, or says in two ways; ``reading``: what is
    done here; ``evidence``: why; ``file``: where that is written, from the root of the repository;
    ``name``: the constant, class, function or parameter there.
    """
    return pd.DataFrame(yaml.safe_load((FOLDER / "readings.yaml").read_text(encoding="utf-8")))


def gain(dataset: str, over: str) -> float:
    """Return PKDN's gain over another system in the paper's Table 1, in dB."""
    psnr = table(1, dataset)["psnr"]
    return float(round(psnr[PKDN_NETWORK] - psnr[over], 2))
