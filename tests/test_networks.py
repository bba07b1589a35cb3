from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pkdn import networks, systems
from pkdn.complexity import rows
from pkdn.errors import UserError
from pkdn.faces.shards import Shards
from pkdn.learning import contract
from pkdn.learning.network import TappedNetwork
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.networks import dic, fsrnet, pkdn, sfmnet, sisn, urdgn, wfen
from pkdn.networks.layers import landmarks as _landmarks
from pkdn.networks.layers.blocks import PixelShuffle, PixelUnshuffle
from pkdn.networks.layers.full_domain import Window, WindowAttention
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.task import Task

# At the authors' sizes: parameters, and 10⁹ multiply-accumulates.
Sizes = dict[str, tuple[int, float]]
PAPER_SIZES: Sizes = {
    "bicubic": (0, 0.001),
    "dic": (21_803_849, 45.34),
    "fsrnet": (3_273_565, 15.32),
    "kdfsrnet": (5_203_995, 13.72),
    "kdfsrnet teacher": (2_526_027, 5.71),
    "pkdn": (5_203_995, 13.72),
    "pkdn teacher": (4_294_307, 12.34),
    "sfmnet": (8_545_942, 30.69),
    "sisn": (8_304_451, 2.22),
    "sparnet": (10_518_867, 7.13),
    "urdgn": (1_054_243, 14.58),
    "wfen": (6_780_519, 8.07),
}
SMALL_SIZES: Sizes = {
    "bicubic": (0, 0.001),
    "dic": (2_273_329, 4.950),
    "fsrnet": (330_493, 1.535),
    "kdfsrnet": (635_499, 1.435),
    "kdfsrnet teacher": (467_271, 0.947),
    "pkdn": (635_499, 1.435),
    "pkdn teacher": (766_379, 2.177),
    "sfmnet": (843_774, 3.073),
    "sisn": (1_000_143, 0.230),
    "sparnet": (1_035_899, 0.707),
    "urdgn": (107_683, 1.493),
    "wfen": (662_515, 0.858),
}
DISTILLED = [name for name in networks.names() if hasattr(networks.module(name), "TEACHER")]
TEACHERS: dict[str, tuple[str, Mapping[str, object], int]] = {
    "kdfsrnet": ("kdfsrnet", {}, 2_526_027),
    "pkdn-full": ("pkdn", {}, 4_294_307),
    "pkdn-no_ffb": ("pkdn", systems.VARIANTS["no_ffb"].teacher_arguments, 3_694_947),
    "pkdn-no_pfb_no_ffb": (
        "pkdn",
        systems.VARIANTS["no_pfb_no_ffb"].teacher_arguments,
        5_203_995,
    ),
    "pkdn-onehot": ("pkdn", systems.VARIANTS["onehot"].teacher_arguments, 4_460_195),
    "pkdn-pooling": ("pkdn", {"pooling": "average_max_variance"}, 4_294_307),
}
SMALL = {"width": 16, "num_blocks": 1}


def lr_faces(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, 16, 16), generator=generator) / 255


