"""Is one system better than another? Paired bootstrap over the images that both have seen."""

from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
# Resamples drawn at once, times images: bounds the memory at 8 bytes each.
MAX_DRAWN = 2_000_000


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval, in the unit of the scores."""

    mean: float
    low: float
    high: float


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Return the mean of ``a - b`` over images with its percentile bootstrap interval.

    Images are drawn in pairs, so that what makes a face hard for both systems cancels out.
    It says nothing of the spread over training seeds.

    Args:
        a: (num_images,), the scores of one system.
        b: (num_images,), the scores of another on the same images in the same order.
        resamples: How often the images are drawn again.
        seed: Of the draws; equal seeds give equal intervals.

    Raises:
        ValueError: ``a`` and ``b`` differ in shape, are shorter than 2 or not finite.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"need two rows of 2 or more scores, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("the scores of a paired difference must be finite")
    difference = a - b
    num_images = len(difference)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, MAX_DRAWN // num_images)
    for start in range(0, resamples, step):
        part = means[start : start + step]
        drawn = random.integers(num_images, size=(len(part), num_images))
        part[:] = difference[drawn].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(difference.mean()), float(low), float(high))
