"""Transposed attention, in which channels weigh channels instead of pixels weighing pixels.

Its cost grows with the number of pixels, not with their square (Zamir et al. 2022, Restormer).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

LEAST_LENGTH = 1e-12
"""What a vector of zeros is taken to have, as in ``torch.nn.functional.normalize``."""


def projection(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 1×1 convolution, then a 3×3 one of every channel by itself, both without bias."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=out_channels, bias=False),
    )


def attend(
    query: Tensor, key: Tensor, value: Tensor, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return activation(query · keyᵀ) · value.

    Args:
        query: (…, C, P), C channels of P pixels.
        key: (…, C, P).
        value: (…, C, P).
        activation: makes weights (…, C, C) of the products.
    """
    return activation(query @ key.mT) @ value


class HeadedAttention(nn.Module):
    """Channels weigh channels over the whole face, by their cosine, within heads.

    Args:
        num_heads: groups of channels.
        activation: makes weights of cosines times a temperature.
        temperatures: how many: one for all heads, or one for each.
    """

    def __init__(
        self, num_heads: int, activation: Callable[[Tensor], Tensor], temperatures: int
    ) -> None:
        super().__init__()
        self.heads = nn.Unflatten(1, (num_heads, -1))
        self.activation = activation
        self.temperature = nn.Parameter(torch.ones(temperatures, 1, 1))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(N, C, H, W) three times → (N, heads, C / heads, H · W)."""
        query, key, value = (self.heads(part).flatten(3) for part in (query, key, value))
        # A product of lengths divides C² numbers, where normal vectors would take 2·C·H·W.
        lengths = [part.norm(dim=-1, keepdim=True).clamp_min(LEAST_LENGTH) for part in (query, key)]
        scale = self.temperature / (lengths[0] @ lengths[1].mT)
        return attend(query, key, value, lambda products: self.activation(products * scale))
