"""All three colour channels of the whole written image."""

import numpy as np

from pkdn.metrics import _psnr, _ssim
from pkdn.metrics._images import check, quantize

TITLE = "uint8 RGB, no crop, SSIM Gaussian 11×11 σ 1.5 per channel"
COLUMNS = (_psnr.COLUMN, _ssim.COLUMN)


def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
    """Score one image; see :mod:`pkdn.metrics` for the arguments.

    PSNR is of the squared error over all channels, SSIM the mean of the channels'.
    """
    check(sr_image, hr_image)
    written = quantize(sr_image)
    # one plane after the other in memory is filtered faster than pixels interleaved
    planes = (np.ascontiguousarray(np.moveaxis(image, 2, 0)) for image in (written, hr_image))
    channels = [_ssim.gaussian_ssim(sr, hr) for sr, hr in zip(*planes, strict=True)]
    return {
        "psnr": _psnr.psnr(written, hr_image),
        "ssim": float(np.mean(channels)),
    }
