"""Is one system better than another? Differences over the seeds and the faces of both.

The model is the analysis of variance of faces and trainings that cross: a difference moves with the
face, with the training, and with both. Radiology compares readers on the same images so (Hillis
2007, Statistics in Medicine 26). Not stated in the paper, which has no intervals; chosen because
draws from three seeds cannot show how far seeds move a mean.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
POWER = 0.8
"""How often a gain that can be seen is seen."""
MOST_SEEDS = 1_000


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

    def of_mean(self, num_seeds: int, num_faces: int) -> tuple[float, float]:
        """Return the standard error of a mean over seeds and faces, and its degrees of freedom.

        The degrees of freedom are Satterthwaite's (1946): close to the number of seeds where
        seeds move the mean most, and to that of faces where faces do.
        """
        both = self.of_both**2
        seeds = num_faces * self.of_seeds**2 + both
        faces = num_seeds * self.of_faces**2 + both
        total = seeds + faces - both
        squares = faces**2 / (num_faces - 1)
        if num_seeds > 1:
            squares += seeds**2 / (num_seeds - 1) + both**2 / ((num_faces - 1) * (num_seeds - 1))
        freedom = total**2 / squares if squares else 1.0  # nothing moves the mean: any will do
        return math.sqrt(total / (num_seeds * num_faces)), freedom

    def detectable(self, num_seeds: int, num_faces: int) -> float:
        """Return the gain that four of five studies of this size see: their interval excludes 0."""
        error, freedom = self.of_mean(num_seeds, num_faces)
        return float(error * stdtrit(freedom, [(1 + CONFIDENCE) / 2, POWER]).sum())

    def seeds_needed(self, gain: float, num_faces: int) -> int | None:
        """Return with how many seeds a gain is seen on so many faces; None: with no number."""
        counts = range(2, MOST_SEEDS + 1)  # one seed establishes nothing
        return next((n for n in counts if self.detectable(n, num_faces) <= gain), None)


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
    error, freedom = Spread.of(difference).of_mean(num_seeds, num_faces)
    if not error:
        return Interval(mean, mean, mean, 0.0 if mean else 1.0)
    half = error * float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    p_value = 2 * float(stdtr(freedom, -abs(mean) / error))
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
