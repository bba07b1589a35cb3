"""The section on the face parser."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pkdn.reports.document import Document
from pkdn.reports.inputs import read_csv
from pkdn.reports.plan import PARSER, Plan
from pkdn.reports.records import Record
from pkdn.reports.tables import Column, Table, listing, plain, words

IOU_DECIMALS = 4


def add(document: Document, root: Path, plan: Plan, records: Sequence[Record]) -> None:
    """Add the parser's IoU for each class, and its picture."""
    document.heading("The parser")
    if plan.parser_dataset is None:
        document.text("The parsing maps come from a BiSeNet that was not trained here.")
        return
    metrics = next((record.metrics for record in records if record.run == PARSER), {})
    document.text(
        f"The parsing maps come from a BiSeNet that was trained here on `{plan.parser_dataset}`.",
        _agreement(metrics),
        "Class by class, by intersection over union (– for a class that these faces do not have):",
    )
    iou = root / PARSER.folder / "iou.csv"
    document.table(_classes(iou))
    document.copied_table(iou, "parser-iou")
    strangers = [f"`{name}`" for name in plan.datasets if name != plan.parser_dataset]
    if strangers:
        document.text(
            f"It has never seen faces such as those of {listing(strangers)}: there its maps may",
            "be poor, and with them the teachers and the parsing mIoU.",
        )
    picture = root / PARSER.folder / "examples.png"
    if picture.is_file():
        document.text("Photo, truth and prediction:")
        document.copied_figure(picture, "parser-examples", "Photo, truth, prediction")


def _agreement(metrics: Mapping[str, float]) -> str:
    if "test_miou" not in metrics:
        return "It was judged by the true label maps of faces that it was not trained on."
    faces = f"{metrics['test_faces']:.0f}" if "test_faces" in metrics else "the test"
    return (
        f"On {faces} faces that it was not trained on, its maps agree with the true ones by a mean "
        f"IoU of {metrics['test_miou']:.4g} over the classes, and in "
        f"{metrics['test_pixel_accuracy']:.4g} of all pixels; in close-ups of them, framed more as "
        f"Helen's crops are, by a mean IoU of {metrics['test_close_up_miou']:.4g}."
    )


def _classes(path: Path) -> Table:
    rows = read_csv(path)
    return Table(
        [
            words("label", rows["class"].astype(str)),
            words("class", rows["name"]),
            plain("IoU ↑", rows["iou"], IOU_DECIMALS),
            Column("true pixels", rows["pixels"].astype(str)),
        ]
    )
