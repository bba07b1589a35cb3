"""Is one system better than another? Paired bootstrap over the seeds and the images of both."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
# Resamples drawn at once, times scores: bounds the memory at 8 bytes each.
MAX_DRAWN = 2_000_000


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval, in the unit of the scores.

    Attributes:
        mean: of all differences.
        low: where the interval begins.
        high: where it ends.
        p_value: two-sided: how often a difference of 0 or beyond is drawn; 1 at most.
    """

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Return the mean of ``a - b`` with its percentile bootstrap interval, over seeds and images.

    Images are drawn in pairs, so that what makes a face hard for both systems cancels out. Seeds
    are drawn, too, where there are several: for each resample some of the seeds, and then some of
    the images, the same for all of these seeds, since all have seen the same images. As the seeds
    are few, their share of the spread is that of a sample: scaled by √(k / (k − 1)) for k seeds.
    With one seed the interval says nothing of other trainings.

    Args:
        a: (num_images,) or (num_images, num_seeds), the scores of one system.
        b: of the same shape, the scores of another on the same images in the same order.
        resamples: How often is drawn again.
        seed: Of the draws; equal seeds give equal intervals.

    Raises:
        ValueError: ``a`` and ``b`` differ in shape, are shorter than 2 or not finite.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim not in (1, 2) or len(a) < 2 or a.size < len(a):
        raise ValueError(f"need two rows of 2 or more scores, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the scores of a paired difference must be finite")
    difference = (a - b).reshape(len(a), -1)
    num_images, num_seeds = difference.shape
    of_images, of_seeds = np.random.default_rng(seed).spawn(2)
    inflation = math.sqrt(num_seeds / (num_seeds - 1)) if num_seeds > 1 else 0.0
    means = np.empty(resamples)
    step = max(1, MAX_DRAWN // difference.size)
    for start in range(0, resamples, step):
        part = means[start : start + step]
        images = of_images.integers(num_images, size=(len(part), num_images))
        seeds = of_seeds.integers(num_seeds, size=(len(part), num_seeds))
        by_seed = difference[images].mean(axis=1)
        centre = by_seed.mean(axis=1)
        drawn = np.take_along_axis(by_seed, seeds, axis=1).mean(axis=1)
        part[:] = centre + inflation * (drawn - centre)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    beyond = min((means <= 0).sum(), (means >= 0).sum())
    p_value = min(1.0, 2 * (1 + beyond) / (1 + resamples))
    return Interval(float(difference.mean()), float(low), float(high), float(p_value))


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
