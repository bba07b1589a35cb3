"""DIC's own evaluation (Ma et al. 2020), with its integer wrap-around."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, crop, quantize
from pkdn.metrics._luma import luma

TITLE = "as y_crop8, on uint8 luma × 255 that wraps around"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)
BORDER = 8


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments.

    DIC multiplies luma by 255 while it is still uint8: Y becomes 256 - Y. The negative image
    has the same PSNR, but another SSIM, as its means differ.
    """
    check(sr_image, hr_image)
    sr_wrapped = _wrapped_luma(quantize(sr_image))
    hr_wrapped = _wrapped_luma(hr_image)
    return {
        "psnr": _psnr.psnr(sr_wrapped, hr_wrapped),
        "ssim": _ssim.gaussian_ssim(sr_wrapped, hr_wrapped),
    }


def _wrapped_luma(image: np.ndarray) -> np.ndarray:
    return crop(np.rint(luma(image)).astype(np.uint8) * np.uint8(255), BORDER)
