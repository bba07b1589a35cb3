"""Reading what the stages recorded about themselves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pkdn.reports.records import Plan

DATA_STAGES: Final = ("download", "align")
PARSER_STAGES: Final = ("parser",)
BASELINE_STAGES: Final = ("baseline", "evaluate_baseline")
AUTHORS_STAGES: Final = ("authors", "evaluate_authors")


class Run(NamedTuple):
    """What a stage recorded about itself.

    Attributes:
        stage: Such as ``student``.
        name: Such as ``student@synthetic-full-0``.
        fingerprint: Of the stage's parameters, inputs and code.
        started: UTC, ISO 8601.
        seconds: How long it took.
        revision: Of git, short, with ``-dirty`` where files were changed.
        mlflow_run_id: None where it was not tracked.
        tags: Text by name: ``dataset``, ``variant``, ``seed``, ``precision``…
        metrics: Numbers by name.
        machine: ``processor``, ``cores``, ``memory_gib`` and ``gpu``.
        versions: Of the libraries.
    """

    stage: str
    name: str
    fingerprint: str
    started: str
    seconds: float
    revision: str
    mlflow_run_id: str | None
    tags: Mapping[str, str]
    metrics: Mapping[str, object]
    machine: Mapping[str, object]
    versions: Mapping[str, str]


def read_runs(root: Path, plan: Plan) -> list[Run]:
    """Read the run records that belong to the plan, in the order in which the stages started."""
    paths = sorted((root / "data" / "runs").rglob("*.json"))
    runs = [_run(path, plan.mlflow_runs) for path in paths]
    return sorted((run for run in runs if _belongs(run, plan)), key=lambda run: run.started)


def _run(path: Path, mlflow_runs: Mapping[str, str]) -> Run:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    texts = {key: str(value) for key, value in record.get("tags", {}).items() if value is not None}
    return Run(
        stage=record["stage"],
        name=record["name"],
        fingerprint=record["fingerprint"],
        started=record["started"],
        seconds=float(record["seconds"]),
        revision=record["revision"] or "unknown",
        mlflow_run_id=mlflow_runs.get(record["fingerprint"], record.get("mlflow_run_id")),
        tags=texts,
        metrics=record.get("metrics", {}),
        machine=record.get("machine", {}),
        versions=record.get("versions", {}),
    )


def _belongs(run: Run, plan: Plan) -> bool:
    datasets: set[str | None] = {None, *plan.datasets}
    if run.stage in PARSER_STAGES:
        datasets = {plan.parser_dataset}
    elif run.stage in DATA_STAGES:
        datasets.add(plan.parser_dataset)
    wanted = {"dataset": datasets, "seed": {None, *map(str, plan.seeds)}}
    if run.stage in BASELINE_STAGES:
        wanted["network"] = set(plan.networks)
    if run.stage in AUTHORS_STAGES:
        wanted["network"] = set(plan.authors_recipes)
    return all(run.tags.get(tag) in values for tag, values in wanted.items())
