"""KDFSRNet: propagating facial prior knowledge by distillation (Wang et al. 2022).

Student and teacher are one autoencoder. The teacher, with two RCABs in a stage where the student
has six, sees the face-parsing map of the HR face once, beside the LR face in its first
convolution. Its authors distil nine features, the bottleneck's among them.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pkdn.faces.encoding import encode, num_channels
from pkdn.learning.tasks import DistillationTask, Output, Task, TeacherTask
from pkdn.networks.layers.autoencoder import (
    DOWN_TAPS,
    UP_TAPS,
    AttentionAutoencoder,
    AttentionStudent,
)
from pkdn.networks.layers.blocks import bicubic_input

TITLE = "KDFSRNet"
INPUT = "128×128, bicubic"

# From the authors' code.
DISTILLED_TAPS = (*DOWN_TAPS, "bottleneck", *UP_TAPS)
LAMBDA_TS = 0.1
LAMBDA_FS = 10.0
DISTILL_EPOCHS = 10
# The demo's hundreds of steps are no place for them: it distils as PKDN's demo does.
DEMO_LAMBDA_FS = 0.1
DEMO_DISTILL_EPOCHS = 1

DEMO: dict[str, Any] = {"width": 8, "num_blocks": 1, "global_residual": True}
DEMO_TEACHER: dict[str, Any] = {"width": 8, "num_blocks": 1, "global_residual": True}


class KDFSRNet(AttentionStudent):
    """The student, on the bicubic-upsampled LR face."""


class KDFSRNetTeacher(AttentionAutoencoder):
    """The teacher: 2,526,027 parameters at the authors' sizes.

    The parsing map enters as a colour map.
    """

    def __init__(
        self, *, width: int = 64, num_blocks: int = 2, global_residual: bool = False
    ) -> None:
        super().__init__(
            in_channels=3 + num_channels("palette"),
            width=width,
            num_blocks=num_blocks,
            global_residual=global_residual,
        )

    def output(self, lr_image: Tensor, labels: Tensor) -> Output:
        """Return the SR image with the nine taps.

        Args:
            lr_image: (N, 3, 16, 16), [0, 1].
            labels: (N, 128, 128), the HR face's parsing classes 0–18.
        """
        upsampled = bicubic_input(lr_image)
        return self.decode(torch.cat([upsampled, encode(labels, "palette")], dim=1), upsampled)

    def forward(self, lr_image: Tensor, labels: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1], (N, 128, 128) → (N, 3, 128, 128), [0, 1] with overshoot."""
        return self.output(lr_image, labels).sr_image


NETWORK = KDFSRNet
TEACHER = KDFSRNetTeacher


def tasks(profile: str) -> Iterator[tuple[Task, str]]:
    """Yield the teacher's task, then, when it has been trained, the student's."""
    small = profile == "demo"
    teacher = KDFSRNetTeacher(**(DEMO_TEACHER if small else {}))
    yield TeacherTask(teacher), "teacher"
    student = DistillationTask(
        KDFSRNet(**(DEMO if small else {})),
        teacher,
        taps=DISTILLED_TAPS,
        lambda_ts=LAMBDA_TS,
        lambda_fs=DEMO_LAMBDA_FS if small else LAMBDA_FS,
        distill_epochs=DEMO_DISTILL_EPOCHS if small else DISTILL_EPOCHS,
    )
    yield student, ""
