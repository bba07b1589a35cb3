"""FSRNet: end-to-end learning face super-resolution with facial priors (Chen et al. 2018).

A coarse network makes a first HR face; from it a fine encoder and, beside it, a network that
estimates parsing maps and landmark heatmaps; a decoder turns the features of both into the face.
All four outcomes are compared with the truth by mean squared error.

The authors published a test-only Torch model. Not stated in the paper; chosen because a public
re-implementation was measured with them: two hourglasses of depth 3 with 128 features at 64×64,
and the prior network's features as the decoder's second input, in whose place that one's author
would rather see the estimated maps. It differs otherwise: it ends three of its networks in a
Tanh, pads by reflection, takes images in [−1, 1], and repeats the very same residual block within
a network (2.2 M parameters); blocks with weights of their own give 3.3 M here at 15.3 GMAC.
"""

from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.faces import NUM_LANDMARKS
from pkdn.learning.losses import super_resolution_loss
from pkdn.networks.layers.blocks import Residual, bicubic_input, conv3, conv_norm_relu, scale_tail
from pkdn.networks.layers.encoding import MapEncoder
from pkdn.networks.layers.landmarks import heatmap_loss, hourglass, projection
from pkdn.training.batches import Batch
from pkdn.training.recipe import CONSTANT, RMSPROP, AuthorsRecipe
from pkdn.training.task import Task

TITLE = "FSRNet"
INPUT = "128×128, bicubic"

RECIPE = AuthorsRecipe(
    # not stated in the paper; chosen because it is PyTorch's and the paper names no other
    optimizer=RMSPROP,
    learning_rate=2.5e-4,
    schedule=CONSTANT,
    batch_size=14,
)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {
        "width": 8,
        "prior_width": 16,
        "num_image_blocks": 1,
        "num_encoder_blocks": 2,
        "num_hourglasses": 1,
        "hourglass_depth": 1,
        "global_residual": True,
    },
    "small": {"width": 20, "prior_width": 40, "global_residual": True},
    "paper": {},
}


class Estimate(NamedTuple):
    """What FSRNet makes of an LR face.

    Attributes:
        sr_image: (N, 3, 128, 128).
        coarse: the first HR face, (N, 3, 128, 128).
        heatmaps: of the landmarks, (N, 68, 64, 64).
        parsing: likeness to each parsing class, (N, 19, 64, 64).
    """

    sr_image: Tensor
    coarse: Tensor
    heatmaps: Tensor
    parsing: Tensor


