"""A quick look at a network while it trains."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from pkdn.learning.network import inputs
from pkdn.training.batches import FaceBatches
from pkdn.training.precision import Precision


def psnr_on(
    faces: FaceBatches, network: nn.Module, precision: Precision
) -> Callable[[], dict[str, float]]:
    """Return a function that measures a network on the validation faces.

    It gives ``val_psnr``: the mean over faces of the PSNR in dB over all pixels and RGB
    channels, with the SR image clamped to [0, 1]. It orders networks while they train; the
    report's figures come from :mod:`pkdn.evaluation`. Without validation faces it gives nothing.

    Args:
        faces: the validation faces.
        network: the network that is being trained.
        precision: number and memory format.
    """

    @torch.inference_mode()
    def validate() -> dict[str, float]:
        found: list[Tensor] = []
        for batch in faces.in_order():
            with precision.autocast():
                sr_image = network(*inputs(network, batch))
            error = (sr_image.float().clamp(0, 1) - batch.hr_image).square().mean((1, 2, 3))
            found.append(-10 * error.clamp_min(1e-10).log10())
        return {"val_psnr": float(np.mean(torch.cat(found).tolist()))} if found else {}

    return validate
