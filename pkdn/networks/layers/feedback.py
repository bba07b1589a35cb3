"""The feedback block of SRFBN (Li et al. 2019), and the convolutions with PReLU that it is of."""

import torch
from torch import Tensor, nn

PRELU_START = 0.2


def activated(convolution: nn.Module) -> nn.Sequential:
    """Return a convolution with PReLU."""
    return nn.Sequential(convolution, nn.PReLU(init=PRELU_START))


def pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a 1×1 convolution with PReLU."""
    return activated(nn.Conv2d(in_channels, out_channels, 1))


def enlarge(width: int, scale: int) -> nn.Sequential:
    """Return a transposed convolution with PReLU that enlarges by ``scale``."""
    return activated(nn.ConvTranspose2d(width, width, scale + 4, scale, padding=2))


def shrink(width: int, scale: int) -> nn.Sequential:
    """Return a convolution with PReLU that makes smaller by ``scale``."""
    return activated(nn.Conv2d(width, width, scale + 4, scale, padding=2))


class FeedbackBlock(nn.Module):
    """Up- and down-projections, each fed by all before it.

    Args:
        width: channels of every feature map.
        num_groups: pairs of projections.
        scale: by which a projection enlarges, and the next makes smaller.
    """

    def __init__(self, width: int, num_groups: int, scale: int) -> None:
        super().__init__()

        def joins() -> nn.ModuleList:
            """Return what makes one feature map of the first one, two, … of them."""
            later = (pointwise(n * width, width) for n in range(2, num_groups + 1))
            return nn.ModuleList([nn.Identity(), *later])

        self.up = nn.ModuleList(enlarge(width, scale) for _ in range(num_groups))
        self.down = nn.ModuleList(shrink(width, scale) for _ in range(num_groups))
        self.before_up, self.before_down = joins(), joins()
        self.merge = pointwise(num_groups * width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, 32, 32) → (N, width, 32, 32)."""
        small: list[Tensor] = [features]
        large: list[Tensor] = []
        groups = zip(self.before_up, self.up, self.before_down, self.down, strict=True)
        for before_up, up, before_down, down in groups:
            large.append(up(before_up(torch.cat(small, dim=1))))
            small.append(down(before_down(torch.cat(large, dim=1))))
        merged: Tensor = self.merge(torch.cat(small[1:], dim=1))
        return merged
