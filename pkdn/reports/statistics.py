"""Numbers out of scores: means with their spread over seeds, and gains with their interval.

Scores of one metric are a data frame: a row for each face, a column for each seed.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
import pandas as pd

from pkdn.intervals import CONFIDENCE, Interval, Spread, paired_difference
from pkdn.reports.columns import Metric
from pkdn.reports.tables import NOTHING, listing

MIN_FACES = 2
P_ESTABLISHED: Final = round(1 - CONFIDENCE, 9)
"""Below this p a gain is established."""


class Mean(NamedTuple):
    """A mean over faces and seeds.

    Attributes:
        value: NaN where there are no scores.
        spread: standard deviation over seeds; NaN with one seed, and where training played no
            part, so that all seeds agree to the last digit.
        num_seeds: how many seeds there are.
    """

    value: float
    spread: float
    num_seeds: int

    @classmethod
    def of(cls, scores: pd.DataFrame) -> Self:
        """Average over faces, then over seeds; the spread is that of a sample."""
        by_seed = scores.mean()
        spread = by_seed.std(skipna=False) if by_seed.nunique() > 1 else math.nan
        return cls(float(by_seed.mean(skipna=False)), float(spread), len(by_seed))

    def cell(self, metric: Metric) -> str:
        """Return ``mean ± spread`` in the metric's decimals."""
        text = metric.text(self.value)
        return text if math.isnan(self.spread) else f"{text} ± {metric.text(self.spread)}"


def over(seeds: Sequence[int]) -> str:
    """Say over which trainings means are taken, and what their spread is."""
    if len(seeds) == 1:
        return f"Each row is one training, with the seed {seeds[0]}."
    return (
        f"Means are over the seeds {listing(map(str, seeds))}; ± is the standard deviation over "
        "these, and no interval."
    )


class Gain(NamedTuple):
    """How much better one subject scores than another on the same faces.

    Attributes:
        interval: of the mean difference, over seeds and faces; NaN where fewer than two faces can
            be compared.
        by_seed: the mean difference in each seed.
        spread: over seeds and faces; None where there is one seed.
        num_faces: that were compared.
    """

    interval: Interval
    by_seed: tuple[float, ...]
    spread: Spread | None = None
    num_faces: int = 0

    @classmethod
    def of(cls, ours: pd.DataFrame, theirs: pd.DataFrame) -> Self:
        """Compare scores face by face."""
        seeds = ours.columns.intersection(theirs.columns)
        differences = (
            (ours[seeds] - theirs[seeds]).replace([math.inf, -math.inf], math.nan).dropna()
        )
        if seeds.empty or len(differences) < MIN_FACES:
            return cls(Interval(math.nan, math.nan, math.nan, math.nan), ())
        scores = differences.to_numpy()
        interval = paired_difference(scores, np.zeros_like(scores))
        spread = Spread.of(scores) if len(seeds) > 1 else None
        return cls(interval, (*differences.mean(),), spread, len(differences))

    @property
    def is_nothing(self) -> bool:
        """Whether both score the same on every face."""
        return self.interval[:3] == (0, 0, 0)

    def verdict(self, p_value: float) -> str:
        """Say plainly whether the gain is established.

        Args:
            p_value: corrected for the number of comparisons.
        """
        mean, low, high, _ = self.interval
        if math.isnan(mean):
            return NOTHING
        if self.is_nothing:
            return "no: the same on every face"
        word = "better" if mean > 0 else "worse"
        if low <= 0 <= high:
            return "no: the interval includes 0"
        if p_value >= P_ESTABLISHED:
            return f"no: {word}, but chance would do that once in so many comparisons"
        if len(self.by_seed) == 1:
            return f"no: {word} for this training; other seeds are not known"
        return f"yes: {word}"
