"""The feedback block of SRFBN (Li et al. 2019), and the convolutions with PReLU that it is of."""

import torch.nn.functional as F
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


class Join(nn.Sequential):
    """A 1×1 convolution of several feature maps side by side, with PReLU.

    Each map is convolved with its part of the weights, and the results are added: to put maps of
    256×256 side by side took a quarter of DIC's step on processors, and copies that stay for the
    gradients. Sums are the same but for their order.

    Args:
        width: channels of each feature map.
        count: how many maps.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__(*pointwise(count * width, width))
        self.width = width

    def forward(self, maps: list[Tensor]) -> Tensor:
        """``count`` of (N, width, H, W) → (N, width, H, W)."""
        convolution, activation = self
        assert isinstance(convolution, nn.Conv2d)
        first, *later = convolution.weight.split(self.width, dim=1)
        summed = F.conv2d(maps[0], first, convolution.bias)
        for features, weight in zip(maps[1:], later, strict=True):
            summed = summed + F.conv2d(features, weight)
        activated_sum: Tensor = activation(summed)
        return activated_sum


class First(nn.Module):
    """The first feature map as it is: the join of one."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        """One of (N, width, H, W) → the same."""
        return maps[0]


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
            later = (Join(width, count) for count in range(2, num_groups + 1))
            return nn.ModuleList([First(), *later])

        self.up = nn.ModuleList(enlarge(width, scale) for _ in range(num_groups))
        self.down = nn.ModuleList(shrink(width, scale) for _ in range(num_groups))
        self.before_up, self.before_down = joins(), joins()
        self.merge = Join(width, num_groups)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, 32, 32) → (N, width, 32, 32)."""
        small: list[Tensor] = [features]
        large: list[Tensor] = []
        groups = zip(self.before_up, self.up, self.before_down, self.down, strict=True)
        for before_up, up, before_down, down in groups:
            large.append(up(before_up(small)))
            small.append(down(before_down(large)))
        merged: Tensor = self.merge(small[1:])
        return merged
