from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pkdn import networks
from pkdn.complexity import size
from pkdn.errors import UserError
from pkdn.networks import kdfsrnet, pkdn

# At the authors' sizes: parameters, and 10⁹ multiply-accumulates.
PAPER_SIZES = {
    "bicubic": (0, 0.001),
    "kdfsrnet": (5_203_995, 13.72),
    "pkdn": (5_203_995, 13.72),
}
TEACHERS: dict[str, tuple[Callable[..., nn.Module], dict[str, object], int]] = {
    "kdfsrnet": (kdfsrnet.KDFSRNetTeacher, {}, 2_526_027),
    "pkdn-full": (pkdn.PKDNTeacher, {}, 4_294_307),
    "pkdn-no_ffb": (pkdn.PKDNTeacher, pkdn.TEACHER_VARIANTS["no_ffb"], 3_694_947),
    "pkdn-no_pfb_no_ffb": (
        pkdn.PKDNTeacher,
        pkdn.TEACHER_VARIANTS["no_pfb_no_ffb"],
        5_203_995,
    ),
    "pkdn-onehot": (pkdn.PKDNTeacher, pkdn.TEACHER_VARIANTS["onehot"], 4_460_195),
    "pkdn-pooling": (pkdn.PKDNTeacher, {"pooling": "average_max_variance"}, 4_294_307),
}
SMALL = {"width": 16, "num_blocks": 1}


def lr_faces(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, 16, 16), generator=generator) / 255


def label_maps(count: int) -> Tensor:
    return (torch.arange(count * 128 * 128) // 77 % 19).reshape(count, 128, 128).to(torch.uint8)


@pytest.fixture(params=networks.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def untrained_parameters(make: Callable[[], nn.Module], *inputs: Tensor) -> set[str]:
    """Return the parameters that no gradient reaches, whatever the initial weights.

    An attention squeezes to so few channels that ReLU may silence all of them at first, so a
    parameter counts as reached where one of several initialisations reaches it.
    """
    missed: set[str] | None = None
    for seed in range(6):
        torch.manual_seed(seed)
        network = make()
        (network(*inputs) - 0.3).square().mean().backward()
        silent = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
        missed = silent if missed is None else missed & silent
        if not missed:
            break
    return missed or set()


def test_every_network_has_a_recorded_size(name: str) -> None:
    assert name in PAPER_SIZES, f"record the parameters and GMAC of {name} in PAPER_SIZES"
    found = size(networks.build(name, "paper"))
    parameters, gmac = PAPER_SIZES[name]
    assert found.parameters == parameters
    assert found.gmac == pytest.approx(gmac, abs=0.01)


@pytest.mark.parametrize("count", [1, 3])
def test_output_shape_and_values(name: str, count: int) -> None:
    torch.manual_seed(0)
    sr_image = networks.build(name, "demo")(lr_faces(count))
    assert sr_image.shape == (count, 3, 128, 128)
    assert sr_image.dtype == torch.float32
    assert torch.isfinite(sr_image).all()


def test_faces_do_not_influence_each_other(name: str) -> None:
    torch.manual_seed(0)
    network = networks.build(name, "demo").eval()
    faces = lr_faces(3)
    with torch.no_grad():
        torch.testing.assert_close(network(faces)[1:2], network(faces[1:2]), atol=1e-5, rtol=1e-4)


def test_gradients_reach_every_parameter(name: str) -> None:
    if any(True for _ in networks.build(name, "demo").parameters()):
        assert not untrained_parameters(lambda: networks.build(name, "demo"), lr_faces(2))


def test_state_dict_round_trip(name: str) -> None:
    torch.manual_seed(0)
    first = networks.build(name, "demo").eval()
    torch.manual_seed(1)
    second = networks.build(name, "demo").eval()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(lr_faces(2)), second(lr_faces(2)))


def test_every_network_says_what_the_tables_need(name: str) -> None:
    module = networks.load(name)
    assert module.TITLE
    assert module.INPUT
    assert issubclass(module.NETWORK, nn.Module)
    assert list(networks.tasks(name, "demo"))


def test_an_unknown_network_is_named_with_those_there_are() -> None:
    with pytest.raises(UserError, match="'srgan'; there are bicubic, kdfsrnet, pkdn"):
        networks.load("srgan")


@pytest.mark.parametrize("teacher", TEACHERS)
def test_teacher_sizes(teacher: str) -> None:
    make, arguments, parameters = TEACHERS[teacher]
    assert sum(p.numel() for p in make(**arguments).parameters()) == parameters


@pytest.mark.parametrize("teacher", TEACHERS)
def test_teachers_learn_everywhere_and_see_the_map_they_should(teacher: str) -> None:
    make, arguments, _ = TEACHERS[teacher]
    sizes = {**arguments, **SMALL, "width": 8}
    assert not untrained_parameters(lambda: make(**sizes), lr_faces(1), label_maps(1))
    network = make(**sizes).eval()
    with torch.no_grad():
        sr_image = network(lr_faces(1), label_maps(1))
        other = network(lr_faces(1), torch.zeros_like(label_maps(1)))
    assert sr_image.shape == (1, 3, 128, 128)
    assert torch.equal(sr_image, other) == (teacher == "pkdn-no_pfb_no_ffb")


@pytest.mark.parametrize(
    ("teacher", "student", "taps"),
    [
        (pkdn.PKDNTeacher, pkdn.PKDN, pkdn.DISTILLED_TAPS),
        (kdfsrnet.KDFSRNetTeacher, kdfsrnet.KDFSRNet, kdfsrnet.DISTILLED_TAPS),
    ],
    ids=["pkdn", "kdfsrnet"],
)
def test_distilled_features_are_paired_by_name_and_shape(teacher, student, taps) -> None:
    seen = teacher(**SMALL).output(lr_faces(1), label_maps(1)).taps
    learnt = student(**SMALL).output(lr_faces(1)).taps
    assert len(taps) == (8 if student is pkdn.PKDN else 9)
    for tap in taps:
        assert seen[tap].shape == learnt[tap].shape, tap
    assert [learnt[tap].shape[-1] for tap in taps if tap.startswith("down")] == [64, 32, 16, 8]
    assert [learnt[tap].shape[-1] for tap in taps if tap.startswith("up")] == [16, 32, 64, 128]


def test_global_residual_adds_the_bicubic_input() -> None:
    torch.manual_seed(0)
    plain = pkdn.PKDN(**SMALL)
    residual = pkdn.PKDN(**SMALL, global_residual=True)
    residual.load_state_dict(plain.state_dict())
    bicubic = networks.build("bicubic", "paper")
    faces = lr_faces(2)
    torch.testing.assert_close(residual(faces) - plain(faces), bicubic(faces))


def test_a_feature_fusion_block_feeds_the_difference_back() -> None:
    torch.manual_seed(0)
    block = pkdn.FeatureFusionBlock(16, "average")
    features = torch.rand(1, 16, 8, 8)
    same = block(features, features)
    no_difference = block.attention(features + block.projection(torch.zeros_like(features)))
    torch.testing.assert_close(same, no_difference)
    assert not torch.allclose(same, block(features, features + 1))
