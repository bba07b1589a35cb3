import pytest
import torch
from torch import Tensor

from pkdn import systems
from pkdn.errors import UserError
from pkdn.learning.losses import TERMS, distillation_weights, feature_loss, super_resolution_loss
from pkdn.learning.network import Output


def seen(*features: Tensor) -> Output:
    """Return an output whose image is its first feature map."""
    return Output(features[0], {f"tap{i}": value for i, value in enumerate(features)})


def test_super_resolution_loss_is_the_mean_absolute_error() -> None:
    sr_image = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    hr_image = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    assert super_resolution_loss(sr_image, hr_image).item() == pytest.approx(0.25)
    assert super_resolution_loss(hr_image, hr_image).item() == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [(torch.zeros(2, 1, 8, 8), r"got \(2, 1, 8, 8\)"), ((torch.zeros(2, 3, 8, 8),), "got tuple")],
)
def test_an_output_that_would_be_stretched_to_fit_is_refused(given: Tensor, told: str) -> None:
    with pytest.raises(UserError, match=told):
        super_resolution_loss(given, torch.zeros(2, 3, 8, 8))


def test_feature_loss_is_the_mean_over_taps_of_their_mean_absolute_errors() -> None:
    teacher = seen(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2), torch.zeros(1))
    student = seen(torch.full((1, 2, 4, 4), 0.5), torch.full((1, 2, 2, 2), -1.5), torch.ones(1))
    taps = ("tap0", "tap1")
    assert feature_loss(teacher, student, taps).item() == pytest.approx((0.5 + 1.5) / 2)
    assert feature_loss(student, student, taps).item() == 0


def test_the_tables_have_a_name_for_every_term() -> None:
    assert list(TERMS) == list(systems.TERMS)
    assert [t.fades for t in TERMS.values()] == [t.fades for t in systems.TERMS.values()]


@pytest.mark.parametrize("name", TERMS)
def test_every_term_reaches_the_student_and_never_the_teacher(name: str) -> None:
    teacher = torch.rand(2, 3, 8, 8, requires_grad=True)
    student = torch.rand(2, 3, 8, 8, requires_grad=True)
    TERMS[name].loss(seen(teacher, teacher), seen(student, student), ("tap0", "tap1")).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_half_precision_features_have_the_loss_and_the_gradient_of_single_precision() -> None:
    torch.manual_seed(0)
    teacher = torch.randn(1, 4, 128, 128).bfloat16()
    student = (teacher + 0.01 * torch.randn(1, 4, 128, 128)).bfloat16().requires_grad_()
    value = feature_loss(seen(teacher), seen(student), ("tap0",))
    exact = (student.float() - teacher.float()).abs().mean()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(exact.item(), rel=1e-4)
    given, expected = (torch.autograd.grad(loss, student) for loss in (value, exact))
    assert torch.equal(given[0], expected[0])


def test_weights_are_constant_as_equation_2_or_fade_as_in_kdfsrnet() -> None:
    weights = {"lambda_fs": 10.0, "lambda_ts": 0.1}
    assert distillation_weights(weights, distill_epochs=0, epoch=999) == weights
    fading = [distillation_weights(weights, distill_epochs=10, epoch=n) for n in (0, 7, 10, 11)]
    assert fading == [
        weights,
        {"lambda_ts": 0.1, "lambda_fs": pytest.approx(3.0)},
        {"lambda_ts": 0.1},
        {},
    ]


def test_terms_are_added_in_one_order_whatever_the_order_of_their_weights() -> None:
    for names in (list(TERMS), list(reversed(TERMS))):
        weights = dict.fromkeys(names, 1.0)
        assert list(distillation_weights(weights, distill_epochs=0, epoch=0)) == list(TERMS)
