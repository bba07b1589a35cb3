"""DIC: deep iterative collaboration between recovery and landmarks (Ma et al. 2020).

In each of four steps a recurrent branch makes an SR face, an hourglass finds landmarks on it, and
their heatmaps, merged to five parts of the face, steer the next step by attention. Every step's
image and heatmaps are compared with the truth.

Structure as in the authors' code (MIT licence). Difference: they start from an hourglass trained
for landmarks beforehand and hold it still for the first steps; here everything learns together
from the start, since those weights are not part of this project. Their recipes for Helen and for
CelebA differ in the augmentation alone, which the latter lacks.
"""

from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.faces import NUM_LANDMARKS
from pkdn.networks.layers.blocks import PixelShuffle, Residual, conv3
from pkdn.networks.layers.feedback import FeedbackBlock, activated, enlarge, pointwise
from pkdn.networks.layers.initialisation import kaiming
from pkdn.networks.layers.landmarks import heatmap_loss, hourglass, projection
from pkdn.runs import OTHERS
from pkdn.training.augmentation import distort_mirror_and_turn
from pkdn.training.batches import Batch
from pkdn.training.recipe import ADAM, AuthorsRecipe, halved_at
from pkdn.training.task import Task

TITLE = "DIC"
INPUT = "16×16"

MEAN_RGB = (0.509, 0.424, 0.378)
HEATMAP_WEIGHT = 0.1
UPSCALE = 4
LEAKY_SLOPE = 0.2
LEAST_PEAK = 0.05
# Landmarks of the five parts: eyes, nose, mouth, and the outline with the brows.
PARTS = (slice(36, 42), slice(42, 48), slice(27, 36), slice(48, 68), slice(0, 27))

NUM_STEPS = 150_000
RECIPE = AuthorsRecipe(
    optimizer=partial(ADAM, betas=(0.9, 0.999)),
    learning_rate=1e-4,
    schedule=halved_at(10_000, 20_000, 40_000, 80_000, of=NUM_STEPS),
    batch_size=8,
    steps={OTHERS: NUM_STEPS},
    augment={"helen": distort_mirror_and_turn, OTHERS: None},
    keep="best",
)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {
        "width": 8,
        "num_groups": 1,
        "projection_scale": 2,
        "num_steps": 2,
        "num_fusion_blocks": 1,
        "hourglass_width": 16,
        "hourglass_depth": 1,
        "authors_start": False,
    },
    "small": {"width": 16, "hourglass_width": 80, "authors_start": False},
    "paper": {},
}


class Steps(NamedTuple):
    """What DIC makes of an LR face, step by step.

    Attributes:
        sr_images: each (N, 3, 128, 128).
        heatmaps: each (N, 68, 32, 32).
    """

    sr_images: list[Tensor]
    heatmaps: list[Tensor]


def merge_parts(heatmaps: Tensor) -> Tensor:
    """Scale each heatmap to a peak of 1 and add those of a part: (N, 68, …) → (N, 5, …)."""
    peaks = heatmaps.amax((2, 3), keepdim=True).clamp_min(LEAST_PEAK)
    scaled = heatmaps / peaks
    return torch.stack([scaled[:, part].sum(1) for part in PARTS], dim=1)


class PartAttention(nn.Module):
    """Process features once for each part, and add them by the softmax of its heatmap."""

    def __init__(self, width: int, num_blocks: int) -> None:
        super().__init__()
        wide = len(PARTS) * width
        by_part = partial(nn.Conv2d, wide, wide, 3, padding=1, groups=len(PARTS))
        self.spread = nn.Sequential(nn.Conv2d(width, wide, 1), nn.LeakyReLU(LEAKY_SLOPE))
        self.blocks = nn.Sequential(
            *(Residual(by_part(), nn.LeakyReLU(LEAKY_SLOPE), by_part()) for _ in range(num_blocks))
        )

    def forward(self, features: Tensor, parts: Tensor) -> Tensor:
        """(N, C, H, W) with heatmaps (N, 5, H, W) → (N, C, H, W)."""
        by_part = self.blocks(self.spread(features)).unflatten(1, (len(PARTS), -1))
        summed: Tensor = (by_part * parts.softmax(1)[:, :, None]).sum(1)
        return summed


def bottleneck(in_channels: int, out_channels: int) -> Residual:
    """Return a block of the landmark branch, with its one ReLU after the first convolution."""
    half = out_channels // 2
    return Residual(
        nn.Conv2d(in_channels, half, 1),
        nn.ReLU(inplace=True),
        conv3(half, half),
        nn.Conv2d(half, out_channels, 1),
        beside=projection(in_channels, out_channels),
    )