def label_maps(count: int) -> Tensor:
    return (torch.arange(count * 128 * 128) // 77 % 19).reshape(count, 128, 128).to(torch.uint8)


def two_faces(folder: Path) -> Batch:
    shards = Shards(folder, "train")
    source = FaceBatches(shards, shards, batch_size=2, seed=0, device=torch.device("cpu"))
    return next(source.epoch(0))


def own_task(name: str) -> Task:
    return networks.task(name, networks.describe(name, "demo").build(), "demo")


@pytest.fixture(params=systems.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def untrained_parameters(make: Callable[[], Task], batch: Batch) -> set[str]:
    """Return the parameters that no gradient reaches, whatever the initial weights.

    An attention squeezes to so few channels that ReLU may silence all of them at first, so a
    parameter counts as reached where one of several initialisations reaches it.
    """
    missed: set[str] | None = None
    for seed in range(6):
        torch.manual_seed(seed)
        task = make()
        losses = task.losses(batch, 0)
        silent = set()
        for term, module in task.minimised.items():
            names = dict(module.named_parameters())
            if names:
                found = torch.autograd.grad(losses[term], names.values(), allow_unused=True)
                pairs = zip(names, found, strict=True)
                silent |= {f"{term}.{n}" for n, grad in pairs if grad is None or not grad.any()}
        missed = silent if missed is None else missed & silent
        if not missed:
            break
    return missed or set()


def recorded(name: str, size: str) -> dict[str, tuple[int, float]]:
    """Return parameters and GMAC of a network and its teacher, if it has one."""
    found = {}
    for row in rows(name, size):
        suffix = "" if row["role"] == "network" else " teacher"
        found[name + suffix] = int(row["parameters"]), float(row["gmac"])
    return found


@pytest.mark.parametrize(
    ("size", "sizes"), [("paper", PAPER_SIZES), ("small", SMALL_SIZES)], ids=["paper", "small"]
)
def test_every_network_has_a_recorded_size(name: str, size: str, sizes: Sizes) -> None:
    for which, (parameters, gmac) in recorded(name, size).items():
        assert which in sizes, f"record the parameters and GMAC of {which} at the size {size}"
        assert parameters == sizes[which][0]
        assert gmac == pytest.approx(sizes[which][1], abs=0.01)


def test_small_is_about_a_tenth(name: str) -> None:
    paper, small = PAPER_SIZES[name][1], SMALL_SIZES[name][1]
    assert name == "bicubic" or 0.08 * paper < small < 0.13 * paper


@pytest.mark.parametrize("count", [1, 3])
def test_output_shape_and_values(name: str, count: int) -> None:
    torch.manual_seed(0)
    sr_image = networks.describe(name, "demo").build().eval()(lr_faces(count))
    assert sr_image.shape == (count, 3, 128, 128)
    assert sr_image.dtype == torch.float32
    assert torch.isfinite(sr_image).all()


def test_faces_do_not_influence_each_other(name: str) -> None:
    torch.manual_seed(0)
    network = networks.describe(name, "demo").build().eval()
    faces = lr_faces(3)
    with torch.no_grad():
        torch.testing.assert_close(network(faces)[1:2], network(faces[1:2]), atol=1e-5, rtol=1e-4)


def test_its_own_losses_reach_every_parameter(name: str, faces_folder: Path) -> None:
    assert not untrained_parameters(lambda: own_task(name), two_faces(faces_folder))


@pytest.mark.parametrize("name", DISTILLED)
def test_distillation_reaches_every_parameter(name: str, faces_folder: Path) -> None:
    def make() -> Task:
        teacher, student = (
            networks.describe(name, "demo", teacher=t).build() for t in (True, False)
        )
        weights = {"lambda_ts": 0.1, "lambda_fs": 1.0}
        return networks.distillation(name, student, teacher, **weights, distill_epochs=0)

    assert not untrained_parameters(make, two_faces(faces_folder))


# Mean, deviation and five pixels of what networks of the size `demo` make of :func:`lr_waves` with
# the weights of :func:`given_weights`, at a revision where `python -m parity` gave what the
# authors' code gives.
OUTPUTS = {
    "bicubic": (0.50035, 0.33958, 1.0, 0.30588, 0.82745, 0.25882, 0.58039),
    "dic": (0.50517, 0.29796, 0.99412, 0.38672, 0.81268, 0.16484, 0.60019),
    "fsrnet": (0.27374, 0.36635, 0.20817, -0.33557, 0.45828, -0.00445, 0.24393),
    "kdfsrnet": (0.49383, 0.70853, 1.0029, -0.26878, 0.47162, 0.42587, 0.14395),
    "kdfsrnet teacher": (0.77841, 1.76173, 1.89366, 4.03821, 1.63463, 0.71881, 2.28078),
    "pkdn": (-0.00652, 0.622, 0.0029, -0.57466, -0.35583, 0.16705, -0.43644),
    "pkdn teacher": (1.51674, 1.96444, 2.60153, 3.92383, 0.25424, -1.525, -1.6869),
    "sfmnet": (0.36091, 1.55635, 2.80905, -1.23835, -0.52363, 1.03312, -0.48347),
    "sisn": (0.4965, 0.62161, 0.84602, -0.20726, 0.66297, 0.37427, -0.01558),
    "sparnet": (0.5596, 0.54018, 0.97211, 0.78336, 0.73019, 0.30318, 0.51716),
    "urdgn": (0.55176, 0.34213, 1.06039, 0.33891, 0.86768, 0.32347, 0.70069),
    "wfen": (0.50541, 0.68957, 1.71552, 0.44422, 1.16092, 0.15857, 0.65087),
}
PIXELS = [100, 9_000, 20_000, 33_333, 49_000]


def lr_waves() -> Tensor:
    places = torch.arange(2 * 3 * 16 * 16, dtype=torch.float64).view(2, 3, 16, 16)
    return (0.5 + 0.5 * torch.cos(0.7 * places + 0.3)).float()


def given_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return weights, and means and variances of batches, that are the same everywhere."""
    random = np.random.default_rng(7)
    state = {}
    for name, value in network.state_dict().items():
        drawn = value
        if value.is_floating_point():
            drawn = torch.from_numpy(random.standard_normal(tuple(value.shape)))
            if name.endswith("running_var"):
                drawn = (0.2 * drawn).exp()
            elif value.ndim < 2:
                drawn = 0.1 * drawn + float(name.endswith("weight"))
            else:
                drawn = drawn * value[0].numel() ** -0.5
        state[name] = drawn.to(value.dtype)
    return state


@pytest.mark.parametrize("name", OUTPUTS)
def test_networks_compute_what_they_did_when_they_equalled_their_authors(name: str) -> None:
    of, _, teacher = name.partition(" ")
    network = networks.describe(of, "demo", teacher=bool(teacher)).build()
    network.load_state_dict(given_weights(network))
    places = torch.arange(128) // 5
    labels = ((places[None] + places[:, None]) % 19).to(torch.uint8).expand(2, 128, 128)
    with torch.inference_mode():
        made = network.eval()(lr_waves(), *([labels] if teacher else []))
    found = [made.mean(), made.std(), *made[1].flatten()[PIXELS]]
    assert [value.item() for value in found] == pytest.approx(OUTPUTS[name], abs=5e-4, rel=5e-4)


def test_state_dict_round_trip(name: str) -> None:
    torch.manual_seed(0)
    first = networks.describe(name, "demo").build().eval()
    torch.manual_seed(1)
    second = networks.describe(name, "demo").build().eval()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(lr_faces(2)), second(lr_faces(2)))


def test_every_file_has_the_sizes_that_profiles_ask_for(name: str) -> None:
    module = networks.module(name)
    tables = [module.SIZES] + ([module.TEACHER_SIZES] if hasattr(module, "TEACHER") else [])
    for table in tables:
        assert set(systems.SIZES) <= table.keys()
        assert table["paper"] == {}, "the paper's sizes are the constructor's defaults"
    assert urdgn.DISCRIMINATOR_SIZES.keys() == urdgn.SIZES.keys()


def test_a_size_is_changed_by_arguments_and_an_unknown_one_is_named() -> None:
    described = networks.describe("pkdn", "demo", teacher=True, width=16, encoding="onehot")
    sizes = {"width": 16, "num_blocks": 1, "num_prior_blocks": 1, "encoding": "onehot"}
    assert described == networks.Description("pkdn", "teacher", sizes)
    with pytest.raises(UserError, match=r"SIZES of .*dic.py, demo, small, paper, got 'tiny'"):
        networks.describe("dic", "tiny").build()


def test_a_size_that_a_user_adds_to_a_file_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sisn.SIZES, "tiny", {"width": 8, "num_groups": 1, "num_blocks": 1})
    assert networks.describe("sisn", "tiny").build()(lr_faces(2)).shape == (2, 3, 128, 128)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SIZES", {"demo": None}, r"sisn\.py: expected in SIZES .* 'demo', got None: write {} for"),
        (
            "NETWORK",
            nn.ReLU(),
            r"sisn\.py: expected NETWORK to be a class .*, got a ReLU: write NE",
        ),
        ("NETWORK", dict, r"expected NETWORK to be a class of networks, got dict"),
    ],
)
def test_what_makes_no_network_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, told: str
) -> None:
    monkeypatch.setattr(sisn, name, value)
    with pytest.raises(UserError, match=told):
        networks.check(networks.describe("sisn", "demo"))


def test_tasks_say_what_their_losses_read(name: str, faces_folder: Path) -> None:
    of_images = dict.fromkeys(("bicubic", "pkdn", "sfmnet", "sisn", "sparnet", "urdgn", "wfen"), ())
    reads = {"dic": ("landmarks",), "fsrnet": ("labels", "landmarks"), **of_images}
    task = own_task(name)
    assert task.reads == reads.get(name, task.reads)
    batch = two_faces(faces_folder)
    unread = {field: None for field in ("labels", "landmarks") if field not in task.reads}
    assert task.losses(batch._replace(**unread), 0)["loss"].isfinite()


def test_a_network_that_sees_the_true_face_is_refused_as_a_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in networks.names():
        networks.check(networks.describe(name, "demo"))
    networks.check(networks.describe("pkdn", "demo", teacher=True))
    monkeypatch.setattr(sisn.NETWORK, "reads", ("lr_image", "labels"), raising=False)
    with pytest.raises(UserError, match=r"sisn\.py: expected a NETWORK that reads the LR face alo"):
        networks.check(networks.describe("sisn", "demo"))


def test_what_cannot_be_distilled_is_named_before_a_teacher_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in DISTILLED:
        networks.check_distilled(name, "demo")
        assert networks.teacher_reads(name) == ("lr_image", "labels")
    with monkeypatch.context() as patch:
        patch.setattr(pkdn, "task", lambda *_: None, raising=False)
        with pytest.raises(UserError, match="expected TEACHER or task, got both"):
            networks.check_distilled("pkdn", "demo")
    with monkeypatch.context() as patch:
        patch.delattr(pkdn, "DISTILLED_TAPS")
        with pytest.raises(UserError, match="expected DISTILLED_TAPS beside TEACHER"):
            networks.check_distilled("pkdn", "demo")
    monkeypatch.setattr(pkdn, "TEACHER", nn.Conv2d)
    with pytest.raises(UserError, match=r"expected TEACHER to be a TappedNetwork, .* got Conv2d"):
        networks.check_distilled("pkdn", "demo")


class Narrow(nn.Module):
    def forward(self, lr_image: Tensor) -> Tensor:
        return nn.functional.interpolate(lr_image[:, :1], scale_factor=8)


def test_a_network_that_returns_no_faces_or_reads_no_field_is_refused_before_it_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = networks.Description("sisn", "network", {})
    monkeypatch.setattr(sisn, "NETWORK", Narrow)
    with pytest.raises(UserError, match=r"sisn\.py: expected of forward .* got \(1, 1, 128, 128\)"):
        networks.check(described)
    monkeypatch.setattr(Narrow, "reads", ("lr_image", "label"), raising=False)
    with pytest.raises(UserError, match=r"sisn\.py: expected in `reads` names out of .*'label'"):
        networks.check(described)
    task = SuperResolutionTask(Narrow())
    monkeypatch.setattr(SuperResolutionTask, "reads", ("landmark",))
    with pytest.raises(UserError, match=r"sisn\.py: .*got 'landmark'"):
        networks.check_task(task, "sisn")


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (partial(nn.LazyConv2d, 3), r"mine\.py: .* got 0\.weight, whose shape is open until"),
        (partial(nn.Conv2d, 3, 3, dtype=torch.complex64), "got 0.weight, which is complex: hold"),
    ],
)
def test_weights_that_no_file_holds_are_refused_before_a_training(
    layer: Callable[..., nn.Module], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        contract.check_network(nn.Sequential(layer(kernel_size=3)), "mine.py", is_teacher=False)


class Hooked(nn.Module):
    """Its hooks know the one network that they were made for, or any."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer, self.seen = nn.Conv2d(3, 3, 1), {"image": torch.zeros(1, 3, 16, 16)}
        if kind == "empty":
            self.seen.clear()
        hooks = {"method": self.note, "uncopied": Uncopied(self)}
        self.layer.register_forward_hook(hooks.get(kind, lambda *seen: self.note(*seen)))

    def note(self, _layer: nn.Module, _found: object, image: Tensor) -> None:
        self.seen["image"] = image

    def forward(self, lr_image: Tensor) -> Tensor:
        self.layer(lr_image)
        return nn.functional.interpolate(self.seen["image"], scale_factor=8)


class Uncopied:
    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __deepcopy__(self, _memo: object) -> None:
        raise TypeError("it cannot be copied")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("method", ""),
        ("empty", r"mine\.py: .* got of a copy KeyError \('image'\): let hooks be methods"),
        ("of another", "got of a copy another face for the same input"),
        ("uncopied", r"got of a copy TypeError \(it cannot be copied\)"),
    ],
)
def test_a_network_whose_copies_do_something_else_is_refused_before_a_training(
    kind: str, told: str
) -> None:
    with pytest.raises(UserError, match=told) if told else nullcontext():
        contract.check_network(Hooked(kind), "mine.py", is_teacher=False)


