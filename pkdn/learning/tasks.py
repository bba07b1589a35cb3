"""Training tasks: from a batch to named loss terms, and who minimises which."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pkdn.faces.batches import Batch
from pkdn.learning.losses import (
    distillation_weights,
    feature_loss,
    super_resolution_loss,
    teacher_image_loss,
)


class Task(Protocol):
    """What the training loop needs to know of a system: what it trains, by which losses.

    Attributes:
        network: what is kept of the training.
        minimised: for each loss term that is minimised the module that does so; ``loss`` is the
            network's own. More than one where networks learn against each other.
    """

    network: nn.Module
    minimised: Mapping[str, nn.Module]

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Return scalar loss terms by name, those of ``minimised`` among them."""
        ...


class Output(NamedTuple):
    """An SR image with the features that distillation compares.

    Attributes:
        sr_image: (N, 3, 128, 128).
        taps: the named feature maps, in an order that teacher and student share.
    """

    sr_image: Tensor
    taps: dict[str, Tensor]


class Student(Protocol):
    """A network that gives its features away."""

    def output(self, lr_image: Tensor) -> Output:
        """Return the SR image with the features."""
        ...


class Teacher(Protocol):
    """A network that sees the face-parsing map of the HR face."""

    def output(self, lr_image: Tensor, labels: Tensor) -> Output:
        """Return the SR image with the features."""
        ...


class SuperResolutionTask:
    """A network alone: mean absolute error against the HR face (Eq. 3)."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.minimised: Mapping[str, nn.Module] = {"loss": network}

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss``."""
        return {"loss": super_resolution_loss(self.network(batch.lr_image), batch.hr_image)}


class TeacherTask:
    """A teacher: mean absolute error against the HR face (Eq. 1)."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.minimised: Mapping[str, nn.Module] = {"loss": network}

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss``."""
        sr_image = self.network(batch.lr_image, batch.labels)
        return {"loss": super_resolution_loss(sr_image, batch.hr_image)}


class DistillationTask:
    """A student that learns from the HR face and from a frozen teacher (Eq. 2).

    Args:
        network: the student.
        teacher: the trained teacher; it is frozen here.
        taps: names of the features compared in Eq. 5.
        lambda_ts: weight of Eq. 4.
        lambda_fs: weight of Eq. 5.
        distill_epochs: see :func:`pkdn.learning.losses.distillation_weights`.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module,
        *,
        taps: Sequence[str],
        lambda_ts: float,
        lambda_fs: float,
        distill_epochs: int,
    ) -> None:
        self.network = network
        self.minimised: Mapping[str, nn.Module] = {"loss": network}
        self.teacher = teacher.eval().requires_grad_(False)
        self.taps = tuple(taps)
        self.lambda_ts = lambda_ts
        self.lambda_fs = lambda_fs
        self.distill_epochs = distill_epochs

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Return ``loss`` with its terms ``l_sr``, and ``l_ts``, ``l_fs`` where they weigh in."""
        lambda_ts, lambda_fs = distillation_weights(
            epoch,
            lambda_ts=self.lambda_ts,
            lambda_fs=self.lambda_fs,
            distill_epochs=self.distill_epochs,
        )
        student: Output = self.network.output(batch.lr_image)  # type: ignore[operator]
        l_sr = super_resolution_loss(student.sr_image, batch.hr_image)
        terms = {"loss": l_sr, "l_sr": l_sr}
        if lambda_ts == lambda_fs == 0:
            return terms
        with torch.no_grad():
            teacher: Output = self.teacher.output(batch.lr_image, batch.labels)  # type: ignore[operator]
        if lambda_ts:
            terms["l_ts"] = teacher_image_loss(teacher.sr_image, student.sr_image)
            terms["loss"] = terms["loss"] + lambda_ts * terms["l_ts"]
        if lambda_fs:
            terms["l_fs"] = feature_loss(
                [teacher.taps[name] for name in self.taps],
                [student.taps[name] for name in self.taps],
            )
            terms["loss"] = terms["loss"] + lambda_fs * terms["l_fs"]
        return terms
