"""Reading what the stages left as CSV files."""

from pathlib import Path

import pandas as pd

from pkdn import runs
from pkdn.faces import SPLITS
from pkdn.faces.shards import INDEX
from pkdn.files import MissingFileError, reading

WORDS = ("name", "network", "role", "size", "title", "input")
"""Columns of text; all others are numbers."""


def read_csv(path: Path, *needs: str, text: bool = False) -> pd.DataFrame:
    """Read a CSV file; only an empty field is no value.

    Args:
        path: the file.
        needs: columns that have to be there.
        text: leave every field as it is written.

    Raises:
        UserError: it is missing or broken.
    """
    if not path.is_file():
        raise MissingFileError(f"expected {path}, which is missing", "run `dvc repro` to make it")
    with reading(path):
        found = pd.read_csv(
            path,
            dtype=str if text else {"name": str},
            keep_default_na=False,
            na_values=[] if text else [""],
            low_memory=False,  # which would guess a column's type in pieces
        )
        numbers = [] if text or found.empty else [name for name in found if name not in WORDS]
        found[numbers].astype(float)
        found[[*needs]]
        return found


def index_file(root: Path, dataset: str) -> Path:
    """Return the index of a data set's faces."""
    return root / runs.FACES / dataset / INDEX


def count_faces(root: Path, dataset: str) -> dict[str, int]:
    """Count the faces of each split."""
    splits = read_csv(index_file(root, dataset), "split", text=True)["split"]
    return {split: int((splits == split).sum()) for split in SPLITS}


def read_left_out(root: Path, dataset: str) -> list[str]:
    """Read which photos of a data set gave no face, and why."""
    path = root / runs.FACES / dataset / "left_out.csv"
    rows = read_csv(path, "name", "kind", "reason", text=True)
    return [f"{row.name}: {row.kind}, {row.reason}" for row in rows.itertuples(index=False)]
