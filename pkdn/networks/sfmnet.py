"""SFMNet: spatial-frequency mutual learning for face super-resolution (Wang et al., CVPR 2023).

Two U-shaped branches of seven stages on the bicubic-upsampled LR face. The frequency branch works
on amplitudes and phases of Fourier transforms, so that each of its convolutions sees the whole
face; the spatial branch gives the image, and takes the other's features in twice a stage. Both
images are learnt by. Its paper reports 27.56 dB / .8047 on CelebA and 27.22 dB / .8141 on Helen.

Differences to the authors' code: it makes two attentions for every fusion and runs one of them for
both directions; the 253,680 weights of the other, 2.9% of its 8.80 M, are left out here: 8.55 M. It
adds 1e-8 around Fourier transforms and replaces what is no number by 1e-5; neither is done here.

The phase jumps from π to −π, so an image depends on rounding more than others' do: with random
weights, noise of 1e-7 on the input moves single pixels by up to 0.01, here as in the authors' code.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.learning.losses import super_resolution_loss
from pkdn.networks.layers.blocks import (
    PixelShuffle,
    PixelUnshuffle,
    Residual,
    bicubic_input,
    scale_tail,
)
from pkdn.networks.layers.frequency import Float32, FrequencyBlock, InteractionBlock, transform
from pkdn.runs import OTHERS
from pkdn.training.batches import Batch
from pkdn.training.recipe import CONSTANT, AuthorsRecipe
from pkdn.training.task import Task

TITLE = "SFMNet"
INPUT = "128×128, bicubic"

SPECTRUM_WEIGHT = 0.01
"""Of both terms of the spectrum (not stated in the paper; chosen because it is the default of the
authors' code)."""

RECIPE = AuthorsRecipe(
    learning_rate=1e-4,
    schedule=CONSTANT,
    batch_size=8,
    # their default, 400 epochs, on Helen; on CelebA 50, as its author says of a sister project
    steps={"helen": 98_000, OTHERS: 1_055_000},
)

HIGHEST_RATE = 1e-4
"""Its authors' rate, and the paper profile's. Not stated in the paper; chosen because its features
grow without end at 2e-4 in the profile ``small``, and die out at the demo's 5e-3."""

SIZES: dict[str, dict[str, Any]] = {
    "demo": {
        "width": 4,
        "num_levels": 1,
        "num_pairs": 1,
        "num_blocks": 1,
        "num_heads": 1,
        "authors_start": False,
    },
    "small": {"width": 20, "num_heads": 4, "authors_start": False},
    "paper": {},
}


class Faces(NamedTuple):
    """What the network makes of a face.

    Attributes:
        sr_image: (N, 3, 128, 128), [0, 1] with overshoot: the spatial branch's.
        frequency_image: the same, of the frequency branch, for the losses alone.
    """

    sr_image: Tensor
    frequency_image: Tensor


def convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3×3 convolution without bias."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def activated(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3×3 convolution without bias, then PReLU."""
    return nn.Sequential(convolution(in_channels, out_channels), nn.PReLU())


def resampled(width: int, direction: str) -> nn.Module:
    """Return what halves (``down``), doubles (``up``) or keeps the size."""
    if direction == "down":
        merge = nn.Conv2d(4 * width, width, 1, bias=False)
        return nn.Sequential(convolution(width, width), PixelUnshuffle(2), merge)
    if direction == "up":
        return nn.Sequential(nn.Conv2d(width, 4 * width, 1), PixelShuffle(2), nn.PReLU())
    return nn.Identity()


class Scale(nn.Module):
    """One learnt factor, 1 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return features * self.factor


def spatial_block(width: int, num_blocks: int) -> Residual:
    """Residual blocks that end in ReLU and a convolution, added to the scaled input."""
    blocks: list[nn.Module] = []
    for _ in range(num_blocks):
        inside = (convolution(width, width), nn.ReLU(inplace=True), convolution(width, width))
        blocks += [Residual(*inside), nn.ReLU(inplace=True)]
    return Residual(*blocks, activated(width, width), beside=Scale())


class Stage(nn.Module):
    """Both branches at one size: resampling, then pairs of a block and a fusion.

    Args:
        width: channels.
        direction: of the resampling: ``down``, ``up`` or empty.
        num_pairs: of a block and a fusion.
        num_blocks: residual blocks in a block of the spatial branch.
        num_heads: of the fusions' attention.
    """

    def __init__(
        self, width: int, direction: str, num_pairs: int, num_blocks: int, num_heads: int
    ) -> None:
        super().__init__()
        self.takes_skip = direction != "down"
        self.resample = resampled(width, direction)
        self.resample_frequency = Float32(resampled(width, direction))
        pairs = range(num_pairs)
        self.spatial = nn.ModuleList(spatial_block(width, num_blocks) for _ in pairs)
        self.frequency = nn.ModuleList(Float32(FrequencyBlock(width)) for _ in pairs)
        self.fusions = nn.ModuleList(InteractionBlock(width, num_heads) for _ in pairs)

    def forward(
        self, fused: Tensor, frequency: Tensor, passed: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Return the fused features and those of the frequency branch.

        Args:
            fused: (N, C, H, W).
            frequency: of the same shape.
            passed: features of both branches, from the stages on the way down to those on the way
                up: each of the former adds its own, each of the latter takes the last.
        """
        fused, frequency = self.resample(fused), self.resample_frequency(frequency)
        for block, frequency_block, fusion in zip(
            self.spatial, self.frequency, self.fusions, strict=True
        ):
            spatial, frequency = block(fused), frequency_block(frequency)
            if block is self.spatial[-1] and self.takes_skip:
                skip = passed.pop()
                spatial, frequency = spatial + skip[0], frequency + skip[1]
            fused = fusion(spatial, frequency)
        if not self.takes_skip:
            passed.append((spatial, frequency))
        return fused, frequency


class SFMNet(nn.Module):
    """The network: 8,545,942 parameters, 30.7 GMAC at the authors' sizes.

    Fourier transforms are not among these: about 0.1 GMAC more.

    Args:
        width: channels of every feature map.
        num_levels: halvings, and doublings.
        num_pairs: of a block and a fusion in every stage.
        num_blocks: residual blocks in a block of the spatial branch.
        num_heads: of every attention.
        authors_start: draw the first weights as the authors do. Short trainings spend themselves on
            undoing what these add to the bicubic image (hardly anything at first, where it is
            small).
    """

    def __init__(
        self,
        *,
        width: int = 64,
        num_levels: int = 3,
        num_pairs: int = 2,
        num_blocks: int = 2,
        num_heads: int = 8,
        authors_start: bool = True,
    ) -> None:
        super().__init__()
        self.spatial_head, self.spatial_tail = activated(3, width), activated(width, 3)
        self.frequency_head = Float32(*activated(3, width))
        self.frequency_tail = Float32(*activated(width, 3))
        directions = ["down"] * num_levels + [""] + ["up"] * num_levels
        self.stages = nn.ModuleList(
            Stage(width, direction, num_pairs, num_blocks, num_heads) for direction in directions
        )
        if not authors_start:
            scale_tail(self.spatial_tail[0])
            scale_tail(self.frequency_tail[0])

    def output(self, lr_image: Tensor) -> Faces:
        """Return the images of both branches. ``lr_image``: (N, 3, 16, 16), [0, 1]."""
        upsampled = bicubic_input(lr_image)
        fused, frequency = self.spatial_head(upsampled), self.frequency_head(upsampled)
        passed = [(fused, frequency)]
        for stage in self.stages:
            fused, frequency = stage(fused, frequency, passed)
        images = self.spatial_tail(fused), self.frequency_tail(frequency)
        return Faces(*(upsampled + image for image in images))

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1] with overshoot."""
        return self.output(lr_image).sr_image


class MutualTask(Task):
    """Mean absolute error of both images, and of the frequency branch's spectrum."""

    network: SFMNet

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss`` and its terms ``l_sr``, ``l_frequency``, ``l_amplitude``, ``l_phase``."""
        faces = self.network.output(batch.lr_image)
        made, true = transform(faces.frequency_image), transform(batch.hr_image)
        terms = {
            "l_sr": super_resolution_loss(faces.sr_image, batch.hr_image),
            "l_frequency": super_resolution_loss(faces.frequency_image, batch.hr_image),
            "l_amplitude": F.l1_loss(made.abs(), true.abs()),
            "l_phase": F.l1_loss(made.angle(), true.angle()),
        }
        l_sr, l_frequency, l_amplitude, l_phase = terms.values()
        loss = l_sr + l_frequency + SPECTRUM_WEIGHT * (l_amplitude + l_phase)
        return {"loss": loss, **terms}


NETWORK = SFMNet


def task(network: SFMNet, size: str) -> Task:  # noqa: ARG001
    """Return what it is trained by."""
    return MutualTask(network)
