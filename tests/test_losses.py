import pytest
import torch

from pkdn.learning.losses import (
    distillation_weights,
    feature_loss,
    super_resolution_loss,
    teacher_image_loss,
)


def test_super_resolution_loss_is_the_mean_absolute_error() -> None:
    sr_image = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    hr_image = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    assert super_resolution_loss(sr_image, hr_image).item() == pytest.approx(0.25)
    assert super_resolution_loss(hr_image, hr_image).item() == 0


def test_feature_loss_is_the_mean_over_taps_of_their_mean_absolute_errors() -> None:
    teacher = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)]
    student = [torch.full((1, 2, 4, 4), 0.5), torch.full((1, 2, 2, 2), -1.5)]
    assert feature_loss(teacher, student).item() == pytest.approx((0.5 + 1.5) / 2)
    assert feature_loss(student, student).item() == 0


def test_feature_loss_refuses_unpaired_taps() -> None:
    with pytest.raises(ValueError, match="2 teacher features against 1"):
        feature_loss([torch.zeros(1), torch.zeros(1)], [torch.zeros(1)])


@pytest.mark.parametrize(
    "loss",
    [teacher_image_loss, lambda t, s: feature_loss([t, t], [s, s])],
    ids=["image", "feature"],
)
def test_distillation_reaches_the_student_and_never_the_teacher(loss) -> None:
    teacher = torch.rand(2, 3, 8, 8, requires_grad=True)
    student = torch.rand(2, 3, 8, 8, requires_grad=True)
    loss(teacher, student).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_half_precision_features_are_compared_in_single_precision() -> None:
    teacher = torch.zeros(1, 1, 256, 256, dtype=torch.bfloat16)
    student = torch.full((1, 1, 256, 256), 0.01, dtype=torch.bfloat16)
    value = feature_loss([teacher], [student])
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(0.01, rel=0.01)


def test_weights_are_constant_as_equation_2_or_fade_as_in_kdfsrnet() -> None:
    constant = {"lambda_ts": 0.1, "lambda_fs": 10.0, "distill_epochs": 0}
    assert distillation_weights(999, **constant) == (0.1, 10.0)
    fading = {"lambda_ts": 0.1, "lambda_fs": 10.0, "distill_epochs": 10}
    assert distillation_weights(0, **fading) == (0.1, 10.0)
    assert distillation_weights(7, **fading) == pytest.approx((0.1, 3.0))
    assert distillation_weights(10, **fading) == (0.0, 0.0)