def test_a_networks_own_fault_is_no_fault_of_its_copy() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        contract.check_network(nn.Conv2d(1, 3, 1), "mine.py", is_teacher=False)


@pytest.mark.parametrize("size", [{"gains": {1: 0.1}}, {"act": nn.GELU}, {"widths": ({8},)}])
def test_sizes_that_a_file_of_weights_would_change_are_refused(
    size: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sisn.SIZES, "mine", size)
    with pytest.raises(UserError, match=r"sisn\.py: expected sizes of numbers, words, tuples"):
        networks.describe("sisn", "mine")


def test_a_check_leaves_no_trace() -> None:
    torch.manual_seed(0)
    network = networks.describe("fsrnet", "demo").build().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    expected = torch.get_rng_state()
    contract.check_network(network, "fsrnet.py", is_teacher=False)
    assert torch.equal(torch.get_rng_state(), expected)
    assert network.training
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


def test_features_that_cannot_be_compared_are_named_before_a_teacher_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pkdn, "DISTILLED_TAPS", ("features",))
        with pytest.raises(UserError, match=r"the feature 'features' .* got none and none"):
            networks.check_distilled("pkdn", "demo")
    with pytest.raises(UserError, match=r"got \(1, 8, .* and \(1, 12, .* or a variant's argum"):
        networks.check_distilled("pkdn", "demo", width=12)
    wide = {**pkdn.TEACHER_SIZES["demo"], "width": 4}
    monkeypatch.setitem(pkdn.TEACHER_SIZES, "demo", wide)
    with pytest.raises(UserError, match=r"in one shape, got \(1, 8, .* and \(1, 4,"):
        networks.check_distilled("pkdn", "demo")


