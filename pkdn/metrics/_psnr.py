"""Peak signal-to-noise ratio of values in units of 0–255."""

import math

import numpy as np

from pkdn.metrics._column import Column

PEAK = 255.0
# Mean squared error that float64 luma of equal images may have by rounding alone.
ROUNDING = 1e-18
COLUMN = Column(key="psnr", title="PSNR", arrow="↑", decimals=2, unit="dB")


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the PSNR in dB; it is infinite for equal images.

    Args:
        image: Any shape, uint8 or float64, in units of 0–255.
        reference: Of the same shape, in the same units.
    """
    difference = image.astype(np.float64) - reference
    mean_squared_error = float(np.mean(difference * difference))
    if mean_squared_error < ROUNDING:
        return math.inf
    return 10 * math.log10(PEAK * PEAK / mean_squared_error)
