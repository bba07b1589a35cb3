"""The published definitions of PSNR and SSIM side by side: a row is a protocol.

A row's functions are applied from left to right; rows with the same first two share their work.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from pkdn.metrics._column import Column
from pkdn.metrics._images import check, quantize
from pkdn.metrics._similarity import gaussian_ssim, psnr, uniform_ssim

COLUMNS: Final = (
    Column(key="psnr", title="PSNR", arrow="↑", decimals=2, unit="dB"),
    Column(key="ssim", title="SSIM", arrow="↑", decimals=4, unit=""),
)
RGB_WEIGHTS: Final = np.array([65.481, 128.553, 24.966])
BLACK: Final = 16.0

Step = Callable[[np.ndarray], np.ndarray]


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


# fmt: off
PROTOCOLS: Final = {
    # Most of the systems in the paper's Table 1 were scored so.
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
    "sparnet":   Protocol(quantize,  luma, np.floor, 0, gaussian_ssim,
        "uint8 luma rounded down, no crop, SSIM Gaussian 11×11 σ 1.5"),
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
