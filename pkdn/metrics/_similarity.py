"""PSNR and SSIM of two arrays of one shape, uint8 or float64, in units of 0–255."""

import math

import numpy as np
from skimage.metrics import structural_similarity

PEAK = 255.0
# Mean squared error that float64 luma of equal images may have by rounding alone.
ROUNDING = 1e-18
GAUSSIAN_SIGMA = 1.5


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; it is infinite for equal images."""
    difference = image.astype(np.float64) - reference
    mean_squared_error = float(np.mean(difference * difference))
    if mean_squared_error < ROUNDING:
        return math.inf
    return 10 * math.log10(PEAK * PEAK / mean_squared_error)


def gaussian_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the SSIM of Wang et al. 2004: Gaussian window 11×11, σ 1.5, population covariance.

    The images are (H, W). The mean is taken where the window lies wholly inside them.
    """
    return float(
        structural_similarity(
            image,
            reference,
            gaussian_weights=True,
            sigma=GAUSSIAN_SIGMA,
            use_sample_covariance=False,
            data_range=PEAK,
        )
    )


def uniform_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return scikit-image's default SSIM of (H, W) images: 7×7 mean, sample covariance."""
    return float(structural_similarity(image, reference, data_range=PEAK))
