"""Numbers out of scores: means over faces, spread over seeds, paired differences."""

from typing import Final, NamedTuple

import numpy as np

from pkdn import metrics
from pkdn.metrics import Column, Interval
from pkdn.reports.records import Results
from pkdn.reports.systems import Subject
from pkdn.reports.tables import NOTHING, number, with_spread

# A sample's standard deviation; with one seed there is none.
DEGREES_OF_FREEDOM: Final = 1
MIN_FACES: Final = 2


class Metric(NamedTuple):
    """One column of ``scores.csv`` and how it is shown.

    Attributes:
        name: Such as ``y_crop8.psnr``.
        column: Its title, arrow, decimals and unit, from the metric's own file.
    """

    name: str
    column: Column

    @property
    def heading(self) -> str:
        """Return the title with arrow and unit: ``PSNR ↑, dB``."""
        unit = f", {self.column.unit}" if self.column.unit else ""
        return f"{self.column.title} {self.column.arrow}{unit}"

    @property
    def highest(self) -> bool:
        """Whether a larger number is better."""
        return self.column.arrow == "↑"


class Mean(NamedTuple):
    """A mean over faces and seeds.

    Attributes:
        value: None where there are no scores.
        spread: Standard deviation over seeds; None with one seed, and where training played no
            part, so that all seeds agree to the last digit.
        num_seeds: How many seeds there are.
    """

    value: float | None
    spread: float | None
    num_seeds: int

    def cell(self, metric: Metric) -> str:
        """Return ``mean ± spread`` in the metric's decimals."""
        return with_spread(self.value, self.spread, metric.column.decimals)


class Gain(NamedTuple):
    """How much better one subject scores than another on the same faces.

    Attributes:
        interval: Of the mean difference over faces, each averaged over seeds.
        by_seed: The mean difference in each seed.
    """

    interval: Interval
    by_seed: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """Say plainly whether the interval excludes 0, and what is known of other seeds."""
        mean, low, high = self.interval
        if low <= 0 <= high:
            return "no: the interval includes 0"
        word = "yes: better" if mean > 0 else "yes: worse"
        if any(np.sign(value) != np.sign(mean) for value in self.by_seed):
            return f"{word} on average, but not with every seed"
        return f"{word}, for this one seed" if len(self.by_seed) == 1 else word

    def cells(self, decimals: int) -> list[str]:
        """Return the gain, its interval, the gain in each seed, and the verdict."""
        mean, low, high = (number(value, decimals, signed=True) for value in self.interval)
        by_seed = ", ".join(number(value, decimals, signed=True) for value in self.by_seed)
        return [mean, f"{low} to {high}", by_seed, self.verdict]


NO_GAIN: Final = [NOTHING] * 4


def metrics_of(results: Results) -> list[Metric]:
    """Return the metrics in any of the scores, the primary protocol first, in their files' order.

    A column whose metric is no longer in the project is left out.
    """
    present = {
        column for by_seed in results.values() for s in by_seed.values() for column in s.values
    }
    known = [
        Metric(f"{name}.{column.key}", column)
        for name in metrics.names()
        for column in metrics.load(name).COLUMNS
    ]
    return [metric for metric in known if metric.name in present]


def main_metrics(results: Results) -> list[Metric]:
    """Return the columns of the main tables: the primary protocol's, then what is no protocol."""
    protocols = set(metrics.protocols()) - {metrics.PRIMARY}
    return [m for m in metrics_of(results) if m.name.split(".")[0] not in protocols]


def primary(key: str) -> Metric:
    """Return the primary protocol's metric ``psnr`` or ``ssim``."""
    columns = {column.key: column for column in metrics.load(metrics.PRIMARY).COLUMNS}
    return Metric(f"{metrics.PRIMARY}.{key}", columns[key])


def mean(results: Results, dataset: str, subject: Subject, metric: Metric) -> Mean:
    """Average over faces, then over seeds."""
    per_seed = [
        _nan_mean(scores.values[metric.name])
        for scores in results.get((dataset, subject), {}).values()
        if metric.name in scores.values
    ]
    if not per_seed or np.isnan(per_seed).any():
        return Mean(None, None, len(per_seed))
    same = len(set(per_seed)) == 1
    spread = None if same else float(np.std(per_seed, ddof=DEGREES_OF_FREEDOM))
    return Mean(float(np.mean(per_seed)), spread, len(per_seed))


def _nan_mean(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def gain(
    results: Results, dataset: str, subject: Subject, other: Subject, metric: Metric
) -> Gain | None:
    """Compare two subjects face by face; None where they have no scores to compare."""
    ours, theirs = results.get((dataset, subject)), results.get((dataset, other))
    if not ours or not theirs:
        return None
    try:
        differences = np.stack(
            [ours[seed].values[metric.name] - theirs[seed].values[metric.name] for seed in ours]
        )
    except KeyError:
        return None
    differences = differences[:, np.isfinite(differences).all(axis=0)]
    if differences.shape[1] < MIN_FACES:
        return None
    of_faces = differences.mean(axis=0)
    interval = metrics.paired_difference(of_faces, np.zeros_like(of_faces))
    return Gain(interval, tuple(float(value) for value in differences.mean(axis=1)))
