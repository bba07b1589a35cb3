"""What systems with landmark priors share: heatmaps, their loss, and the hourglass."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pkdn.faces import HR_SIZE
from pkdn.networks.layers.blocks import Residual

# In pixels of the heatmap, as in DIC's code.
SIGMA = 1.0


def heatmaps(landmarks: Tensor, size: int) -> Tensor:
    """Draw a Gaussian of height 1 at each landmark.

    Args:
        landmarks: (N, 68, 2), x and y in HR pixels; NaN where unknown.
        size: side of a heatmap in pixels.

    Returns:
        (N, 68, size, size), [0, 1]; NaN where the landmark is unknown.
    """
    pixels = torch.arange(size, device=landmarks.device, dtype=landmarks.dtype)
    x, y = (landmarks * (size / HR_SIZE)).unbind(-1)
    across = (-((pixels - x[..., None]) ** 2) / (2 * SIGMA**2)).exp()
    down = (-((pixels - y[..., None]) ** 2) / (2 * SIGMA**2)).exp()
    return down[..., :, None] * across[..., None, :]


def heatmap_loss(predicted: Tensor, landmarks: Tensor) -> Tensor:
    """Mean squared error of heatmaps (N, 68, H, H), over the landmarks that are known.

    It is 0 where none is known.
    """
    truth = heatmaps(landmarks, predicted.shape[-1])
    known = truth.isfinite()
    error = (predicted.float() - truth.nan_to_num()).square() * known
    return error.sum() / known.sum().clamp_min(1)


def hourglass(depth: int, make_block: Callable[[], nn.Module], upsample: nn.Module) -> Residual:
    """Halve and double ``depth`` times, with a branch at every size (Newell et al. 2016).

    Args:
        depth: how often the size is halved; sides are multiples of 2^depth.
        make_block: makes one residual block; 3·depth + 1 are used.
        upsample: doubles a feature map.
    """
    branch, before = make_block(), make_block()
    inner = hourglass(depth - 1, make_block, upsample) if depth > 1 else make_block()
    down_and_up = nn.Sequential(nn.MaxPool2d(2), before, inner, make_block(), upsample)
    return Residual(branch, beside=down_and_up)


def projection(in_channels: int, out_channels: int) -> nn.Conv2d | None:
    """Return what a block's input goes through beside it; None where channels stay as many."""
    return None if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)
