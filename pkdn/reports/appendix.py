"""The end of the page: cost, parser, readings, all protocols, and where every number is from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pkdn import metrics
from pkdn.reports import account, parts, readings
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import Document
from pkdn.reports.records import Plan, read_metrics
from pkdn.reports.runs import Run
from pkdn.reports.tables import NOTHING, Table, listing

DATA_STAGES: Final = ("align", "parse")
# Of the figures for single classes, which would bury the others; the parser's have a table.
CLASS_MARK: Final = ".iou_"
OTHER_PROFILE: Final = {"demo": "paper", "paper": "demo"}


def add_complexity(
    document: Document, plan: Plan, complexity: Sequence[Mapping[str, str]], runs: Sequence[Run]
) -> None:
    """Add sizes in both profiles and the speed of the profile that was run."""
    document.heading("Complexity")
    document.text(
        "What one face costs. When a face is enlarged, PKDN's student *is* KDFSRNet's student",
        "network, layer for layer: what differs is the teacher that it has learnt from, and so the",
        "weights. A teacher sees the HR parsing map and runs in training alone. A GMAC is 10⁹",
        "multiply–adds.",
    )
    other = OTHER_PROFILE[plan.profile]
    document.text(f"**As run here: the {plan.profile} profile.**")
    document.table(
        parts.sizes(complexity, plan.profile), parts.complexity_numbers(complexity), "complexity"
    )
    measured = [run for run in runs if run.stage == "complexity"]
    document.text(
        f"Measured on {'; '.join(account.machines(measured)) or 'a machine that is not recorded'},",
        f"{listing(account.accelerators(measured)) or 'no GPU'}, in",
        f"{listing(account.precisions(measured)) or 'a precision that is not recorded'}. Memory is",
        "what a pass needs beyond the weights and its input.",
    )
    document.table(parts.speeds(complexity, plan.profile))
    document.text(f"**In the {other} profile** (sizes alone: not run here):")
    document.table(parts.sizes(complexity, other))


def add_parser(document: Document, root: Path, plan: Plan) -> None:
    """Add the parser's IoU for each class, and its picture."""
    document.heading("The parser")
    iou = parts.read_iou(root)
    if plan.parser_dataset is None or not iou:
        document.text("The parsing maps come from a BiSeNet that was not trained here.")
        return
    document.text(
        f"The parsing maps come from a BiSeNet that was trained here on `{plan.parser_dataset}`.",
        _agreement(root),
        "Class by class, by intersection over union (– for a class that these faces do not have):",
    )
    document.table(*parts.iou_table(iou), "parser-iou")
    strangers = [f"`{name}`" for name in plan.datasets if name != plan.parser_dataset]
    if strangers:
        document.text(
            f"It has never seen faces such as those of {listing(strangers)}: there its maps may",
            "be poor, and with them the teachers and the parsing mIoU.",
        )
    picture = root / parts.IOU_PICTURE
    if picture.is_file():
        document.text("Photo, truth and prediction:")
        document.copied_figure(picture, "parser-examples", "Photo, truth, prediction")


def _agreement(root: Path) -> str:
    found = read_metrics(root, "parser")
    if "miou" not in found:
        return "It was judged by the true label maps of faces that it was not trained on."
    return (
        f"On {found['test_faces']} faces that it was not trained on, its maps agree with the true "
        f"ones by a mean IoU of {_value(found['miou'])} over the classes, and in "
        f"{_value(found['pixel_accuracy'])} of all pixels; in close-ups of them, framed more as "
        f"Helen's crops are, by a mean IoU of {_value(found['close_up_miou'])}."
    )


def add_readings(document: Document) -> None:
    """Add the questions that the paper leaves open."""
    document.heading("Differences and readings")
    document.text(
        "The paper leaves these questions open. Each answer is written in one place, where it can",
        "be changed.",
    )
    document.table(readings.table())


def add_protocols(document: Document, comparisons: Sequence[Comparison]) -> None:
    """Add every metric of everything that was scored."""
    document.heading("Appendix A: all definitions of PSNR and SSIM")
    document.text(
        "Publications score the same images in different ways; numbers under two definitions do",
        "not compare. PSNR is in dB. These are means over the test faces and the seeds; the CSV",
        "files hold the spread.",
    )
    document.items(*(f"`{name}`: {metrics.load(name).TITLE}" for name in metrics.names()))
    for comparison in comparisons:
        document.heading(f"On `{comparison.dataset}`", level=3)
        document.table(*comparison.protocols(), f"protocols-{comparison.dataset}")


def add_data_metrics(document: Document, root: Path, plan: Plan) -> None:
    """Add what the data stages counted, such as faces that were left out."""
    rows = [
        (stage, f"`{dataset}`", name, _value(value))
        for stage in DATA_STAGES
        for dataset in plan.datasets
        for name, value in read_metrics(root, stage, dataset).items()
        if CLASS_MARK not in name
    ]
    if rows:
        document.heading("Appendix B: what the data stages counted")
        document.table(Table(("stage", "data set", "what", "value"), rows, left=3))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOTHING
    return str(value)


def add_provenance(
    document: Document, plan: Plan, runs: Sequence[Run], titles: Mapping[str, str]
) -> None:
    """Add where every number comes from."""
    document.heading("Appendix C: where every number comes from")
    document.text(
        "One row for each run of a stage, named `stage@data set-system-seed`. A row of a table",
        "above rests on the run that trained it and on the one that evaluated it. The fingerprint",
        "names the stage's parameters, code and inputs; in MLflow: the tag `pkdn.fingerprint`.",
    )
    document.table(*account.provenance(runs, plan, titles), "provenance")
