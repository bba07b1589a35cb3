"""What the stages recorded about the runs behind the report."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pkdn.reports.plan import Plan
from pkdn.runs import RunId


class Record(NamedTuple):
    """What a run recorded about itself.

    Attributes:
        run: which one.
        fingerprint: of the stage's parameters, inputs and code.
        started: UTC, ISO 8601.
        seconds: how long it took.
        revision: of git, short, with ``-dirty`` where files were changed.
        mlflow_run_id: None where it was not tracked.
        precision: of a training; empty for other runs.
        metrics: numbers by name.
        machine: ``processor``, ``cores``, ``memory_gib`` and ``gpu``.
        versions: of the libraries.
    """

    run: RunId
    fingerprint: str
    started: str
    seconds: float
    revision: str
    mlflow_run_id: str | None
    precision: str
    metrics: Mapping[str, float]
    machine: Mapping[str, object]
    versions: Mapping[str, str]


def read_records(root: Path, plan: Plan) -> list[Record]:
    """Read the records of the plan's runs, in the order in which they started."""
    runs = [run for run in plan.runs() if (root / run.record).is_file()]
    records = [_read(root, run, plan.mlflow_runs) for run in runs]
    return sorted(records, key=lambda record: (record.started, record.run.name))


def _read(root: Path, run: RunId, mlflow_runs: Mapping[str, str]) -> Record:
    found: dict[str, Any] = json.loads((root / run.record).read_text(encoding="utf-8"))
    return Record(
        run=run,
        fingerprint=found["fingerprint"],
        started=found["started"],
        seconds=float(found["seconds"]),
        revision=found["revision"] or "unknown",
        mlflow_run_id=mlflow_runs.get(found["fingerprint"], found.get("mlflow_run_id")),
        precision=found.get("tags", {}).get("precision") or "",
        metrics=found.get("metrics", {}),
        machine=found.get("machine", {}),
        versions=found.get("versions", {}),
    )
