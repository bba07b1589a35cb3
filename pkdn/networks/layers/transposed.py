"""Transposed attention, in which channels weigh channels instead of pixels weighing pixels.

Its cost grows with the number of pixels, not with their square (Zamir et al. 2022, Restormer).
"""

from collections.abc import Callable

from torch import Tensor, nn


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
        query: (…, C, P), normalised and times the temperature.
        key: (…, C, P), normalised.
        value: (…, C, P), C channels of P pixels.
        activation: makes weights (…, C, C) of the similarities.
    """
    return activation(query @ key.mT) @ value
