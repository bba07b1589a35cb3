"""Reading what the stages left as CSV files."""

from pathlib import Path

import pandas as pd

from pkdn import runs
from pkdn.errors import UserError
from pkdn.faces import SPLITS


def read_csv(path: Path, *, text: bool = False) -> pd.DataFrame:
    """Read a CSV file; only an empty field is no value.

    Args:
        path: the file.
        text: leave every field as it is written.

    Raises:
        UserError: it is missing.
    """
    if not path.is_file():
        raise UserError(f"expected {path}, which is missing: run `dvc repro` to make it")
    return pd.read_csv(
        path,
        dtype=str if text else {"name": str},
        keep_default_na=False,
        na_values=[] if text else [""],
    )


def index_file(root: Path, dataset: str) -> Path:
    """Return the index of a data set's faces."""
    return root / runs.FACES / dataset / "index.csv"


def count_faces(root: Path, dataset: str) -> dict[str, int]:
    """Count the faces of each split."""
    splits = read_csv(index_file(root, dataset), text=True)["split"]
    return {split: int((splits == split).sum()) for split in SPLITS}


def read_left_out(root: Path, dataset: str) -> list[str]:
    """Read which photos of a data set gave no face, and why."""
    rows = read_csv(root / runs.FACES / dataset / "left_out.csv", text=True)
    return [f"{row.name}: {row.kind}, {row.reason}" for row in rows.itertuples(index=False)]
