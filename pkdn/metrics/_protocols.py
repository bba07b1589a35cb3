"""The published definitions of PSNR and SSIM side by side: a row is a protocol.

A row's functions are applied from left to right; rows with the same first two share their work.
"""

import math
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from skimage.metrics import structural_similarity

PEAK: Final = 255.0
# Mean squared error that float64 luma of equal images may have by rounding alone.
ROUNDING: Final = 1e-18
# The SSIM window fits after the border is cropped, and the window of VIF at its last scale.
MIN_SIDE: Final = 41
# Beyond this mean magnitude an image is less than 0 dB away from any image in [0, 1]: it comes
# on another scale, as a 0–255 image does.
MAX_MEAN: Final = 2.0
RGB_WEIGHTS: Final = np.array([65.481, 128.553, 24.966])
BLACK: Final = 16.0
GAUSSIAN: Final = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

Arrow = Literal["↑", "↓"]
ARROWS: Final = get_args(Arrow)

Step = Callable[[np.ndarray], np.ndarray]


class Column(NamedTuple):
    """One number of a metric.

    Attributes:
        key: Its name in the dictionary that the metric returns.
        title: Its heading, without unit and arrow.
        arrow: The direction in which the number improves.
        decimals: Digits after the point.
        unit: Its unit, empty where it has none.
    """

    key: str
    title: str
    arrow: Arrow
    decimals: int
    unit: str


COLUMNS: Final = (
    Column(key="psnr", title="PSNR", arrow="↑", decimals=2, unit="dB"),
    Column(key="ssim", title="SSIM", arrow="↑", decimals=4, unit=""),
)


class Protocol(NamedTuple):
    """One definition of PSNR and SSIM.

    Attributes:
        sr: What becomes of SR, (H, W, 3), in units of [0, 1] → 0–255.
        planes: What is compared, (H, W, 3) → (planes, H, W), in units of 0–255.
        levels: How its values are rounded.
        border: Pixels that are cropped on every side.
        ssim: Of one plane; their mean is shown. PSNR is of the squared error over all planes.
        title: The definition in one line.
    """

    sr: Step
    planes: Step
    levels: Step
    border: int
    ssim: Callable[[np.ndarray, np.ndarray], float]
    title: str


def quantize(sr_image: np.ndarray) -> np.ndarray:
    """Clamp an image in units of [0, 1] and round it to uint8, as writing a PNG does."""
    return np.rint(np.clip(sr_image, 0, 1) * 255).astype(np.uint8)


def truncated(sr_image: np.ndarray) -> np.ndarray:
    """Clamp an image in units of [0, 1] and cut it down to uint8, which is never brighter."""
    return (np.clip(sr_image, 0, 1) * 255).astype(np.uint8)


def unrounded(sr_image: np.ndarray) -> np.ndarray:
    """Take an image as the network gave it, neither clamped nor rounded."""
    return sr_image * 255


def luma(image: np.ndarray) -> np.ndarray:
    """Return Y of ITU-R BT.601 YCbCr in its studio range, as MATLAB's ``rgb2ycbcr`` gives it.

    It is float64, not rounded, in [16, 235] for RGB in [0, 255].
    """
    return (image @ (RGB_WEIGHTS / 255) + BLACK)[None]


def rgb(image: np.ndarray) -> np.ndarray:
    """Return the colours, one plane after the other in memory, which is filtered faster."""
    return np.ascontiguousarray(np.moveaxis(image, 2, 0))


def kept(planes: np.ndarray) -> np.ndarray:
    """Return the values as they are."""
    return planes


def wrapped(planes: np.ndarray) -> np.ndarray:
    """Round luma and multiply it by 255 while it is still uint8: Y becomes 256 - Y.

    The negative image has the same PSNR, but another SSIM, as its means differ.
    """
    return np.rint(planes).astype(np.uint8) * np.uint8(255)


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; it is infinite for equal images."""
    difference = image.astype(np.float64) - reference
    mean_squared_error = float(np.mean(difference * difference))
    if mean_squared_error < ROUNDING:
        return math.inf
    return 10 * math.log10(PEAK * PEAK / mean_squared_error)


def uniform_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return scikit-image's default SSIM of (H, W) images: 7×7 mean, sample covariance."""
    return float(structural_similarity(image, reference, data_range=PEAK))


def gaussian_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the SSIM of Wang et al. 2004: Gaussian window 11×11, σ 1.5, population covariance.

    The images are (H, W). The mean is taken where the window lies wholly inside them.
    """
    return float(structural_similarity(image, reference, data_range=PEAK, **GAUSSIAN))


# fmt: off
PROTOCOLS: Final = {
    # DIC's, without its wrap-around.
    "y_crop8":   Protocol(quantize,  luma, np.rint,  8, gaussian_ssim,
        "uint8 luma, 8 px border cropped, SSIM Gaussian 11×11 σ 1.5"),
    # The face super-resolution benchmarks: scikit-image's SSIM with its defaults.
    "benchmark": Protocol(quantize,  luma, np.rint,  8, uniform_ssim,
        "uint8 luma, 8 px border cropped, SSIM uniform 7×7"),
    # DIC's own evaluation (Ma et al. 2020), with its integer wrap-around.
    "dic":       Protocol(quantize,  luma, wrapped,  8, gaussian_ssim,
        "as y_crop8, on uint8 luma × 255 that wraps around"),
    # KDFSRNet's own evaluation (Wang et al. 2022).
    "kdfsrnet":  Protocol(unrounded, luma, kept,     8, gaussian_ssim,
        "float luma of the unrounded, unclamped output, 8 px border cropped, SSIM Gaussian"),
    # SPARNet's own evaluation (Chen et al. 2020).
    "sparnet":   Protocol(truncated, luma, np.floor, 0, gaussian_ssim,
        "SR and its luma rounded down to uint8, no crop, SSIM Gaussian 11×11 σ 1.5"),
    # All of the written image: no paper's.
    "rgb":       Protocol(quantize,  rgb,  kept,     0, gaussian_ssim,
        "uint8 RGB, no crop, SSIM Gaussian 11×11 σ 1.5 per channel"),
}
# fmt: on


def score_rows(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, dict[str, float]]:
    """Score one image under every row; see :mod:`pkdn.metrics` for the arguments."""
    check(sr_image, hr_image)
    rows = PROTOCOLS.values()
    pairs = {
        (sr, planes): (planes(sr(sr_image)), planes(hr_image))
        for sr, planes in {(row.sr, row.planes) for row in rows}
    }
    return {name: _compare(row, *pairs[row.sr, row.planes]) for name, row in PROTOCOLS.items()}


def _compare(row: Protocol, sr_planes: np.ndarray, hr_planes: np.ndarray) -> dict[str, float]:
    height, width = hr_planes.shape[1:]
    inside = np.s_[:, row.border : height - row.border, row.border : width - row.border]
    sr, hr = (row.levels(planes[inside]) for planes in (sr_planes, hr_planes))
    return {
        "psnr": psnr(sr, hr),
        "ssim": float(np.mean([row.ssim(*pair) for pair in zip(sr, hr, strict=True)])),
    }


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
