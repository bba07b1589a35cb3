"""How well the face parser does."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pkdn.reports.inputs import read_csv
from pkdn.reports.plan import PARSER
from pkdn.reports.records import Record
from pkdn.reports.tables import Table, plain, words

IOU_DECIMALS = 4
PICTURE = PARSER.folder / "examples.png"


def agreement(records: Sequence[Record]) -> str:
    """Say how far its maps agree with the true ones."""
    metrics = next((record.metrics for record in records if record.run == PARSER), {})
    if "test_miou" not in metrics:
        return "It was judged by the true label maps of faces that it was not trained on."
    return (
        f"On {metrics['test_faces']:.0f} faces that it was not trained on, its maps agree with the "
        f"true ones by a mean IoU of {metrics['test_miou']:.4g} over the classes, and in "
        f"{metrics['test_pixel_accuracy']:.4g} of all pixels; in close-ups of them, framed more as "
        f"Helen's crops are, by a mean IoU of {metrics['test_close_up_miou']:.4g}."
    )


def read_iou(root: Path) -> pd.DataFrame:
    """Read its agreement with the truth, class by class."""
    return read_csv(root / PARSER.folder / "iou.csv")


def classes(rows: pd.DataFrame) -> Table:
    """Return :func:`read_iou` as a table."""
    return Table(
        [
            words("label", rows["class"].astype(str)),
            words("class", rows["name"]),
            plain("IoU ↑", rows["iou"], IOU_DECIMALS),
            plain("true pixels", rows["pixels"], 0),
        ]
    )
