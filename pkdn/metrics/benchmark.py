"""The face super-resolution benchmarks' evaluation: scikit-image's SSIM with its defaults."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, crop, quantize
from pkdn.metrics._luma import luma

TITLE = "uint8 luma, 8 px border cropped, SSIM uniform 7×7"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)
BORDER = 8


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments."""
    check(sr_image, hr_image)
    sr_luma = crop(np.rint(luma(quantize(sr_image))), BORDER)
    hr_luma = crop(np.rint(luma(hr_image)), BORDER)
    return {
        "psnr": _psnr.psnr(sr_luma, hr_luma),
        "ssim": _ssim.uniform_ssim(sr_luma, hr_luma),
    }
