"""KDFSRNet: propagating facial prior knowledge by distillation (Wang et al. 2022).

Student and teacher are one autoencoder. The teacher, with two RCABs in a stage where the student
has six, sees the face-parsing map of the HR face once, beside the LR face in its first
convolution. Its authors distil nine features, the bottleneck's among them.
"""

from typing import Any

import torch
from torch import Tensor

from pkdn.learning.network import Output
from pkdn.networks.layers.autoencoder import (
    DOWN_TAPS,
    UP_TAPS,
    AttentionAutoencoder,
    AttentionStudent,
)
from pkdn.networks.layers.blocks import bicubic_input
from pkdn.networks.layers.encoding import MapEncoder
from pkdn.runs import OTHERS
from pkdn.training.recipe import CONSTANT, AuthorsRecipe

TITLE = "KDFSRNet"
INPUT = "128×128, bicubic"

RECIPE = AuthorsRecipe(
    learning_rate=1e-4,
    schedule=CONSTANT,
    batch_size=8,
    # their default, 400 epochs, on Helen; on CelebA about 50, as its author says
    steps={"helen": 98_000, OTHERS: 1_055_000},
    distillation={"lambda_ts": 0.1, "lambda_fs": 10.0, "distill_epochs": 10},
)

# From the authors' code.
DISTILLED_TAPS = (*DOWN_TAPS, "bottleneck", *UP_TAPS)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {"width": 8, "num_blocks": 1, "global_residual": True},
    "small": {"width": 32, "num_blocks": 2, "global_residual": True},
    "paper": {},
}
TEACHER_SIZES: dict[str, dict[str, Any]] = {
    "demo": {"width": 8, "num_blocks": 1, "global_residual": True},
    "small": {"width": 32, "num_blocks": 1, "global_residual": True},
    "paper": {},
}


class KDFSRNet(AttentionStudent):
    """The student, on the bicubic-upsampled LR face."""


class KDFSRNetTeacher(AttentionAutoencoder):
    """The teacher: 2,526,027 parameters at the authors' sizes.

    The parsing map enters as a colour map.
    """

    reads = ("lr_image", "labels")

    def __init__(
        self, *, width: int = 64, num_blocks: int = 2, global_residual: bool = False
    ) -> None:
        encode = MapEncoder("palette")
        super().__init__(
            in_channels=3 + encode.num_channels,
            width=width,
            num_blocks=num_blocks,
            global_residual=global_residual,
        )
        self.encode = encode

    def output(self, lr_image: Tensor, labels: Tensor) -> Output:
        """Return the SR image with the nine taps.

        Args:
            lr_image: (N, 3, 16, 16), [0, 1].
            labels: (N, 128, 128), the HR face's parsing classes 0–18.
        """
        upsampled = bicubic_input(lr_image)
        return self.decode(torch.cat([upsampled, self.encode(labels)], dim=1), upsampled)


NETWORK = KDFSRNet
TEACHER = KDFSRNetTeacher