class LandmarkBranch(nn.Module):
    """A recurrent hourglass: an SR face and its own memory to heatmaps and new memory."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.width = width
        self.features = nn.Sequential(
            nn.Conv2d(3, width // 4, 7, 2, padding=3),
            nn.ReLU(inplace=True),
            bottleneck(width // 4, width // 2),
            nn.MaxPool2d(2),
            bottleneck(width // 2, width // 2),
            bottleneck(width // 2, width),
        )
        self.join = nn.Conv2d(2 * width, 2 * width, 1)
        double = nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=True)
        self.hourglass = hourglass(depth, partial(bottleneck, 2 * width, 2 * width), double)
        self.heatmaps = nn.Sequential(
            bottleneck(width, width),
            nn.Conv2d(width, width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, NUM_LANDMARKS, 1),
        )

    def forward(self, image: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        """(N, 3, 128, 128), memory (N, width, 32, 32) or None → heatmaps, memory."""
        features = self.features(image)
        joined = self.join(torch.cat([features, features if memory is None else memory], dim=1))
        found, memory = self.hourglass(joined).split(self.width, dim=1)
        return self.heatmaps(found), memory


class DIC(nn.Module):
    """The network: 21.8 M parameters, 45.3 GMAC at the authors' sizes.

    Args:
        width: channels of the recovery branch.
        num_groups: pairs of projections in a feedback block.
        projection_scale: by which these enlarge 32×32: to 256×256 in the authors' code.
        num_steps: how often image and landmarks are found.
        num_fusion_blocks: residual blocks within the attention.
        hourglass_width: channels of the landmark branch.
        hourglass_depth: how often its hourglass halves the size.
        authors_start: draw the first weights as the authors do. PyTorch's serve short trainings of
            small networks better (our choice: 23.3 instead of 19.2 dB after the demo's 272 steps).
    """

    def __init__(
        self,
        *,
        width: int = 48,
        num_groups: int = 6,
        projection_scale: int = 8,
        num_steps: int = 4,
        num_fusion_blocks: int = 7,
        hourglass_width: int = 256,
        hourglass_depth: int = 4,
        authors_start: bool = True,
    ) -> None:
        super().__init__()
        self.num_steps = num_steps
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(MEAN_RGB).reshape(3, 1, 1), persistent=False)
        self.head = nn.Sequential(activated(conv3(3, 4 * width)), PixelShuffle(2))
        feedback = partial(FeedbackBlock, width, num_groups, projection_scale)
        self.first = nn.Sequential(pointwise(width, width), feedback())
        self.attention = PartAttention(width, num_fusion_blocks)
        self.compress = pointwise(2 * width, width)
        self.feedback = feedback()
        self.up = enlarge(width, UPSCALE)
        self.tail = conv3(width, 3)
        self.landmarks = LandmarkBranch(hourglass_width, hourglass_depth)
        if authors_start:
            self.apply(kaiming)

    def output(self, lr_image: Tensor) -> Steps:
        """Return every step's image and heatmaps. ``lr_image``: (N, 3, 16, 16), [0, 1]."""
        shifted = lr_image - self.mean
        enlarged = F.interpolate(shifted, scale_factor=8.0, mode="bilinear", align_corners=False)
        features = self.head(shifted)
        steps = Steps([], [])
        hidden, memory = self.first(features), None
        for step in range(self.num_steps):
            if step:
                joined = self.compress(torch.cat([features, hidden], dim=1))
                hidden = self.feedback(self.attention(joined, merge_parts(steps.heatmaps[-1])))
            image = enlarged + self.tail(self.up(hidden))
            heatmaps, memory = self.landmarks(image, memory)
            steps.sr_images.append(image + self.mean)
            steps.heatmaps.append(heatmaps)
        return steps

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1] with overshoot: the last step's."""
        return self.output(lr_image).sr_images[-1]


class CollaborationTask(Task):
    """The sum over the steps of the L1 distance to HR and a tenth of the heatmaps' MSE."""

    reads = ("landmarks",)
    network: DIC

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss`` and its terms ``l_sr``, the last step's alone, and ``l_heatmaps``."""
        assert batch.landmarks is not None
        found = self.network.output(batch.lr_image)
        of_images = [F.l1_loss(image.float(), batch.hr_image) for image in found.sr_images]
        of_heatmaps = [heatmap_loss(each, batch.landmarks) for each in found.heatmaps]
        l_heatmaps = torch.stack(of_heatmaps).sum()
        return {
            "loss": torch.stack(of_images).sum() + HEATMAP_WEIGHT * l_heatmaps,
            "l_sr": of_images[-1],
            "l_heatmaps": l_heatmaps,
        }


NETWORK = DIC


def task(network: DIC, size: str) -> Task:  # noqa: ARG001
    """Return what it is trained by."""
    return CollaborationTask(network)