def test_an_unknown_network_is_named_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"'srgan'; there are bicubic, dic, fsrnet, .*urdgn"):
        networks.module("srgan")


@pytest.mark.parametrize("teacher", TEACHERS)
def test_teacher_sizes(teacher: str) -> None:
    name, arguments, parameters = TEACHERS[teacher]
    network = networks.describe(name, "paper", teacher=True, **arguments).build()
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("teacher", TEACHERS)
def test_teachers_learn_everywhere_and_see_the_map_they_should(
    teacher: str, faces_folder: Path
) -> None:
    name, arguments, _ = TEACHERS[teacher]

    def make() -> nn.Module:
        sizes = {"width": 8, "num_blocks": 1, **arguments}
        return networks.describe(name, "paper", teacher=True, **sizes).build()

    batch = two_faces(faces_folder)
    assert not untrained_parameters(lambda: SuperResolutionTask(make()), batch)
    network = make().eval()
    with torch.no_grad():
        sr_image = network(lr_faces(1), label_maps(1))
        other = network(lr_faces(1), torch.zeros_like(label_maps(1)))
    assert sr_image.shape == (1, 3, 128, 128)
    assert torch.equal(sr_image, other) == (teacher == "pkdn-no_pfb_no_ffb")


@pytest.mark.parametrize("size", systems.SIZES)
@pytest.mark.parametrize("name", DISTILLED)
def test_distilled_features_are_paired_by_name_and_shape(name: str, size: str) -> None:
    taps = networks.module(name).DISTILLED_TAPS
    with torch.device("meta"):
        teacher, student = (networks.describe(name, size, teacher=t).build() for t in (True, False))
    assert isinstance(teacher, TappedNetwork) and isinstance(student, TappedNetwork)
    meta = torch.device("meta")
    seen = teacher.output(lr_faces(1).to(meta), label_maps(1).to(meta)).taps
    learnt = student.output(lr_faces(1).to(meta)).taps
    for tap in taps:
        assert seen[tap].shape == learnt[tap].shape, tap
    if name not in ("pkdn", "kdfsrnet"):  # a user's own
        return
    assert len(taps) == (8 if name == "pkdn" else 9)
    assert [learnt[tap].shape[-1] for tap in taps if tap.startswith("down")] == [64, 32, 16, 8]
    assert [learnt[tap].shape[-1] for tap in taps if tap.startswith("up")] == [16, 32, 64, 128]


