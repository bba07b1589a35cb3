"""Reading the scores of one data set, as far as the plan asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pkdn.errors import UserError
from pkdn.reports import columns
from pkdn.reports.columns import Metric
from pkdn.reports.inputs import check_exists, read_csv
from pkdn.reports.plan import Plan
from pkdn.reports.statistics import Gain, Mean
from pkdn.systems import Subject


@dataclass(frozen=True)
class Scores:
    """The scores of one data set.

    Attributes:
        frames: by subject and seed, a row for each test face and a column for each metric.
        absences: why something was not trained, such as "needs landmarks".
    """

    frames: Mapping[Subject, Mapping[int, pd.DataFrame]]
    absences: Mapping[Subject, str]

    def mean(self, subject: Subject, metric: Metric) -> Mean:
        """Average over faces, then over seeds."""
        return Mean.of(self.frames.get(subject, {}), metric)

    def gain(self, subject: Subject, other: Subject, metric: Metric) -> Gain | None:
        """Compare two subjects face by face; None where they have no scores to compare."""
        ours, theirs = (
            {seed: f[metric.name] for seed, f in self.frames.get(s, {}).items() if metric.name in f}
            for s in (subject, other)
        )
        return Gain.of(ours, theirs)

    def present(self, known: list[Metric]) -> list[Metric]:
        """Return those of the metrics that anything has a score in."""
        frames = [frame for by_seed in self.frames.values() for frame in by_seed.values()]
        return [metric for metric in known if any(metric.name in frame for frame in frames)]

    def headlines(self, subject: Subject) -> dict[str, float]:
        """Return a subject's means in the main metrics, as ``metrics.json`` shows them."""
        shown = {"psnr": columns.PSNR, "ssim": columns.SSIM, "parsing_miou": columns.PARSING_MIOU}
        means = {name: self.mean(subject, metric).value for name, metric in shown.items()}
        return {name: round(value, 4) for name, value in means.items() if value is not None}


def score_files(root: Path, plan: Plan) -> list[Path]:
    """Return the files of scores that the plan asks for, or those that say why there are none.

    Raises:
        UserError: one is missing.
    """
    evaluations = [training.evaluation() for _, training in plan.trainings()]
    paths = [
        root / (run.absence if (root / run.absence).is_file() else run.scores)
        for run in evaluations
    ]
    for path in paths:
        check_exists(path)
    return paths


def read_scores(root: Path, plan: Plan, dataset: str) -> Scores:
    """Read the scores of everything that the plan asks for, but for what was not trained.

    Raises:
        UserError: a file is missing, or two subjects were scored on different faces.
    """
    frames: dict[Subject, dict[int, pd.DataFrame]] = {}
    absences: dict[Subject, str] = {}
    first: tuple[Path, pd.DataFrame] | None = None
    for subject, training in plan.trainings():
        if training.dataset != dataset or training.seed is None:
            continue
        run = training.evaluation()
        if (root / run.absence).is_file():
            absences[subject] = (root / run.absence).read_text(encoding="utf-8").strip()
            continue
        path = root / run.scores
        frame = _read(path)
        first = first or (path, frame)
        if not frame.index.equals(first[1].index):
            raise UserError(
                f"expected scores of the same faces in {first[0]} and {path}: "
                "run `dvc repro` to bring both up to date"
            )
        frames.setdefault(subject, {})[training.seed] = frame
    return Scores(frames, absences)


def _read(path: Path) -> pd.DataFrame:
    frame = read_csv(path).set_index("name")
    if frame.empty:
        raise UserError(f"expected a row for each test face in {path}, which has none")
    return frame
