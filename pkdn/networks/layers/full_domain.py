"""WFEN's full-domain transformers: channels weigh each other within windows, then over the face."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.networks.layers.transposed import HeadedAttention, attend, projection

EXPANSION = 2.66
"""Hidden channels of the feed-forward part for each channel, as in the authors' code."""


class Window(NamedTuple):
    """Of an attention: ``side`` in pixels, and whether it is shifted by half of that."""

    side: int
    shifted: bool


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of every pixel over its channels, in float32 (twice as fast on CPUs)."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W), float32."""
        return super().forward(features.float().movedim(1, -1)).movedim(-1, 1)


class WindowAttention(nn.Module):
    """Channels weigh channels within square windows, by ReLU of their similarity.

    Each pixel's query and key are normalised over their channels. A window of one pixel that is
    shifted comes back a pixel off: half of one pixel is rounded up on the way there, and down on
    the way back.

    Args:
        width: channels.
        window: of which size and place.
    """

    def __init__(self, width: int, window: Window) -> None:
        super().__init__()
        self.side = window.side
        self.shift = (-(-window.side // 2), window.side // 2) if window.shifted else (0, 0)
        self.temperature = nn.Parameter(torch.ones(1))
        self.project = projection(width, 3 * width)
        self.merge = nn.Conv2d(width, width, 1, bias=False)

    @staticmethod
    def _moved(features: Tensor, pixels: int) -> Tensor:
        return features.roll((pixels, pixels), (2, 3)) if pixels else features

    def _windows(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, H/side, W/side, C, side²)."""
        cut = features.unflatten(2, (-1, self.side)).unflatten(4, (-1, self.side))
        return cut.permute(0, 2, 4, 1, 3, 5).flatten(4)

    def _joined(self, windows: Tensor) -> Tensor:
        """Undo :meth:`_windows`."""
        cut = windows.unflatten(4, (self.side, self.side)).permute(0, 3, 1, 4, 2, 5)
        return cut.flatten(4).flatten(2, 3)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        there, back = self.shift
        query, key, value = self.project(self._moved(features, -there)).chunk(3, dim=1)
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1) * self.temperature
        query, key, value = (self._windows(part) for part in (query, key, value))
        attended = self._joined(attend(key, query, value, F.relu))
        merged: Tensor = self.merge(self._moved(attended, back))
        return merged


class GlobalAttention(nn.Module):
    """Channels weigh channels over the whole face, by ReLU of their similarity, in heads.

    Args:
        width: channels.
        num_heads: groups of channels; they are interleaved afterwards.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.project = projection(width, 3 * width)
        self.attention = HeadedAttention(num_heads, F.relu, temperatures=1)
        self.merge = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        attended = self.attention(*self.project(features).chunk(3, dim=1))
        merged: Tensor = self.merge(attended.transpose(1, 2).reshape(features.shape))
        return merged


class FeedForward(nn.Module):
    """Two projections to more channels, one of which gates the other by GELU, and one back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = int(width * EXPANSION)
        self.project = projection(width, 2 * hidden)
        self.merge = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        gate, value = self.project(features).chunk(2, dim=1)
        # a copy, since GELU is four times as fast on what lies side by side
        merged: Tensor = self.merge(F.gelu(gate.clone()) * value)
        return merged


class Transformer(nn.Module):
    """Attention, then a feed-forward part; what is added to the latter is the former's result."""

    def __init__(self, width: int, attention: nn.Module) -> None:
        super().__init__()
        self.attention = nn.Sequential(ChannelNorm(width), attention)
        self.feed_forward = nn.Sequential(ChannelNorm(width), FeedForward(width))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        attended = self.attention(features)
        summed: Tensor = attended + self.feed_forward(attended + features)
        return summed


def full_domain(width: int, windows: Sequence[Window], num_heads: int) -> nn.Sequential:
    """Full-domain transformers in cascade: for each window one within it and one over all."""
    layers: list[nn.Module] = []
    for window in windows:
        layers.append(Transformer(width, WindowAttention(width, window)))
        layers.append(Transformer(width, GlobalAttention(width, num_heads)))
    return nn.Sequential(*layers)
