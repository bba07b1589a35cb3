"""The end of the page: readings, all protocols, and where every number is from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pkdn.reports import columns, readings
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import Document
from pkdn.reports.inputs import read_left_out
from pkdn.reports.plan import Plan, title
from pkdn.reports.records import Record
from pkdn.reports.tables import NOTHING, Column, Table, words

COUNTING_STAGES: Final = ("align", "parse")
# Of the figures for single classes, which would bury the others; the parser's have a table.
CLASS_MARK: Final = "_iou_"
MAX_NAMED: Final = 20


def add(
    document: Document,
    root: Path,
    plan: Plan,
    records: Sequence[Record],
    comparisons: Sequence[Comparison],
) -> None:
    """Add everything that stands behind the results."""
    document.heading("Differences and readings")
    document.text(
        "The paper leaves these questions open. Each answer is written in one place, where it can",
        "be changed.",
    )
    document.table(readings.table())
    _add_protocols(document, comparisons)
    _add_counts(document, root, plan, records)
    document.heading("Appendix C: where every number comes from")
    document.text(
        "One row for each run of a stage, named `stage@data set-system-seed`. A row of a table",
        "above rests on the run that trained it and on the one that evaluated it. The fingerprint",
        "names the stage's parameters, code and inputs; in MLflow: the tag `pkdn.fingerprint`.",
    )
    document.table(_origins(records, plan), "provenance")


def _add_protocols(document: Document, comparisons: Sequence[Comparison]) -> None:
    document.heading("Appendix A: all definitions of PSNR and SSIM")
    document.text(
        "Publications score the same images in different ways; numbers under two definitions do",
        "not compare. PSNR is in dB. These are means over the test faces and the seeds; the CSV",
        "files hold the spread.",
    )
    document.items(*columns.definitions())
    for comparison in comparisons:
        document.heading(f"On `{comparison.dataset}`", level=3)
        table, numbers = comparison.protocols()
        document.table(table)
        document.numbers(numbers, f"protocols-{comparison.dataset}")


def _add_counts(
    document: Document, root: Path, plan: Plan, records: Sequence[Record]
) -> None:
    """Add what the data stages counted, and the faces that were left out."""
    rows = [
        (record.run.stage, record.run.dataset, name, _value(value))
        for stage in COUNTING_STAGES
        for record in records
        if record.run.stage == stage
        for name, value in record.metrics.items()
        if CLASS_MARK not in name
    ]
    for dataset in plan.datasets:
        left_out = read_left_out(root, dataset)
        named = "; ".join(left_out[:MAX_NAMED]) or NOTHING
        rows += [
            ("align", dataset, "left_out", str(len(left_out))),
            ("align", dataset, "left_out_names", named),
        ]
    document.heading("Appendix B: what the data stages counted")
    stages, datasets, names, values = zip(*rows, strict=True)
    shown = [words("stage", stages), words("data set", [f"`{name}`" for name in datasets])]
    document.table(Table([*shown, words("what", names), Column("value", values)]))


def _value(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def _origins(records: Sequence[Record], plan: Plan) -> Table:
    """Return where every number comes from: a row for each run of a stage."""
    made = {run: title(subject) for subject, run in plan.trainings()}
    made |= {run.evaluation(): row for run, row in made.items()}
    runs = [record.run.name for record in records]
    fingerprints = [record.fingerprint for record in records]
    started = [record.started for record in records]
    seconds = [record.seconds for record in records]
    revisions = [record.revision for record in records]
    tracked = [record.mlflow_run_id for record in records]
    return Table(
        [
            words("stage run", [f"`{name}`" for name in runs], "run", runs),
            words("row of the tables", [made.get(record.run, NOTHING) for record in records]),
            words(
                "MLflow run",
                [f"`{name}`" if name else "not tracked" for name in tracked],
                "mlflow_run_id",
                tracked,
            ),
            words("fingerprint", [f"`{f}`" for f in fingerprints], "fingerprint", fingerprints),
            words(
                "started (UTC)", [s[:19].replace("T", " ") for s in started], "started", started
            ),
            words("git revision", revisions, "revision", revisions),
            Column("seconds", [f"{s:.1f}" for s in seconds], {"seconds": seconds}),
        ]
    )
