"""Reading what the stages left as CSV files."""

from pathlib import Path

import pandas as pd

from pkdn import runs
from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.reports.plan import COMPLEXITY
from pkdn.runs import RunId


def read_csv(path: Path, *, text: bool = False) -> pd.DataFrame:
    """Read a CSV file; only an empty field is no value.

    Args:
        path: the file.
        text: leave every field as it is written.

    Raises:
        UserError: it is missing.
    """
    check_exists(path)
    return pd.read_csv(
        path,
        dtype=str if text else {"name": str},
        keep_default_na=False,
        na_values=[] if text else [""],
    )


def check_exists(path: Path) -> None:
    """Raise a :class:`UserError` where a file is missing."""
    if not path.is_file():
        raise UserError(f"expected {path}, which is missing: run `dvc repro` to make it")


def read_curve(root: Path, training: RunId, phase: str = "") -> pd.DataFrame:
    """Read a training's curve: columns such as ``step`` and ``loss``; empty if there is none.

    Args:
        root: the root of the repository.
        training: whose curve it is.
        phase: of a training that trains several networks, such as ``teacher``.
    """
    path = root / training.curve(phase)
    return read_csv(path) if path.is_file() else pd.DataFrame()


def read_complexity(root: Path) -> pd.DataFrame:
    """Read what every network costs, in each size that was measured."""
    return read_csv(root / COMPLEXITY.folder / "complexity.csv")


def index_file(root: Path, dataset: str) -> Path:
    """Return the index of a data set's faces."""
    return root / runs.faces(dataset) / "index.csv"


def count_faces(root: Path, dataset: str) -> dict[str, int]:
    """Count the faces of each split."""
    splits = read_csv(index_file(root, dataset), text=True)["split"]
    return {split: int((splits == split).sum()) for split in SPLITS}


def read_left_out(root: Path, dataset: str) -> list[str]:
    """Read which photos of a data set gave no face, and why."""
    rows = read_csv(root / runs.faces(dataset) / "left_out.csv", text=True)
    return [f"{row.name}: {row.kind}, {row.reason}" for row in rows.itertuples(index=False)]
