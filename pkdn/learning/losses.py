"""The paper's losses, one function for one equation.

The paper writes ‖·‖₁ without a normalisation; every predecessor's code takes the mean absolute
error, and so do we (not stated in the paper; chosen because the loss weights are theirs).
"""

from collections.abc import Sequence

from torch import Tensor


def _mean_absolute_error(a: Tensor, b: Tensor) -> Tensor:
    return (a.float() - b.float()).abs().mean()


def super_resolution_loss(sr_image: Tensor, hr_image: Tensor) -> Tensor:
    """Eq. 1 for a teacher, Eq. 3 for a student: ‖SR − HR‖₁.

    Args:
        sr_image: (N, 3, 128, 128), [0, 1] with overshoot.
        hr_image: (N, 3, 128, 128), [0, 1].
    """
    return _mean_absolute_error(sr_image, hr_image)


def teacher_image_loss(teacher_image: Tensor, student_image: Tensor) -> Tensor:
    """Eq. 4: L_TS = ‖SR_T − SR_S‖₁. The teacher's image gets no gradient."""
    return _mean_absolute_error(student_image, teacher_image.detach())


def feature_loss(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Tensor:
    """Eq. 5: L_FS = (1/n) Σ_i ‖F_i^T − F_i^S‖₁. The teacher's features get no gradient.

    Args:
        teacher: n feature maps, (N, C, H_i, W_i).
        student: as many, of the same shapes and in the same order.
    """
    if len(teacher) != len(student):
        raise ValueError(f"{len(teacher)} teacher features against {len(student)} of the student")
    total = sum(
        (
            _mean_absolute_error(f_s, f_t.detach())
            for f_t, f_s in zip(teacher, student, strict=True)
        ),
        start=teacher[0].new_zeros((), dtype=teacher[0].float().dtype),
    )
    return total / len(teacher)


def distillation_weights(
    epoch: int, *, lambda_ts: float, lambda_fs: float, distill_epochs: int
) -> tuple[float, float]:
    """Return the weights (λ_TS, λ_FS) of Eq. 2 in an epoch, counted from 0.

    With ``distill_epochs`` 0 they are constant, as Eq. 2 has them. Otherwise λ_FS falls linearly
    over that many epochs, and both are off afterwards, which is the schedule of KDFSRNet's code.
    """
    if distill_epochs == 0:
        return lambda_ts, lambda_fs
    if epoch >= distill_epochs:
        return 0.0, 0.0
    return lambda_ts, lambda_fs * (distill_epochs - epoch) / distill_epochs
