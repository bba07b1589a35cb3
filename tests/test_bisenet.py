"""BiSeNet: the shape of the public checkpoint, gradients, sizes."""

import csv
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pkdn.parsing.bisenet import BiSeNet

STATE_DICT_TABLE = Path(__file__).parents[2] / "shared" / "design" / "bisenet_state_dict.tsv"


@pytest.fixture(scope="module")
def network() -> BiSeNet:
    torch.manual_seed(0)
    return BiSeNet()


def test_state_dict_is_the_public_checkpoints(network: BiSeNet) -> None:
    if not STATE_DICT_TABLE.exists():
        pytest.skip(f"the table of the checkpoint's keys is not at {STATE_DICT_TABLE}")
    with STATE_DICT_TABLE.open(encoding="utf-8", newline="") as stream:
        expected = {row["key"]: row["shape"] for row in csv.DictReader(stream, delimiter="\t")}
    found = {
        name: "x".join(map(str, value.shape)) or "scalar"
        for name, value in network.state_dict().items()
    }
    assert found == expected


def test_size_is_the_public_checkpoints(network: BiSeNet) -> None:
    state = network.state_dict()
    assert len(state) == 191
    assert sum(parameter.numel() for parameter in network.parameters()) == 13_300_416
    assert state["cp.resnet.layer3.0.downsample.0.weight"].shape == (256, 128, 1, 1)
    assert state["cp.arm32.conv.bn.running_var"].shape == (128,)
    assert state["ffm.conv1.weight"].shape == (64, 256, 1, 1)
    assert state["conv_out.conv_out.weight"].shape == (19, 256, 1, 1)


def test_cost_is_the_published_one() -> None:
    with torch.device("meta"):
        network = BiSeNet()
        images = torch.empty(1, 3, 512, 512)
    with FlopCounterMode(display=False) as counter:
        network.train()(torch.cat([images, images]))
    assert counter.get_total_flops() / 2 / 2 / 1e9 == pytest.approx(13.8, abs=0.05)


@pytest.mark.parametrize("num_images", [1, 3])
def test_evaluation_gives_main_logits_of_the_images_size(network: BiSeNet, num_images: int) -> None:
    with torch.inference_mode():
        logits = network.eval()(torch.rand(num_images, 3, 64, 96))
    assert logits.main.shape == (num_images, 19, 64, 96)
    assert logits.main.isfinite().all()
    assert logits.auxiliary8 is None
    assert logits.auxiliary16 is None


def test_every_parameter_gets_a_gradient_in_training() -> None:
    torch.manual_seed(0)
    network = BiSeNet().train()
    logits = network(torch.rand(2, 3, 64, 64))
    assert all(head is not None and head.shape == (2, 19, 64, 64) for head in logits)
    sum(head.square().mean() for head in logits).backward()
    without = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


@pytest.mark.parametrize("side", [64, 96])
def test_smaller_maps_have_the_geometry_of_the_images_size(network: BiSeNet, side: int) -> None:
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        whole = network.eval()(images).main
        expected = nn.functional.interpolate(whole, (48, 48), mode="bilinear")
        found = network(images, map_size=48).main
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network(images, map_size=side).main, whole)
    # What inference has prepared, training may use.
    network.train()(images, map_size=48).main.sum().backward()
    network.zero_grad()


def test_images_are_normalised_inside(network: BiSeNet) -> None:
    seen = []
    handle = network.cp.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network.eval()(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 32, 32))
        network(torch.ones(1, 3, 32, 32))
    handle.remove()
    assert seen[0].abs().max() < 1e-6
    assert seen[1][0, :, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-4)


def test_heads_are_at_the_strides_they_are_named_after(network: BiSeNet) -> None:
    sides = {}
    handles = [
        getattr(network, name).register_forward_hook(
            lambda _, __, output, name=name: sides.update({name: output.shape[-1]})
        )
        for name in ("conv_out", "conv_out16", "conv_out32")
    ]
    with torch.no_grad():
        network.train()(torch.rand(2, 3, 64, 64))
    for handle in handles:
        handle.remove()
    assert sides == {"conv_out": 8, "conv_out16": 8, "conv_out32": 4}


@pytest.mark.parametrize(("height", "width"), [(100, 128), (128, 100), (16, 16)])
def test_sides_must_be_multiples_of_32(network: BiSeNet, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"multiples of 32, got {height}×{width}"):
        network(torch.rand(1, 3, height, width))


def test_weights_start_without_exploding() -> None:
    torch.manual_seed(0)
    network: nn.Module = BiSeNet().train()
    with torch.no_grad():
        spread = network(torch.rand(4, 3, 64, 64)).main.std()
    assert 0.1 < spread < 10
