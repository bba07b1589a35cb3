"""Numbers out of scores: means with their spread over seeds, and gains with their interval."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from pkdn import metrics
from pkdn.metrics import Interval
from pkdn.reports.columns import Metric
from pkdn.reports.tables import number

MIN_FACES = 2


class Mean(NamedTuple):
    """A mean over faces and seeds.

    Attributes:
        value: None where there are no scores.
        spread: standard deviation over seeds; None with one seed, and where training played no
            part, so that all seeds agree to the last digit.
        num_seeds: how many seeds there are.
    """

    value: float | None
    spread: float | None
    num_seeds: int

    @classmethod
    def of(cls, by_seed: Mapping[int, pd.DataFrame], metric: Metric) -> "Mean":
        """Average over faces, then over seeds; the spread is that of a sample."""
        found = [float(f[metric.name].mean()) for f in by_seed.values() if metric.name in f]
        if not found or np.isnan(found).any():
            return cls(None, None, len(found))
        spread = None if len(set(found)) == 1 else float(np.std(found, ddof=1))
        return cls(float(np.mean(found)), spread, len(found))

    def cell(self, metric: Metric) -> str:
        """Return ``mean ± spread`` in the metric's decimals."""
        text = number(self.value, metric.decimals)
        if self.value is None or self.spread is None:
            return text
        return f"{text} ± {number(self.spread, metric.decimals)}"


class Gain(NamedTuple):
    """How much better one subject scores than another on the same faces.

    Attributes:
        interval: of the mean difference over faces, each averaged over seeds.
        by_seed: the mean difference in each seed.
    """

    interval: Interval
    by_seed: tuple[float, ...]

    @classmethod
    def of(cls, ours: Mapping[int, pd.Series], theirs: Mapping[int, pd.Series]) -> "Gain | None":
        """Compare scores face by face; None where fewer than two faces can be compared."""
        pairs = [(ours[seed], theirs[seed]) for seed in ours if seed in theirs]
        if not pairs:
            return None
        differences = np.stack([(our - their).to_numpy() for our, their in pairs])
        differences = differences[:, np.isfinite(differences).all(axis=0)]
        if differences.shape[1] < MIN_FACES:
            return None
        of_faces = differences.mean(axis=0)
        interval = metrics.paired_difference(of_faces, np.zeros_like(of_faces))
        return cls(interval, tuple(float(value) for value in differences.mean(axis=1)))

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
