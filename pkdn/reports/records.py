"""Reading what the stages left: scores, curves and tables.

Only the files of the current parameters' data sets, seeds and networks are opened; what other
parameters left beside them is not seen.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.reports.systems import Subject, all_subjects

SCORES: Final = "scores.csv"
ABSENT: Final = "absent.txt"


@dataclass(frozen=True)
class Plan:
    """What the current parameters ask for.

    Attributes:
        profile: ``demo`` or ``paper``.
        datasets: Names of data sets.
        seeds: Seeds of training.
        networks: The systems that PKDN is compared with.
        authors_recipes: Those of them that were trained by their authors' recipes too.
        parser_dataset: The labelled faces that the parser was trained on; None for a parser
            that was not trained here.
        settings: Further parameters to print, by name.
        mlflow_runs: MLflow's run for each fingerprint, as far as it has one.
    """

    profile: str
    datasets: Sequence[str]
    seeds: Sequence[int]
    networks: Sequence[str]
    authors_recipes: Sequence[str]
    parser_dataset: str | None
    settings: Mapping[str, object]
    mlflow_runs: Mapping[str, str] = field(default_factory=dict)


class Scores(NamedTuple):
    """The scores of one subject trained with one seed.

    Attributes:
        names: The test faces.
        values: By column such as ``y_crop8.psnr``: float64, one for each face, NaN for none.
    """

    names: tuple[str, ...]
    values: Mapping[str, np.ndarray]


Results = dict[tuple[str, Subject], dict[int, Scores]]
"""Scores by data set, subject and seed."""

Absences = dict[tuple[str, Subject], str]
"""Why something was not trained, such as "needs landmarks", by data set and subject."""


def subjects(plan: Plan) -> list[Subject]:
    """Return everything that the plan scores."""
    return all_subjects(plan.networks, plan.authors_recipes)


def score_files(root: Path, plan: Plan) -> list[Path]:
    """Return the files of scores that the plan asks for, or those that say why there are none.

    Raises:
        UserError: One is missing.
    """
    paths = []
    for folder in _folders(root, plan):
        reason = folder / ABSENT
        paths.append(reason if reason.is_file() else folder / SCORES)
        _check_exists(paths[-1])
    return paths


def _folders(root: Path, plan: Plan) -> list[Path]:
    return [
        scores_folder(root, subject, dataset, seed)
        for dataset in plan.datasets
        for subject in subjects(plan)
        for seed in plan.seeds
    ]


def read_absences(root: Path, plan: Plan) -> Absences:
    """Read why subjects have no scores; those that have some are not in it."""
    found: Absences = {}
    for dataset in plan.datasets:
        for subject in subjects(plan):
            path = scores_folder(root, subject, dataset, plan.seeds[0]) / ABSENT
            if path.is_file():
                found[dataset, subject] = path.read_text(encoding="utf-8").strip()
    return found


def read_results(root: Path, plan: Plan) -> Results:
    """Read the scores of everything that the plan asks for, but for what was not trained.

    Raises:
        UserError: A file is missing, or two subjects were scored on different faces.
    """
    results: Results = {}
    for dataset in plan.datasets:
        reference: tuple[Path, Scores] | None = None
        for subject in subjects(plan):
            for seed in plan.seeds:
                folder = scores_folder(root, subject, dataset, seed)
                if (folder / ABSENT).is_file():
                    continue
                path = folder / SCORES
                scores = _read_scores(path)
                reference = reference or (path, scores)
                if scores.names != reference[1].names:
                    raise UserError(
                        f"expected scores of the same faces in {reference[0]} and {path}: "
                        "run `dvc repro` to bring both up to date"
                    )
                results.setdefault((dataset, subject), {})[seed] = scores
    return results


def scores_folder(root: Path, subject: Subject, dataset: str, seed: int) -> Path:
    """Return the folder with a subject's ``scores.csv`` and ``examples/``."""
    return root / "data" / "scores" / subject.kind / subject.key(dataset, seed)


def _read_scores(path: Path) -> Scores:
    rows = read_rows(path)
    if not rows:
        raise UserError(f"expected a row for each test face in {path}, which has none")
    values = {
        column: np.array([to_float(row[column]) for row in rows])
        for column in rows[0]
        if column != "name"
    }
    return Scores(tuple(row["name"] for row in rows), values)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file.

    Raises:
        UserError: It is missing.
    """
    _check_exists(path)
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"expected {path}, which is missing: run `dvc repro` to make it")


def to_float(text: str | None) -> float:
    """Return the number in a CSV field, NaN where it is empty."""
    return float(text) if text else float("nan")


def read_curve(
    root: Path, subject: Subject, dataset: str, seed: int, phase: str = ""
) -> dict[str, np.ndarray]:
    """Read a training curve: columns such as ``step`` and ``loss``; empty if there is none.

    Args:
        root: The root of the repository.
        subject: What was trained.
        dataset: The data set.
        seed: The seed.
        phase: Of a stage that trains several networks, such as ``teacher``.
    """
    name = "-".join(filter(None, (subject.key(dataset, seed), phase)))
    path = root / "data" / "curves" / subject.kind / f"{name}.csv"
    if not path.is_file():
        return {}
    rows = read_rows(path)
    columns = rows[0] if rows else {}
    return {column: np.array([to_float(row[column]) for row in rows]) for column in columns}


def read_metrics(root: Path, stage: str, dataset: str = "") -> dict[str, object]:
    """Read ``data/metrics/STAGE/DATASET.json``, or ``STAGE.json``; {} where it is missing.

    Nested keys are joined by dots.
    """
    path = (root / "data" / "metrics" / stage / dataset).with_suffix(".json")
    if not path.is_file():
        return {}
    return dict(_flatten(json.loads(path.read_text(encoding="utf-8")), ""))


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def count_faces(root: Path, dataset: str) -> dict[str, int]:
    """Count the faces of each split in the crop index."""
    rows = read_rows(root / "data" / "faces" / dataset / "index.csv")
    return {split: sum(row["split"] == split for row in rows) for split in SPLITS}
