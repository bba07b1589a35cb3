"""What systems with landmark priors share: heatmaps, their loss, and the hourglass."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.faces import HR_SIZE

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


class Hourglass(nn.Module):
    """Halve and double ``depth`` times, with a branch at every size (Newell et al. 2016).

    Args:
        depth: how often the size is halved.
        make_block: makes one residual block; 3·depth + 1 are used.
        upsample: doubles a feature map.
    """

    def __init__(
        self,
        depth: int,
        make_block: Callable[[], nn.Module],
        upsample: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.upsample = upsample
        self.branch = make_block()
        self.before = make_block()
        self.inner = Hourglass(depth - 1, make_block, upsample) if depth > 1 else make_block()
        self.after = make_block()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W), H and W multiples of 2^depth."""
        small = self.after(self.inner(self.before(F.max_pool2d(features, 2))))
        outcome: Tensor = self.branch(features) + self.upsample(small)
        return outcome


class PointwiseBottleneck(nn.Module):
    """conv1×1 to half the channels – conv3×3 – conv1×1, added to the input or its projection.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        layers: make what stands before each of the three convolutions, from its channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        layers: tuple[
            Callable[[int], nn.Module], Callable[[int], nn.Module], Callable[[int], nn.Module]
        ],
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.body = nn.Sequential(
            layers[0](in_channels),
            nn.Conv2d(in_channels, half, 1),
            layers[1](half),
            nn.Conv2d(half, half, 3, padding=1),
            layers[2](half),
            nn.Conv2d(half, out_channels, 1),
        )
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, H, W)."""
        outcome: Tensor = self.skip(features) + self.body(features)
        return outcome
