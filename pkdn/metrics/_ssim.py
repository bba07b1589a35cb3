"""Structural similarity of values in units of 0–255, by scikit-image."""

import numpy as np
from skimage.metrics import structural_similarity

from pkdn.metrics._column import Column

DATA_RANGE = 255.0
GAUSSIAN_SIGMA = 1.5
COLUMN = Column(key="ssim", title="SSIM", arrow="↑", decimals=4, unit="")


def gaussian_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the SSIM of Wang et al. 2004: Gaussian window 11×11, σ 1.5, population covariance.

    Its mean is taken where the window lies wholly inside the image.

    Args:
        image: (H, W), uint8 or float64, in units of 0–255.
        reference: Of the same shape, in the same units.
    """
    return float(
        structural_similarity(
            image,
            reference,
            gaussian_weights=True,
            sigma=GAUSSIAN_SIGMA,
            use_sample_covariance=False,
            data_range=DATA_RANGE,
        )
    )


def uniform_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the SSIM as scikit-image has it by default: 7×7 mean, sample covariance.

    Args:
        image: (H, W), uint8 or float64, in units of 0–255.
        reference: Of the same shape, in the same units.
    """
    return float(structural_similarity(image, reference, data_range=DATA_RANGE))
