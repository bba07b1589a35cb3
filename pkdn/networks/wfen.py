"""WFEN: a wavelet-based feature enhancement network (Li et al., ACM MM 2024).

A U-shaped network on the bicubic-upsampled LR face. Haar wavelets halve the size without losing
anything: averages go down to the next level, details beside them; on the way up what the encoder
had at that size is taken apart again, refined and put back. Between them stand transformers whose
channels weigh each other, first within windows, then over the whole face. Images are on [−1, 1].

Two things are as the authors' code has them rather than as one would expect. What it puts together
on the way up has the refined details in the place of the averages (:class:`WaveletUpgrade`). And
where a window is one pixel, its shift moves the features by a pixel and not back
(:class:`pkdn.networks.layers.full_domain.WindowAttention`).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.networks.layers.blocks import bicubic_input, conv3, scale_tail
from pkdn.networks.layers.full_domain import Window, full_domain
from pkdn.networks.layers.initialisation import normal
from pkdn.runs import OTHERS
from pkdn.training.augmentation import mirror_and_zoom
from pkdn.training.recipe import ADAM, CONSTANT, AuthorsRecipe

TITLE = "WFEN"
INPUT = "128×128, bicubic"

NUM_STEPS = 84_937  # 151 passes over their 18,000 faces of CelebA in batches of 32
RECIPE = AuthorsRecipe(
    optimizer=ADAM,
    learning_rate=2e-4,
    schedule=CONSTANT,
    batch_size=32,
    steps={OTHERS: NUM_STEPS},
    augment={OTHERS: mirror_and_zoom},
)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {
        "width": 2,
        "num_outer_blocks": 0,
        "num_inner_blocks": 1,
        "num_heads": (1, 1, 2),
        "global_residual": True,
        "authors_start": False,
    },
    "small": {
        "width": 12,
        "num_heads": (2, 2, 4),
        "global_residual": True,
        "authors_start": False,
    },
    "paper": {},
}


def pointwise(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    """Two 1×1 convolutions with ReLU between them."""
    inner, outer = nn.Conv2d(in_channels, hidden, 1), nn.Conv2d(hidden, out_channels, 1)
    return nn.Sequential(inner, nn.ReLU(inplace=True), outer)


def decompose(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Haar wavelets' averages, and the sum of their three details.

    Averages and differences are taken in float32. The details of a square of four pixels,
    horizontal, vertical and diagonal, add up to its top left pixel less its average.

    Args:
        features: (N, C, H, W).

    Returns:
        Twice (N, C, H/2, W/2).
    """
    exact = features.float()
    averages = F.avg_pool2d(exact, 2)
    return averages, exact[:, :, ::2, ::2] - averages


def compose(averages: Tensor, details: Tensor) -> Tensor:
    """Return what has these averages and details: (N, C, H, W) and (N, 3·C, H, W), in float32.

    Returns:
        (N, C, 2·H, 2·W).
    """
    horizontal, vertical, diagonal = details.float().chunk(3, dim=1)
    plus, minus = averages.float() + horizontal, averages.float() - horizontal
    over, under = vertical + diagonal, vertical - diagonal
    squares = torch.stack([plus + over, minus + under, plus - over, minus - under], dim=2)
    return F.pixel_shuffle(squares.flatten(1, 2), 2)


class WaveletUpgrade(nn.Module):
    """Refine features by those of half their size, all in wavelets.

    Averages of the features, with the smaller ones, become the details of the result; the
    features' own details become its averages.

    Args:
        width: channels of the features.
        smaller_width: channels of the smaller ones.
    """

    def __init__(self, width: int, smaller_width: int) -> None:
        super().__init__()
        both = width + smaller_width
        self.details = pointwise(both, both, 3 * width)
        self.averages = nn.Sequential(
            conv3(width, width), nn.ReLU(inplace=True), conv3(width, width)
        )

    def forward(self, features: Tensor, smaller: Tensor) -> Tensor:
        """(N, C, 2·H, 2·W) and (N, D, H, W) → (N, C, 2·H, 2·W)."""
        averages, details = decompose(features)
        changed = self.details(torch.cat([smaller, averages], dim=1))
        return compose(self.averages(details), changed)


class WFEN(nn.Module):
    """The network: 6,780,519 parameters, 8.1 GMAC at the authors' sizes.

    Args:
        width: channels at 128×128; twice as many at 64×64, four times at 32×32 and 16×16.
        num_outer_blocks: full-domain transformers at 128×128, down and up.
        num_inner_blocks: those at 16×16, at each other size there is one.
        num_heads: of the attention over the whole face, at 128×128, 64×64 and smaller.
        global_residual: add the bicubic input to the output (our choice, where it is small).
        authors_start: draw the first weights as the authors do; at the demo's width the loss is no
            number after some steps then (PyTorch's instead, where it is small).
    """

    def __init__(
        self,
        *,
        width: int = 40,
        num_outer_blocks: int = 2,
        num_inner_blocks: int = 6,
        num_heads: Sequence[int] = (4, 4, 8),
        global_residual: bool = False,
        authors_start: bool = True,
    ) -> None:
        super().__init__()
        self.global_residual = global_residual
        widths, heads = (width, 2 * width, 4 * width, 4 * width), (*num_heads, num_heads[-1])
        windows_down = [
            [Window(8, shifted=False)] * num_outer_blocks,
            [Window(4, shifted=True)],
            [Window(2, shifted=False)],
            [Window(1, shifted=i % 2 == 1) for i in range(num_inner_blocks)],
        ]
        windows_up = [
            [Window(2, shifted=i % 2 == 0) for i in range(num_outer_blocks)],
            [Window(4, shifted=False)],
            [Window(8, shifted=True)],
        ]
        self.head, self.tail = conv3(3, width), conv3(width, 3)
        self.down = nn.ModuleList(map(full_domain, widths, windows_down, heads))
        self.up = nn.ModuleList(map(full_domain, widths, windows_up, heads))
        self.widen = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(widths))
        self.details = nn.ModuleList(pointwise(smaller, smaller, smaller) for smaller in widths[1:])
        self.upgrades = nn.ModuleList(WaveletUpgrade(a, b) for a, b in pairwise(widths))
        if authors_start:
            self.apply(normal)
        if global_residual:
            scale_tail(self.tail)

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1] with overshoot."""
        upsampled = bicubic_input(lr_image)
        first = self.head(2 * upsampled - 1)
        features = self.down[0](first)
        passed = []
        for widen, stage, refine in zip(self.widen, self.down[1:], self.details, strict=True):
            passed.append(features)
            averages, details = decompose(widen(features))
            features = stage(averages) + refine(details)
        for stage, upgrade in reversed([*zip(self.up, self.upgrades, strict=True)]):
            features = stage(upgrade(passed.pop(), features))
        image = self.tail(features + first)
        return image / 2 + (upsampled if self.global_residual else 0.5)


NETWORK = WFEN
