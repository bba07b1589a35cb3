"""Reading the scores of one data set, as far as the plan asks for them."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pkdn.errors import UserError
from pkdn.files import reading
from pkdn.reports.columns import Metric
from pkdn.reports.inputs import read_csv
from pkdn.reports.plan import Plan
from pkdn.reports.statistics import Gain, Mean
from pkdn.systems import Subject


class Scores(NamedTuple):
    """The scores of one data set.

    Attributes:
        frames: by subject and seed, a row for each test face and a column for each metric.
        absences: why something was not trained, such as "needs landmarks".
        faces: what identifies the faces of all splits, by an evaluation's record; empty: unknown.
    """

    frames: Mapping[Subject, Mapping[int, pd.DataFrame]]
    absences: Mapping[Subject, str]
    faces: str = ""

    def mean(self, subject: Subject, metric: Metric) -> Mean:
        """Average over faces, then over seeds."""
        return Mean.of(self.by_seed(subject, metric))

    def gain(self, subject: Subject, other: Subject, metric: Metric) -> Gain:
        """Compare two subjects face by face."""
        return Gain.of(self.by_seed(subject, metric), self.by_seed(other, metric))

    def present(self, known: list[Metric]) -> list[Metric]:
        """Return those of the metrics that anything has a score in."""
        frames = [frame for by_seed in self.frames.values() for frame in by_seed.values()]
        return [metric for metric in known if any(metric.name in frame for frame in frames)]

    def judged(self, metric: Metric) -> tuple[int, int]:
        """Return on how many faces every subject has a score, of how many."""
        columns = [
            frame[metric.name]
            for by_seed in self.frames.values()
            for frame in by_seed.values()
            if metric.name in frame
        ]
        found = pd.concat(columns, axis=1).notna().all(axis=1)
        return int(found.sum()), len(found)

    def by_seed(self, subject: Subject, metric: Metric) -> pd.DataFrame:
        """Return a row for each face and a column for each seed that has the metric."""
        frames = self.frames.get(subject, {})
        return pd.DataFrame({s: f[metric.name] for s, f in frames.items() if metric.name in f})


def read_scores(root: Path, plan: Plan, dataset: str) -> Scores:
    """Read the scores of everything that the plan asks for, but for what was not trained.

    Raises:
        UserError: a file is missing or empty, or two subjects were scored on different faces.
    """
    frames: dict[Subject, dict[int, pd.DataFrame]] = {}
    absences: dict[Subject, str] = {}
    first: tuple[Path, pd.DataFrame] | None = None
    digest = ""
    judged: dict[str, pd.Series[bool]] = {}
    for subject, seed in product(plan.subjects, plan.seeds):
        run = subject.run(dataset, seed).evaluation()
        if (root / run.absence).is_file():
            absences[subject] = (root / run.absence).read_text(encoding="utf-8").strip()
            continue
        path = root / run.scores
        frame = read_csv(path, "name").set_index("name")
        if frame.empty:
            raise UserError(f"expected a row for each test face in {path}, which has none")
        if not first:
            first, digest = (path, frame), _digest(root / run.record)
        if not frame.index.equals(first[1].index):
            raise UserError(
                f"expected scores of the same faces in {first[0]} and {path}: "
                "run `dvc repro` to bring both up to date"
            )
        _check_judged(judged, frame, path)
        frames.setdefault(subject, {})[seed] = frame
    return Scores(frames, absences, digest)


def _digest(record: Path) -> str:
    """Return what identifies the faces that an evaluation read, where its record says."""
    if not record.is_file():
        return ""
    with reading(record):
        found = json.loads(record.read_text(encoding="utf-8"))["datasets"]
        return str(found[0]["digest"]) if found else ""


def _check_judged(known: dict[str, "pd.Series[bool]"], frame: pd.DataFrame, path: Path) -> None:
    """Refuse means over different faces.

    Args:
        known: for each metric, which faces have no number; those that are new are added.
        frame: of scores.
        path: of its file.

    Raises:
        UserError: a metric has none for other faces than of what was scored before.
    """
    for column, is_missing in frame.isna().items():
        if not known.setdefault(str(column), is_missing).equals(is_missing):
            raise UserError(
                f"expected {column} to be NaN for the same faces whatever is scored, got others in "
                f"{path}: it may be so where nothing can be measured in the true face alone; mend "
                f"pkdn/perceptual/{str(column).partition('.')[0]}.py"
            )
