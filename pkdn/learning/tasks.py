"""The training tasks that several systems share."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pkdn.errors import UserError
from pkdn.learning.losses import TERMS, distillation_weights, super_resolution_loss
from pkdn.learning.network import TappedNetwork, inputs
from pkdn.training.batches import Batch
from pkdn.training.task import Task


class SuperResolutionTask(Task):
    """Mean absolute error against the HR face: Eq. 1 for a teacher, Eq. 3 for other networks."""

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss``."""
        sr_image = self.network(*inputs(self.network, batch))
        return {"loss": super_resolution_loss(sr_image, batch.hr_image)}


class DistillationTask(Task):
    """A student that learns from the HR face and from a frozen teacher (Eq. 2).

    Args:
        network: the student.
        teacher: the trained teacher; it is frozen here.
        taps: names of the features compared in Eq. 5.
        weights: of the terms of Eq. 2, by the names of :data:`pkdn.learning.losses.TERMS`.
        distill_epochs: see :func:`pkdn.learning.losses.distillation_weights`.
    """

    reads = ("labels",)
    network: TappedNetwork

    def __init__(
        self,
        network: TappedNetwork,
        teacher: TappedNetwork,
        *,
        taps: Sequence[str],
        weights: Mapping[str, float],
        distill_epochs: int,
    ) -> None:
        super().__init__(network)
        if unknown := [name for name in weights if name not in TERMS]:
            raise UserError(
                f"expected weights of the terms {', '.join(TERMS)}, got {', '.join(unknown)}: add "
                "the term to TERMS in pkdn/learning/losses.py"
            )
        self.teacher = teacher.eval().requires_grad_(False)
        self.taps = tuple(taps)
        self.weights = weights
        self.distill_epochs = distill_epochs

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Return ``loss`` and its terms: ``l_sr``, and ``l_X`` for each weight ``lambda_X``."""
        student = self.network.output(*inputs(self.network, batch))
        l_sr = super_resolution_loss(student.sr_image, batch.hr_image)
        losses = {"loss": l_sr, "l_sr": l_sr}
        weights = distillation_weights(
            self.weights, distill_epochs=self.distill_epochs, epoch=epoch
        )
        if weights:
            with torch.no_grad():
                teacher = self.teacher.output(*inputs(self.teacher, batch))
        for name, weight in weights.items():
            term = TERMS[name].loss(teacher, student, self.taps)
            losses[name.replace("lambda_", "l_")] = term
            losses["loss"] = losses["loss"] + weight * term
        return losses
