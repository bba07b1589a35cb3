"""URDGN: ultra-resolving faces by discriminative generative networks (Yu and Porikli 2016).

A generator of five convolutions, three of them before a doubling by nearest neighbours, learns
against a discriminator: mean squared error plus a hundredth of the adversarial loss, by RMSprop.

Its authors' code takes 16×16 faces as well. It holds a player back while the other is far behind,
and slows the first 30 steps, for which there is no word in the paper: here both play every step,
side by side.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.learning.losses import super_resolution_loss
from pkdn.networks.layers.blocks import bicubic_input, conv_norm_relu, scale_tail
from pkdn.runs import OTHERS
from pkdn.training.batches import Batch
from pkdn.training.recipe import RMSPROP, AuthorsRecipe, Schedule
from pkdn.training.task import Task

TITLE = "URDGN"
INPUT = "16×16"

# From the paper.
ADVERSARIAL_WEIGHT = 0.01
RATE_PER_EPOCH = 0.99
LEAST_RATE = 1e-3  # of the first one
STEPS_PER_EPOCH = 115  # 14,720 faces by 128
# Their script ends when it is stopped. Not stated in the paper; chosen because the rate has then
# fallen to its floor.
NUM_EPOCHS = 688
# From the authors' code.
DROPPED_CHANNELS = 0.2
DROPPED_FEATURES = 0.5


def _decay(progress: float) -> float:
    """Lower the rate by 1% with every epoch, down to a thousandth."""
    return float(max(RATE_PER_EPOCH ** int(progress * NUM_EPOCHS), LEAST_RATE))


RECIPE = AuthorsRecipe(
    optimizer=partial(RMSPROP, alpha=0.9),
    learning_rate=1e-3,
    schedule=Schedule("by equal ratios to a thousandth", _decay),
    batch_size=128,
    steps={OTHERS: NUM_EPOCHS * STEPS_PER_EPOCH},
)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {"widths": (8, 12, 12, 8), "global_residual": True},
    "small": {"widths": (6, 20, 40, 80), "global_residual": True},
    "paper": {},
}
DISCRIMINATOR_SIZES: dict[str, dict[str, Any]] = {
    "demo": {"widths": (4, 8, 16, 12), "hidden": 32},
    "small": {"widths": (10, 20, 40, 30), "hidden": 320},
    "paper": {},
}


class URDGN(nn.Module):
    """The generator: 1,054,243 parameters, 14.6 GMAC at the authors' sizes.

    Args:
        widths: channels after the first four convolutions.
        global_residual: add the bicubic input to the output (our choice, where it is small).
    """

    KERNELS = (3, 3, 5, 5, 5)

    def __init__(
        self,
        *,
        widths: tuple[int, int, int, int] = (16, 64, 128, 256),
        global_residual: bool = False,
    ) -> None:
        super().__init__()
        self.global_residual = global_residual
        layers: list[nn.Module] = []
        channels = (3, *widths)
        for i, kernel in enumerate(self.KERNELS[:-1]):
            convolution = nn.Conv2d(channels[i], channels[i + 1], kernel, padding=kernel // 2)
            layers.append(conv_norm_relu(convolution))
            if i < len(widths) - 1:
                layers.append(nn.Upsample(scale_factor=2))
        self.body = nn.Sequential(*layers)
        last = self.KERNELS[-1]
        self.tail = nn.Conv2d(channels[-1], 3, last, padding=last // 2)
        if global_residual:
            scale_tail(self.tail)

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1] with overshoot."""
        image = self.tail(self.body(2 * lr_image - 1))
        return image / 2 + (bicubic_input(lr_image) if self.global_residual else 0.5)


class Discriminator(nn.Module):
    """Tell HR faces from the generator's: four 5×5 convolutions and two dense layers.

    Args:
        widths: channels after each convolution.
        hidden: features between the dense layers.
    """

    def __init__(
        self, *, widths: tuple[int, int, int, int] = (32, 64, 128, 96), hidden: int = 1024
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [
                nn.Conv2d(before, after, 5, padding=2),
                nn.MaxPool2d(2),
                nn.ReLU(inplace=True),
                nn.Dropout2d(DROPPED_CHANNELS),
            ]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Linear(8 * 8 * widths[-1], hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPPED_FEATURES),
            nn.Linear(hidden, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, 128, 128) in [−1, 1] → (N, 1), the logit of being real."""
        logit: Tensor = self.dense(self.features(image).flatten(1))
        return logit.float()


class AdversarialTask(Task):
    """Generator and discriminator, each by its own loss, on images in [−1, 1].

    The discriminator sees one half of a batch as it is and the other as it is made. Which half is
    drawn: a batch is in the order of the data set, whose first faces would always be true ones.
    """

    def __init__(self, network: nn.Module, discriminator: nn.Module) -> None:
        super().__init__(network)
        self.discriminator = discriminator
        self.minimised = {"loss": network, "l_discriminator": discriminator}

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss`` with ``l_mse`` and ``l_adversarial``, and ``l_discriminator``.

        ``l_sr``, the L1 distance to HR in [0, 1], is there to compare with other systems.
        """
        real = 2 * batch.hr_image - 1
        made = 2 * self.network(batch.lr_image) - 1
        l_mse = F.mse_loss(made.float(), real)
        l_adversarial = F.softplus(-self.discriminator(made)).mean()
        half, drawn = len(real) // 2 or 1, torch.randperm(len(real), device=real.device)
        told_real = F.softplus(-self.discriminator(real[drawn[:half]])).mean()
        told_made = F.softplus(self.discriminator(made.detach()[drawn[-half:]])).mean()
        return {
            "loss": l_mse + ADVERSARIAL_WEIGHT * l_adversarial,
            "l_mse": l_mse,
            "l_adversarial": l_adversarial,
            "l_sr": super_resolution_loss(made.detach() / 2, real / 2),
            "l_discriminator": (told_real + told_made) / 2,
        }


NETWORK = URDGN


def task(network: URDGN, size: str) -> Task:
    """Return what it is trained by, with a discriminator of the generator's size."""
    return AdversarialTask(network, Discriminator(**DISCRIMINATOR_SIZES[size]))
