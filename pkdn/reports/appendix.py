"""The tables at the end: what the data stages counted, and where every number is from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pkdn.reports.inputs import read_left_out
from pkdn.reports.plan import Plan, title
from pkdn.reports.records import Record
from pkdn.reports.tables import NOTHING, Column, Table, words

COUNTING_STAGES: Final = ("align", "parse")
# Of the figures for single classes, which would bury the others; the parser's have a table.
CLASS_MARK: Final = "_iou_"
MAX_NAMED: Final = 20


def counts(root: Path, plan: Plan, records: Sequence[Record]) -> Table:
    """Return what the data stages counted, and the faces that were left out."""
    rows = [
        (stage, record.run.dataset, name, _value(value))
        for stage in COUNTING_STAGES
        for record in records
        if record.run.stage == stage
        for name, value in record.metrics.items()
        if CLASS_MARK not in name
    ]
    for dataset in plan.datasets:
        left_out = read_left_out(root, dataset)
        named = "; ".join(left_out[:MAX_NAMED]) or NOTHING
        rows.append(("align", dataset, "left_out", str(len(left_out))))
        rows.append(("align", dataset, "left_out_names", named))
    stages, datasets, names, values = zip(*rows, strict=True)
    shown = [words("stage", stages), words("data set", [f"`{name}`" for name in datasets])]
    return Table([*shown, words("what", names), Column("value", values)])


def _value(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def origins(plan: Plan, records: Sequence[Record]) -> Table:
    """Return where every number comes from: a row for each run of a stage."""
    made = {run: title(subject) for subject, run in plan.trainings()}
    made |= {run.evaluation(): row for run, row in made.items()}
    runs = [record.run.name for record in records]
    tracked = [record.mlflow_run_id for record in records]
    fingerprints = [record.fingerprint for record in records]
    started = [record.started for record in records]
    moments = [moment[:19].replace("T", " ") for moment in started]
    revisions = [record.revision for record in records]
    seconds = [record.seconds for record in records]
    mlflow_runs = [f"`{name}`" if name else "not tracked" for name in tracked]
    return Table(
        [
            words("stage run", [f"`{name}`" for name in runs], "run", runs),
            words("row of the tables", [made.get(record.run, NOTHING) for record in records]),
            words("MLflow run", mlflow_runs, "mlflow_run_id", tracked),
            words("fingerprint", [f"`{f}`" for f in fingerprints], "fingerprint", fingerprints),
            words("started (UTC)", moments, "started", started),
            words("git revision", revisions, "revision", revisions),
            Column("seconds", [f"{s:.1f}" for s in seconds], {"seconds": seconds}),
        ]
    )
