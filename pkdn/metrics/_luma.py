"""Luma, the Y of ITU-R BT.601 YCbCr in its studio range, as MATLAB's ``rgb2ycbcr`` gives it."""

import numpy as np

RGB_WEIGHTS = np.array([65.481, 128.553, 24.966])
BLACK = 16.0


def luma(image: np.ndarray) -> np.ndarray:
    """Return the luma of an image.

    Args:
        image: (H, W, 3), RGB in units of 0–255, uint8 or float64.

    Returns:
        (H, W), float64, not rounded, in [16, 235] for RGB in [0, 255].
    """
    return image @ (RGB_WEIGHTS / 255) + BLACK
