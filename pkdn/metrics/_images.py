"""What every protocol does with its two images before it compares them."""

import numpy as np

# Every image remains larger than the SSIM window after its border is cropped.
MIN_SIDE = 32
# Beyond this mean magnitude an image is less than 0 dB away from any image in [0, 1]: it comes
# on another scale, as a 0–255 image does.
MAX_MEAN = 2.0


def check(sr_image: np.ndarray, hr_image: np.ndarray) -> None:
    """Refuse images of a wrong type, shape or range.

    Args:
        sr_image: (H, W, 3), float64 RGB in units of [0, 1], unclamped.
        hr_image: (H, W, 3), uint8 RGB.

    Raises:
        ValueError: they are anything else.
    """
    if sr_image.dtype != np.float64:
        raise ValueError(f"the SR image must be float64 in units of [0, 1], got {sr_image.dtype}")
    if hr_image.dtype != np.uint8:
        raise ValueError(f"the HR image must be uint8, got {hr_image.dtype}")
    if sr_image.shape != hr_image.shape:
        raise ValueError(f"SR and HR differ in shape: {sr_image.shape} and {hr_image.shape}")
    if sr_image.ndim != 3 or sr_image.shape[2] != 3 or min(sr_image.shape[:2]) < MIN_SIDE:
        raise ValueError(
            f"images must be (height, width, 3), {MIN_SIDE} pixels or more, got {sr_image.shape}"
        )
    mean = np.abs(sr_image).mean()
    if not np.isfinite(mean):
        raise ValueError("the SR image has values that are not finite")
    if mean > MAX_MEAN:
        raise ValueError(f"the SR image must be in units of [0, 1], got a mean of {mean:.3g}")


def quantize(sr_image: np.ndarray) -> np.ndarray:
    """Clamp an image in units of [0, 1] and round it to uint8, as writing a PNG does."""
    return np.rint(np.clip(sr_image, 0, 1) * 255).astype(np.uint8)
