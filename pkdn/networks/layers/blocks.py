"""Blocks that several networks share."""

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.faces import HR_SIZE
from pkdn.training.resampling import bicubic, quantize, to_float

Pooling = Literal["average", "average_max_variance"]


def bicubic_input(lr_image: Tensor, size: int = HR_SIZE) -> Tensor:
    """Upsample the LR face to the size that a network works at, exactly as Pillow would.

    Args:
        lr_image: (N, 3, 16, 16), [0, 1] in whole 8-bit levels.
        size: the side in pixels.

    Returns:
        (N, 3, size, size), float32 in [0, 1].
    """
    return to_float(bicubic(quantize(lr_image), size))


def conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3×3 convolution that keeps the image size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def conv_norm_relu(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """A convolution with batch normalisation and ReLU."""
    norm = nn.BatchNorm2d(convolution.out_channels)
    return nn.Sequential(convolution, norm, nn.ReLU(inplace=True))


class Residual(nn.Module):
    """x + layers(x), or beside(x) + layers(x); ``beside`` runs first."""

    def __init__(self, *layers: nn.Module, beside: nn.Module | None = None) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.beside = beside or nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → what both make of it."""
        summed: Tensor = self.beside(features) + self.body(features)
        return summed


class Gate(nn.Module):
    """x · σ(layers(x)): weigh every pixel, and every channel too where the layers keep them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return features * torch.sigmoid(self.body(features))


def as_in(made: Tensor, features: Tensor) -> Tensor:
    """Return what was made of features with its channels last, if those have that."""
    last = features.is_contiguous(memory_format=torch.channels_last)
    return made.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


class PixelShuffle(nn.PixelShuffle):
    """PyTorch's, which on GPUs forgets that channels are last, and so would what is added to it."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C·r², H, W) → (N, C, r·H, r·W)."""
        return as_in(super().forward(features), features)


class PixelUnshuffle(nn.PixelUnshuffle):
    """PyTorch's, as :class:`PixelShuffle`."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, r·H, r·W) → (N, C·r², H, W)."""
        return as_in(super().forward(features), features)


class Downsample(nn.Sequential):
    """Halve the resolution: space-to-depth, then conv3×3 back to ``width`` channels."""

    def __init__(self, width: int) -> None:
        super().__init__(PixelUnshuffle(2), conv3(4 * width, width))


class Upsample(nn.Sequential):
    """Double the resolution: conv3×3 to 4·``width`` channels, then pixel shuffle."""

    def __init__(self, width: int) -> None:
        super().__init__(conv3(width, 4 * width), PixelShuffle(2))


# Not stated in the paper, which has no global residual; chosen because a network that adds its
# output to the bicubic input should start close to that input, and because signals that keep
# their variance through the resampling train in a third of the steps. Without the residual the
# first weights are PyTorch's own, as in KDFSRNet's code.
RESIDUAL_TAIL_SCALE = 0.1


def start_near_input(head: nn.Conv2d, tail: nn.Conv2d, resampling: Iterable[nn.Module]) -> None:
    """Set the first weights of a network with a global residual."""
    inside = (layer for block in resampling for layer in block.modules())
    for convolution in (head, *(layer for layer in inside if isinstance(layer, nn.Conv2d))):
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
    scale_tail(tail)


def scale_tail(tail: nn.Module, scale: float = RESIDUAL_TAIL_SCALE) -> None:
    """Make the first output of a network with a global residual small."""
    with torch.no_grad():
        for parameter in tail.parameters():
            parameter.mul_(scale)


class ChannelAttention(nn.Module):
    """Weigh each channel by a sigmoid of its pooled statistics.

    Args:
        channels: channels of the input.
        hidden: channels between the two 1×1 convolutions.
        pooling: ``average`` alone (RCAN), or ``average_max_variance``: the three statistics
            through one shared pair of convolutions, summed (FishFSRNet).
    """

    def __init__(self, channels: int, *, hidden: int, pooling: Pooling = "average") -> None:
        super().__init__()
        self.pooling = pooling
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def _score(self, pooled: Tensor) -> Tensor:
        return self.excite(F.relu(self.squeeze(pooled)))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        score = self._score(features.mean((2, 3), keepdim=True))
        if self.pooling == "average_max_variance":
            score = score + self._score(features.amax((2, 3), keepdim=True))
            score = score + self._score(features.var((2, 3), keepdim=True, unbiased=False))
        return features * torch.sigmoid(score)


class ResidualChannelAttentionBlock(Residual):
    """RCAB: x + CA(conv3 – ReLU – conv3 (x)).

    The attention's four hidden channels are those of KDFSRNet's code (64 → 4 → 64), at any width.
    """

    ATTENTION_HIDDEN = 4

    def __init__(self, width: int) -> None:
        super().__init__(
            conv3(width, width),
            nn.ReLU(inplace=True),
            conv3(width, width),
            ChannelAttention(width, hidden=self.ATTENTION_HIDDEN),
        )


class ResidualChannelAttentionGroup(nn.Sequential):
    """RCAG: RCABs in cascade, without a trailing convolution or a skip around the group.

    Not stated in the paper; chosen because KDFSRNet's code, which the student follows, has none.
    """

    def __init__(self, width: int, num_blocks: int) -> None:
        super().__init__(*(ResidualChannelAttentionBlock(width) for _ in range(num_blocks)))