def test_global_residual_adds_the_bicubic_input() -> None:
    torch.manual_seed(0)
    plain = pkdn.PKDN(**SMALL)
    residual = pkdn.PKDN(**SMALL, global_residual=True)
    residual.load_state_dict(plain.state_dict())
    bicubic = networks.describe("bicubic", "paper").build()
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


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_shuffled_pixels_stay_as_they_lie_in_memory_on_gpus_too(
    layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There PyTorch's own come out with their channels first."""
    features = torch.rand(2, 16, 4, 4).to(memory_format=layout)
    for ours, name in ((PixelShuffle(2), "pixel_shuffle"), (PixelUnshuffle(2), "pixel_unshuffle")):
        own = getattr(nn.functional, name)
        monkeypatch.setattr(nn.functional, name, lambda *args, own=own: own(*args).contiguous())
        found = ours(features)
        assert found.is_contiguous(memory_format=layout)
        assert torch.equal(found, own(features, 2))


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
    batch = two_faces(faces_folder)
    network = dic.DIC(**dic.SIZES["demo"])
    steps = network.output(batch.lr_image)
    assert len(steps.sr_images) == len(steps.heatmaps) == dic.SIZES["demo"]["num_steps"]
    assert torch.equal(network(batch.lr_image), steps.sr_images[-1])
    terms = dic.CollaborationTask(network).losses(batch, 0)
    of_images = sum((image - batch.hr_image).abs().mean() for image in steps.sr_images)
    torch.testing.assert_close(terms["loss"], of_images + 0.1 * terms["l_heatmaps"])
    terms = fsrnet.PriorTask(fsrnet.FSRNet(**fsrnet.SIZES["demo"])).losses(batch, 0)
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


def test_sfmnet_keeps_its_frequency_branch_in_float32_where_others_round() -> None:
    torch.manual_seed(0)
    network = networks.describe("sfmnet", "demo").build().eval()
    with torch.no_grad():
        exact = network.output(lr_faces(2))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network.output(lr_faces(2))
    torch.testing.assert_close(rounded.frequency_image, exact.frequency_image)
    assert not torch.equal(rounded.sr_image, exact.sr_image)


def test_sfmnet_compares_both_images_and_one_spectrum_with_the_truth(faces_folder: Path) -> None:
    task = own_task("sfmnet")
    batch = two_faces(faces_folder)
    terms = task.losses(batch, 0)
    spectrum = terms["l_amplitude"] + terms["l_phase"]
    torch.testing.assert_close(
        terms["loss"], terms["l_sr"] + terms["l_frequency"] + 0.01 * spectrum
    )
    constant = torch.full((1, 3, 128, 128), -0.5)
    phase = sfmnet.transform(constant).angle()[:, :, 0, 0]
    torch.testing.assert_close(phase, torch.full((1, 3), torch.pi))


def test_wavelets_lose_nothing() -> None:
    face = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    corners = [face[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)]
    signs = {"horizontal": (1, -1, 1, -1), "vertical": (1, 1, -1, -1), "diagonal": (1, -1, -1, 1)}
    details = [
        sum(sign * corner for sign, corner in zip(of, corners, strict=True)) / 4
        for of in signs.values()
    ]
    averages, summed = wfen.decompose(face)
    torch.testing.assert_close(summed, sum(details))
    torch.testing.assert_close(wfen.compose(averages, torch.cat(details, dim=1)), face)


def test_windows_are_shifted_by_half_and_those_of_one_pixel_come_back_a_pixel_off() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 4, 8, 8)
    for side, there, off in ((4, 2, 0), (1, 1, 1)):
        still = WindowAttention(4, Window(side, shifted=False))
        moved = WindowAttention(4, Window(side, shifted=True))
        moved.load_state_dict(still.state_dict())
        torch.testing.assert_close(
            moved(features),
            still(features.roll((-there, -there), (2, 3))).roll((there - off, there - off), (2, 3)),
        )


@pytest.mark.parametrize(("name", "deviation"), [("sparnet", 0.02), ("wfen", 0.02)])
def test_first_weights_are_the_authors(name: str, deviation: float) -> None:
    torch.manual_seed(0)
    network = networks.describe(name, "paper").build()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(deviation, rel=0.05)
            assert layer.bias is None or not layer.bias.any()


def test_dic_starts_from_kaimings_weights() -> None:
    torch.manual_seed(0)
    network = networks.describe("dic", "paper").build()
    layers = [one for one in network.modules() if isinstance(one, torch.nn.Conv2d)]
    large = [one for one in layers if one.weight.numel() > 10_000]
    assert large
    for layer in large:
        expected = (2 / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
