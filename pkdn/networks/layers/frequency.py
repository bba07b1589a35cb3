"""SFMNet's blocks that work on Fourier transforms, and that join them with other features."""

from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from pkdn.networks.layers.blocks import Residual, as_in, conv3
from pkdn.networks.layers.transposed import HeadedAttention, projection

SLOPE = 0.1
"""Of the LeakyReLU between convolutions over a spectrum."""


def transform(image: Tensor) -> Tensor:
    """Return the Fourier transform of real planes, (N, C, H, W) → complex (N, C, H, W/2 + 1).

    Adding zero turns −0 into 0, between which libraries choose freely where a transform is real:
    the phase of a negative number would be −π with one of them and π with another.
    """
    return torch.fft.rfft2(image) + 0


class Float32(nn.Sequential):
    """Layers that compute in float32, whatever those around them do but for TF32 by that name.

    What bf16 rounds off is noise of all frequencies; where an amplitude is smaller than that,
    nothing would be left of its phase.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, D, H', W'), float32."""
        device = features.device.type
        rounds = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if rounds else nullcontext():
            return super().forward(features.float())


class FrequencyBlock(nn.Module):
    """Convolutions over amplitudes and over phases of the features' Fourier transform."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.Conv2d(width, width, 1)
        self.amplitude, self.phase = (
            Residual(conv3(width, width), nn.LeakyReLU(SLOPE, inplace=True), conv3(width, width))
            for _ in range(2)
        )
        self.after = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        spectrum = transform(self.before(features))
        amplitude, phase = (as_in(part, features) for part in (spectrum.abs(), spectrum.angle()))
        changed = torch.polar(self.amplitude(amplitude), self.phase(phase))
        image = torch.fft.irfft2(changed, s=features.shape[-2:])
        mapped: Tensor = features + self.after(as_in(image.abs(), features))
        return mapped


class CrossAttention(nn.Module):
    """Transposed attention of some features to others, in heads.

    Args:
        width: channels of both.
        num_heads: groups of channels, each with a temperature of its own.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.query = projection(width, width)
        self.key_value = projection(width, 2 * width)
        self.attention = HeadedAttention(num_heads, partial(torch.softmax, dim=-1), num_heads)
        self.merge = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, features: Tensor, others: Tensor) -> Tensor:
        """(N, C, H, W) twice → (N, C, H, W)."""
        key, value = self.key_value(others).chunk(2, dim=1)
        attended = self.attention(self.query(features), key, value)
        merged: Tensor = self.merge(attended.reshape(features.shape))
        return merged


class InteractionBlock(nn.Module):
    """Join the features of both branches: each attends to the other, then both are gated."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.spatial, self.frequency = conv3(width, width), conv3(width, width)
        self.attention = CrossAttention(width, num_heads)
        self.gates = nn.Sequential(conv3(2 * width, width), conv3(width, 2 * width), nn.Sigmoid())

    def forward(self, spatial: Tensor, frequency: Tensor) -> Tensor:
        """(N, C, H, W) twice → (N, C, H, W)."""
        spatial, frequency = self.spatial(spatial), self.frequency(frequency)
        spatial = spatial + self.attention(spatial, frequency)
        frequency = frequency + self.attention(frequency, spatial)
        both = torch.cat([spatial, frequency], dim=1)
        spatial, frequency = (self.gates(both) * both).chunk(2, dim=1)
        return spatial + frequency
