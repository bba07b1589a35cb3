from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pkdn import networks
from pkdn.complexity import size
from pkdn.errors import UserError
from pkdn.faces.batches import FaceBatches
from pkdn.faces.shards import Shards
from pkdn.networks import dic, fsrnet, kdfsrnet, pkdn, sisn
from pkdn.networks.layers import landmarks as _landmarks

# At the authors' sizes: parameters, and 10⁹ multiply-accumulates.
PAPER_SIZES = {
    "bicubic": (0, 0.001),
    "dic": (21_803_849, 45.34),
    "fsrnet": (3_273_565, 15.32),
    "kdfsrnet": (5_203_995, 13.72),
    "pkdn": (5_203_995, 13.72),
    "sisn": (8_304_451, 2.22),
    "sparnet": (10_518_867, 7.13),
    "urdgn": (1_054_243, 14.58),
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
    sr_image = networks.build(name, "demo").eval()(lr_faces(count))
    assert sr_image.shape == (count, 3, 128, 128)
    assert sr_image.dtype == torch.float32
    assert torch.isfinite(sr_image).all()


def test_faces_do_not_influence_each_other(name: str) -> None:
    torch.manual_seed(0)
    network = networks.build(name, "demo").eval()
    faces = lr_faces(3)
    with torch.no_grad():
        torch.testing.assert_close(network(faces)[1:2], network(faces[1:2]), atol=1e-5, rtol=1e-4)


def test_its_own_losses_reach_every_parameter(name: str, faces_folder: Path) -> None:
    shards = Shards(faces_folder, "train")
    source = FaceBatches(shards, shards, batch_size=2, seed=0, device=torch.device("cpu"))
    batch = next(source.epoch(0))
    missed: set[str] | None = None
    for seed in range(6):
        torch.manual_seed(seed)
        silent = set()
        for task, phase in networks.tasks(name, "demo"):
            losses = task.losses(batch, 0)
            for term, module in task.minimised.items():
                names = dict(module.named_parameters())
                if not names:
                    continue
                found = torch.autograd.grad(losses[term], names.values(), allow_unused=True)
                silent |= {
                    f"{phase}.{term}.{parameter}"
                    for parameter, gradient in zip(names, found, strict=True)
                    if gradient is None or not gradient.any()
                }
        missed = silent if missed is None else missed & silent
        if not missed:
            break
    assert not missed


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
    with pytest.raises(UserError, match=r"'srgan'; there are bicubic, dic, fsrnet, .*urdgn"):
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


def test_heatmaps_peak_at_their_landmarks_and_unknown_ones_count_nothing() -> None:
    landmarks = torch.full((1, 68, 2), torch.nan)
    landmarks[0, 3] = torch.tensor([40.0, 88.0])
    drawn = _landmarks.heatmaps(landmarks, 32)
    assert drawn[0, 3, 22, 10] == 1
    assert drawn[0, 3, 22, 11] == pytest.approx(np.exp(-0.5))
    predicted = torch.zeros(1, 68, 32, 32)
    predicted[0, 3] = drawn[0, 3]
    predicted[0, 5] = 7
    assert _landmarks.heatmap_loss(predicted, landmarks) == 0
    predicted[0, 3, 22, 10] = 3
    assert _landmarks.heatmap_loss(predicted, landmarks) == pytest.approx(4 / 32**2)
    assert _landmarks.heatmap_loss(predicted, torch.full((1, 68, 2), torch.nan)) == 0


def test_dic_sees_five_parts_scaled_to_their_peaks() -> None:
    heatmaps = torch.zeros(1, 68, 32, 32)
    heatmaps[0, 40, 1, 2] = 0.5
    heatmaps[0, 60, 3, 4] = 0.01
    parts = dic.merge_parts(heatmaps)
    assert parts.shape == (1, 5, 32, 32)
    assert parts[0, 0, 1, 2] == 1
    assert parts[0, 3, 3, 4] == pytest.approx(0.01 / 0.05)


def test_dic_and_fsrnet_compare_every_outcome_with_the_truth(faces_folder: Path) -> None:
    torch.manual_seed(0)
    shards = Shards(faces_folder, "train")
    source = FaceBatches(shards, shards, batch_size=2, seed=0, device=torch.device("cpu"))
    batch = next(source.epoch(0))
    network = dic.DIC(**dic.DEMO)
    steps = network.output(batch.lr_image)
    assert len(steps.sr_images) == len(steps.heatmaps) == dic.DEMO["num_steps"]
    assert torch.equal(network(batch.lr_image), steps.sr_images[-1])
    terms = dic.CollaborationTask(network).losses(batch, 0)
    of_images = sum((image - batch.hr_image).abs().mean() for image in steps.sr_images)
    torch.testing.assert_close(terms["loss"], of_images + 0.1 * terms["l_heatmaps"])
    terms = fsrnet.PriorTask(fsrnet.FSRNet(**fsrnet.DEMO)).losses(batch, 0)
    parts = [terms[name] for name in ("l_mse", "l_coarse", "l_heatmaps", "l_parsing")]
    torch.testing.assert_close(terms["loss"], sum(parts))


def test_split_attention_shares_out_one_weight_over_four_maps() -> None:
    torch.manual_seed(0)
    attention = sisn.SplitAttention(16).eval()
    # With equal maps the weights, which add up to one, give the map back.
    weight = attention.split[0].weight.data.reshape(4, 16, 4, 3, 3)
    weight[:] = weight[0].clone()
    features = torch.rand(2, 4, 8, 8).repeat(1, 4, 1, 1)
    torch.testing.assert_close(attention(features), attention.split(features)[:, :16])
