"""Is one system better than another? Differences over the seeds and the faces of both.

The model is the analysis of variance of faces and trainings that cross: a difference moves with the
face, with the training, and with both. Radiology compares readers on the same images so (Hillis
2007, Statistics in Medicine 26). Not stated in the paper, which has no intervals; chosen because
draws from three seeds cannot show how far seeds move a mean, nor can the seeds and faces together.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

CONFIDENCE = 0.95
POWER = 0.8
"""How often a gain that can be seen is seen."""
MOST_SEEDS = 1_000
NUM_STUDIES = 200
"""That a gain which can be seen is reckoned from."""
LEAST_P_VALUE = 1e-100
"""Smaller ones are given as this."""


class Spread(NamedTuple):
    """Standard deviations of a paired difference, in the unit of the scores.

    Attributes:
        of_seeds: what a training adds on all faces; 0 where there is one.
        of_faces: what a face adds in all trainings.
        of_both: what is left, for each face of each training; 0 where there is one training.
    """

    of_seeds: float
    of_faces: float
    of_both: float

    @classmethod
    def of(cls, differences: np.ndarray) -> "Spread":
        """Take it from differences, (num_faces, num_seeds), of two faces at least.

        What is left estimates its own share, and the variance of the means of faces and of seeds
        is freed of that.
        """
        num_faces, num_seeds = differences.shape
        faces, seeds = differences.mean(axis=1), differences.mean(axis=0)
        if num_seeds == 1:
            return cls(0.0, float(faces.std(ddof=1)), 0.0)
        rest = differences - faces[:, None] - seeds + differences.mean()
        left = (rest**2).sum() / ((num_faces - 1) * (num_seeds - 1))
        of_faces = max(0.0, faces.var(ddof=1) - left / num_seeds)
        of_seeds = max(0.0, seeds.var(ddof=1) - left / num_faces)
        return cls(math.sqrt(of_seeds), math.sqrt(of_faces), math.sqrt(left))

    def half_width(
        self, num_seeds: int, num_faces: int, level: float, *, luck: float | np.ndarray = 1.0
    ) -> Any:
        """Return half of the interval of a mean over seeds and faces, or of many.

        What trainings add and what faces add each have the quantile of their own number, as few
        seeds cannot tell how far seeds move a mean. Such an interval covers the truth as often as
        it says, or more often (Banerjee 1961, Sankhya 23; with the part that is taken away in
        `of`, by simulation on tens of faces, while on 2 or 3 it does not). One with degrees of
        freedom for both together (Satterthwaite 1946) does not where the seeds of a study agree by
        chance.

        Args:
            num_seeds: of the study; with one, trainings count for nothing.
            num_faces: of the study.
            level: how often chance alone may go beyond it, in (0, 1).
            luck: the variance that the study finds trainings to add, in units of the true one.
        """
        of_faces = self.of_faces**2 / num_faces
        square = stdtrit(num_faces - 1, level / 2) ** 2 * of_faces
        if num_seeds > 1:
            found = luck * self._of_trainings(num_seeds, num_faces)
            least = self.of_both**2 / (num_seeds * num_faces)  # as in `of`
            square = square + stdtrit(num_seeds - 1, level / 2) ** 2 * np.maximum(found, least)
        return np.sqrt(square)

    def at_most(self, num_seeds: int, num_faces: int) -> "Spread":
        """Return the spread that so few seeds, two at least, leave open.

        If trainings added that much, they would agree as well as here in one of five studies.
        """
        left = self.of_both**2 / num_faces
        more = (num_seeds - 1) / chdtri(num_seeds - 1, POWER)
        return self._replace(of_seeds=math.sqrt((self.of_seeds**2 + left) * more - left))

    def _of_trainings(self, num_seeds: int, num_faces: int) -> float:
        return self.of_seeds**2 / num_seeds + self.of_both**2 / (num_seeds * num_faces)

    def detectable(self, num_seeds: int, num_faces: int) -> float:
        """Return the gain that four of five studies of this size see: their interval excludes 0.

        Each of the studies finds another variance between its seeds.
        """
        error = math.sqrt(self.of_faces**2 / num_faces + self._of_trainings(num_seeds, num_faces))
        if not error:
            return 0.0
        freedom = max(1, num_seeds - 1)
        luck = chdtri(freedom, (np.arange(NUM_STUDIES) + 0.5) / NUM_STUDIES) / freedom
        half = self.half_width(num_seeds, num_faces, 1 - CONFIDENCE, luck=luck)

        def too_few(gain: float) -> float:
            return float(ndtr((gain - half) / error).mean()) - POWER

        return float(brentq(too_few, 0, half.max() + 10 * error))

    def seeds_needed(self, gain: float, num_faces: int) -> int | None:
        """Return with how many seeds a gain is seen on so many faces; None: with no number."""
        counts = range(2, MOST_SEEDS + 1)  # one seed establishes nothing
        place = bisect_left(counts, True, key=lambda n: self.detectable(n, num_faces) <= gain)
        return counts[place] if place < len(counts) else None


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval, in the unit of the scores.

    Attributes:
        mean: of all differences.
        low: where the interval begins.
        high: where it ends.
        p_value: two-sided: how often chance alone gives such a mean or one farther from 0.
    """

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(a: np.ndarray, b: np.ndarray) -> Interval:
    """Return the mean of ``a - b`` with its interval, over seeds and faces.

    Faces are taken in pairs, so that what makes a face hard for both systems cancels out. With one
    seed it is the interval of a paired t-test, and says nothing of other trainings. With several it
    is for other faces and other trainings alike.

    Args:
        a: (num_faces,) or (num_faces, num_seeds), the scores of one system.
        b: of the same shape, the scores of another on the same faces in the same order.

    Raises:
        ValueError: ``a`` and ``b`` differ in shape, are shorter than 2 or not finite.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim not in (1, 2) or len(a) < 2 or a.size < len(a):
        raise ValueError(f"need two rows of 2 or more scores, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the scores of a paired difference must be finite")
    difference = (a - b).reshape(len(a), -1)
    num_faces, num_seeds = difference.shape
    mean = float(difference.mean())
    spread = Spread.of(difference)
    half = float(spread.half_width(num_seeds, num_faces, 1 - CONFIDENCE))
    if not half:
        return Interval(mean, mean, mean, 0.0 if mean else 1.0)

    def beyond(exponent: float) -> float:
        return float(spread.half_width(num_seeds, num_faces, math.exp(exponent))) - abs(mean)

    lowest = math.log(LEAST_P_VALUE)
    p_value = math.exp(brentq(beyond, lowest, 0)) if beyond(lowest) > 0 else LEAST_P_VALUE
    return Interval(mean, mean - half, mean + half, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a table's comparisons, corrected for their number (Holm 1979).

    Where all of those below 0.05 are called established, a table with no true difference in it
    has one so called in at most one of twenty cases.

    Args:
        p_values: NaN where nothing was compared: it stays, and does not count.
    """
    found = np.asarray(p_values, np.float64)
    order = [index for index in np.argsort(found) if not math.isnan(found[index])]
    adjusted, highest = np.full(len(found), math.nan), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * found[index]))
        adjusted[index] = highest
    return [float(value) for value in adjusted]
