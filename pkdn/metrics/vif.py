"""Visual information fidelity: how much of what the HR face tells is still there.

Sheikh and Bovik 2006, in its pixel domain, as their own code computes it: at four scales both
images are seen as local Gaussians, and what an observer with noise can tell of HR from SR is
divided by what they can tell from HR itself.
"""

from typing import Final

import numpy as np
from scipy.ndimage import correlate1d

from pkdn.metrics._protocols import Column, check, luma, quantize

TITLE: Final = "VIF in the pixel domain, on uint8 luma, no crop, 4 scales, noise variance 2"
COLUMNS: Final = (Column(key="vif", title="VIF", arrow="↑", decimals=4, unit=""),)

NUM_SCALES: Final = 4
NOISE: Final = 2.0
"""Variance of the observer's noise, in squared levels."""
LEAST: Final = 1e-10
"""Variances below it count as none."""


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Return the share of information, 1 for equal images; see :mod:`pkdn.metrics` for the rest.

    It can be above 1 where SR has more contrast than HR. An HR image of one colour tells nothing,
    of which nothing can be lost: 1.
    """
    check(sr_image, hr_image)
    sr, hr = (np.rint(luma(image)[0]) for image in (quantize(sr_image), hr_image))
    kept = told = 0.0
    for scale in range(NUM_SCALES):
        size = 2 ** (NUM_SCALES - scale) + 1
        if scale:
            sr, hr = (_blurred(image, size)[::2, ::2] for image in (sr, hr))
        of_sr, of_hr = _information(sr, hr, size)
        kept, told = kept + of_sr, told + of_hr
    return {"vif": kept / told if told else 1.0}


def _information(sr: np.ndarray, hr: np.ndarray, size: int) -> tuple[float, float]:
    """Return what can be told of HR from SR, and from HR, at one scale."""
    sr_mean, hr_mean = _blurred(sr, size), _blurred(hr, size)
    sr_variance = np.maximum(_blurred(sr * sr, size) - sr_mean**2, 0)
    hr_variance = np.maximum(_blurred(hr * hr, size) - hr_mean**2, 0)
    covariance = _blurred(sr * hr, size) - sr_mean * hr_mean
    is_flat = hr_variance < LEAST
    gain = np.where(is_flat | (sr_variance < LEAST), 0, covariance / (hr_variance + LEAST))
    gain = np.maximum(gain, 0)
    hr_variance = np.where(is_flat, 0, hr_variance)
    rest = np.maximum(sr_variance - gain * covariance, LEAST)
    of_sr = np.log10(1 + gain**2 * hr_variance / (rest + NOISE)).sum()
    return float(of_sr), float(np.log10(1 + hr_variance / NOISE).sum())


def _blurred(image: np.ndarray, size: int) -> np.ndarray:
    """Average by a Gaussian window of (size, size), σ = size / 5, where it lies inside."""
    half = size // 2
    window = np.exp(-0.5 * (np.arange(-half, half + 1) / (size / 5)) ** 2)
    window /= window.sum()
    for axis in (0, 1):
        image = correlate1d(image, window, axis)
    return image[half:-half, half:-half]
