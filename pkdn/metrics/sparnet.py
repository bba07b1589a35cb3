"""SPARNet's own evaluation (Chen et al. 2020): the whole image, luma rounded down."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, quantize
from pkdn.metrics._luma import luma

TITLE = "uint8 luma rounded down, no crop, SSIM Gaussian 11×11 σ 1.5"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments."""
    check(sr_image, hr_image)
    sr_luma = np.floor(luma(quantize(sr_image)))
    hr_luma = np.floor(luma(hr_image))
    return {
        "psnr": _psnr.psnr(sr_luma, hr_luma),
        "ssim": _ssim.gaussian_ssim(sr_luma, hr_luma),
    }
