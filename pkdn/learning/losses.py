"""The paper's losses, one function for one equation.

The paper writes ‖·‖₁ without a normalisation; every predecessor's code takes the mean absolute
error, and so do we (not stated in the paper; chosen because the loss weights are theirs).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import torch
from torch import Tensor

from pkdn.errors import UserError
from pkdn.learning.network import Output


def _mean_absolute_error(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean(dtype=torch.float32)  # no copies in fp32: the gradient is the same


def super_resolution_loss(sr_image: Tensor, hr_image: Tensor) -> Tensor:
    """Eq. 1 for a teacher, Eq. 3 for a student: ‖SR − HR‖₁.

    Args:
        sr_image: (N, 3, 128, 128), [0, 1] with overshoot.
        hr_image: (N, 3, 128, 128), [0, 1].

    Raises:
        UserError: the network has given something else, which might be stretched to fit.
    """
    shape = getattr(sr_image, "shape", type(sr_image).__name__)
    if shape != hr_image.shape:
        raise UserError(
            f"expected SR images of the shape {tuple(hr_image.shape)} from the network, got "
            f"{shape if isinstance(shape, str) else tuple(shape)}: change its forward"
        )
    return _mean_absolute_error(sr_image, hr_image)


def teacher_image_loss(teacher: Output, student: Output, taps: Sequence[str]) -> Tensor:  # noqa: ARG001
    """Eq. 4: L_TS = ‖SR_T − SR_S‖₁. The teacher's image gets no gradient."""
    return _mean_absolute_error(student.sr_image, teacher.sr_image.detach())


def feature_loss(teacher: Output, student: Output, taps: Sequence[str]) -> Tensor:
    """Eq. 5: L_FS = (1/n) Σ_i ‖F_i^T − F_i^S‖₁. The teacher's features get no gradient.

    Args:
        teacher: with feature maps (N, C, H_i, W_i).
        student: with feature maps of the same shapes.
        taps: the names of the n maps.
    """
    errors = [_mean_absolute_error(student.taps[tap], teacher.taps[tap].detach()) for tap in taps]
    return sum(errors[1:], start=errors[0]) / len(errors)


class Term(NamedTuple):
    """A term of Eq. 2 that a teacher has a part in.

    Attributes:
        loss: from the teacher's output, the student's, and the names of the features that are
            compared.
        fades: whether its weight falls while a distillation ends, see
            :func:`distillation_weights`.
    """

    loss: Callable[[Output, Output, Sequence[str]], Tensor]
    fades: bool


TERMS: Final[Mapping[str, Term]] = MappingProxyType(
    {
        "lambda_ts": Term(teacher_image_loss, fades=False),
        "lambda_fs": Term(feature_loss, fades=True),
    }
)
"""By the parameter that is the term's weight; ``pkdn.systems.TERMS`` says how tables call them."""


def distillation_weights(
    weights: Mapping[str, float], *, distill_epochs: int, epoch: int
) -> dict[str, float]:
    """Return the terms of Eq. 2 that count in an epoch with their weights, in TERMS' order.

    With ``distill_epochs`` 0 the weights are constant, as Eq. 2 has them. Otherwise those of
    terms that fade fall linearly to 0 over that many epochs; the others count for one epoch
    more, and all are off afterwards, which is the schedule of KDFSRNet's code.

    Args:
        weights: by the names of TERMS; a term that is absent weighs 0.
        distill_epochs: how long there is a distillation; 0 for throughout.
        epoch: counted from 0.
    """
    counting = {name: weights[name] for name in TERMS if weights.get(name)}
    if distill_epochs == 0:
        return counting
    left = distill_epochs - epoch
    weighed = {
        name: weight * left / distill_epochs if TERMS[name].fades else weight
        for name, weight in counting.items()
    }
    return {name: weight for name, weight in weighed.items() if left >= 0 and weight}
