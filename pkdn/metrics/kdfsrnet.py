"""KDFSRNet's own evaluation (Wang et al. 2022): the network's output as it is."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, crop
from pkdn.metrics._luma import luma

TITLE = "float luma of the unrounded, unclamped output, 8 px border cropped, SSIM Gaussian"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)
BORDER = 8


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments."""
    check(sr_image, hr_image)
    sr_luma = crop(luma(sr_image * 255), BORDER)
    hr_luma = crop(luma(hr_image), BORDER)
    return {
        "psnr": _psnr.psnr(sr_luma, hr_luma),
        "ssim": _ssim.gaussian_ssim(sr_luma, hr_luma),
    }