def convolved(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution to stand before batch normalisation."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)


def residual_block(width: int) -> Residual:
    """x + BN(conv3(ReLU(BN(conv3(x)))))."""
    first = conv_norm_relu(convolved(width, width))
    return Residual(*first, convolved(width, width), nn.BatchNorm2d(width))


def bottleneck(in_channels: int, out_channels: int) -> Residual:
    """Return a bottleneck of the prior network, normalised before each convolution."""
    half = out_channels // 2
    layers: list[nn.Module] = []
    for convolution in (
        nn.Conv2d(in_channels, half, 1),
        conv3(half, half),
        nn.Conv2d(half, out_channels, 1),
    ):
        layers += [nn.BatchNorm2d(convolution.in_channels), nn.ReLU(), convolution]
    return Residual(*layers, beside=projection(in_channels, out_channels))


class PriorNetwork(nn.Sequential):
    """From the coarse face to features of its parts at 64×64."""

    def __init__(self, width: int, prior_width: int, num_hourglasses: int, depth: int) -> None:
        block, double = partial(bottleneck, prior_width, prior_width), nn.Upsample(scale_factor=2.0)
        super().__init__(
            conv_norm_relu(convolved(3, width, 7, stride=2)),
            bottleneck(width, prior_width),
            residual_block(prior_width),
            residual_block(prior_width),
            *(hourglass(depth, block, double) for _ in range(num_hourglasses)),
        )


class FSRNet(nn.Module):
    """The network, for 19 parsing classes and 68 landmarks.

    Args:
        width: channels of the image networks.
        prior_width: channels of the prior network.
        num_image_blocks: residual blocks of the coarse network, and of the decoder.
        num_encoder_blocks: residual blocks of the fine encoder.
        num_hourglasses: hourglasses of the prior network.
        hourglass_depth: how often each halves the size.
        global_residual: add the bicubic input to both images (our choice, where it is small).
    """

    def __init__(
        self,
        *,
        width: int = 64,
        prior_width: int = 128,
        num_image_blocks: int = 3,
        num_encoder_blocks: int = 12,
        num_hourglasses: int = 2,
        hourglass_depth: int = 3,
        global_residual: bool = False,
    ) -> None:
        super().__init__()
        self.global_residual = global_residual
        self.encode = MapEncoder("onehot")
        self.coarse = nn.Sequential(
            conv_norm_relu(convolved(3, width)),
            *(residual_block(width) for _ in range(num_image_blocks)),
        )
        self.coarse_tail = conv3(width, 3)
        self.encoder = nn.Sequential(
            conv_norm_relu(convolved(3, width, stride=2)),
            *(residual_block(width) for _ in range(num_encoder_blocks)),
            conv3(width, width),
        )
        self.prior = PriorNetwork(width, prior_width, num_hourglasses, hourglass_depth)
        self.heatmaps = nn.Conv2d(prior_width, NUM_LANDMARKS, 1)
        self.parsing = nn.Conv2d(prior_width, self.encode.num_channels, 1)
        self.decoder = nn.Sequential(
            conv_norm_relu(convolved(width + prior_width, width)),
            conv_norm_relu(
                nn.ConvTranspose2d(width, width, 3, 2, padding=1, output_padding=1, bias=False)
            ),
            *(residual_block(width) for _ in range(num_image_blocks)),
        )
        self.tail = conv3(width, 3)
        if global_residual:
            scale_tail(self.coarse_tail)
            scale_tail(self.tail)

    def output(self, lr_image: Tensor) -> Estimate:
        """Return both images and both priors. ``lr_image``: (N, 3, 16, 16), [0, 1]."""
        upsampled = bicubic_input(lr_image)
        added = upsampled if self.global_residual else 0
        coarse = self.coarse_tail(self.coarse(upsampled)) + added
        prior = self.prior(coarse)
        features = self.decoder(torch.cat([self.encoder(coarse), prior], dim=1))
        sr_image = self.tail(features) + added
        return Estimate(sr_image, coarse, self.heatmaps(prior), self.parsing(prior))

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1] with overshoot."""
        return self.output(lr_image).sr_image


class PriorTask(Task):
    """Mean squared error of both images and both priors, with equal weights."""

    reads = ("labels", "landmarks")
    network: FSRNet

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss`` and its terms ``l_mse``, ``l_coarse``, ``l_heatmaps``, ``l_parsing``.

        ``l_sr``, the L1 distance to HR, is there to compare with other systems.
        """
        assert batch.labels is not None and batch.landmarks is not None
        found = self.network.output(batch.lr_image)
        parsing = F.avg_pool2d(self.network.encode(batch.labels), 2)
        terms = {
            "l_mse": F.mse_loss(found.sr_image.float(), batch.hr_image),
            "l_coarse": F.mse_loss(found.coarse.float(), batch.hr_image),
            "l_heatmaps": heatmap_loss(found.heatmaps, batch.landmarks),
            "l_parsing": F.mse_loss(found.parsing.float(), parsing),
        }
        l_sr = super_resolution_loss(found.sr_image.detach(), batch.hr_image)
        return {"loss": torch.stack(list(terms.values())).sum(), "l_sr": l_sr, **terms}


NETWORK = FSRNet


def task(network: FSRNet, size: str) -> Task:  # noqa: ARG001
    """Return what it is trained by."""
    return PriorTask(network)
