"""The primary protocol: luma of the written image, without its border."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, crop, quantize
from pkdn.metrics._luma import luma

TITLE = "uint8 luma, 8 px border cropped, SSIM Gaussian 11×11 σ 1.5"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)
BORDER = 8


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments.

    SR is clamped and rounded to uint8, luma is rounded to whole numbers, 8 pixels are cropped
    on every side, which is one LR pixel at ×8.
    """
    check(sr_image, hr_image)
    sr_luma = crop(np.rint(luma(quantize(sr_image))), BORDER)
    hr_luma = crop(np.rint(luma(hr_image)), BORDER)
    return {
        "psnr": _psnr.psnr(sr_luma, hr_luma),
        "ssim": _ssim.gaussian_ssim(sr_luma, hr_luma),
    }
