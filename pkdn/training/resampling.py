"""Pillow's bicubic resampling as a tensor operation, bit for bit.

Face super-resolution scores move by more than a decibel with the resampling kernel, so the
project has this one definition. It runs on the device, on whole batches, and returns exactly
what ``PIL.Image.resize(size, Image.Resampling.BICUBIC)`` returns for 8-bit images.
"""

from functools import lru_cache

import torch
from torch import Tensor

# Pillow's fixed-point weights for 8-bit images carry 32 - 8 - 2 bits after the point.
PRECISION_BITS = 22
# Pillow's bicubic is Keys' kernel with a = -1/2, two pixels wide on either side.
KEYS_A = -0.5
SUPPORT = 2.0


def _keys(x: Tensor) -> Tensor:
    x = x.abs()
    inner = ((KEYS_A + 2) * x - (KEYS_A + 3)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * KEYS_A
    return torch.where(x < 1, inner, torch.where(x < SUPPORT, outer, torch.zeros_like(x)))


@torch.compiler.assume_constant_result
def _weights(source: int, target: int, device: torch.device) -> Tensor:
    """Fixed-point weights, (target, source), whole numbers held exactly in float64."""
    return _computed(source, target, device)


@lru_cache(maxsize=32)
def _computed(source: int, target: int, device: torch.device) -> Tensor:
    scale = source / target
    stretch = max(scale, 1.0)
    support = SUPPORT * stretch
    weights = torch.zeros(target, source, dtype=torch.float64)
    for row in range(target):
        center = (row + 0.5) * scale
        first = max(int(center - support + 0.5), 0)
        last = min(int(center + support + 0.5), source)
        taps = torch.arange(first, last, dtype=torch.float64)
        values = _keys((taps - center + 0.5) * (1.0 / stretch))
        values = values / values.sum()
        fixed = values * (1 << PRECISION_BITS)
        weights[row, first:last] = torch.trunc(fixed + torch.copysign(torch.tensor(0.5), fixed))
    return weights.to(device)


def _pass(image: Tensor, weights: Tensor) -> Tensor:
    """One pass along the last axis: (..., source) to (..., target), rounded and clipped."""
    total = image @ weights.T + (1 << (PRECISION_BITS - 1))
    return torch.floor(total / (1 << PRECISION_BITS)).clamp_(0, 255)


@torch.no_grad()
def bicubic(image: Tensor, size: int) -> Tensor:
    """Resize square images to ``size`` × ``size`` exactly as Pillow does.

    Pillow rounds between its two passes and chooses their order by the image's shape; for
    square images it resizes the rows first, and only that case is defined here.

    Args:
        image: (N, C, H, H), uint8.
        size: the target height and width in pixels.

    Returns:
        (N, C, size, size), uint8.
    """
    if image.dtype != torch.uint8:
        raise ValueError(f"bicubic needs uint8 images, got {image.dtype}")
    height, width = image.shape[-2:]
    if height != width:
        raise ValueError(f"bicubic needs square images, got {height}×{width} pixels")
    if width == size:
        return image
    weights = _weights(width, size, image.device)
    rows = _pass(image.to(torch.float64), weights)
    both = _pass(rows.transpose(-1, -2), weights).transpose(-1, -2)
    return both.to(torch.uint8).contiguous()


def quantize(image: Tensor) -> Tensor:
    """Round a float image in [0, 1] to uint8, clamping what lies outside."""
    return (image * 255).round_().clamp_(0, 255).to(torch.uint8)


def to_float(image: Tensor) -> Tensor:
    """Turn a uint8 image into float32 in [0, 1]."""
    return image.to(torch.float32) / 255
