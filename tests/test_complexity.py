import pytest
import torch
from torch import Tensor, nn

from pkdn.complexity import cost, example, rows, size
from pkdn.training.precision import Precision, choose

COUNTED = ["network", "role", "size", "title", "input", "parameters", "gmac"]
MEASURED = ["latency_ms_b1", "latency_ms_b8", "peak_mib_b8"]
CPU = Precision("fp32", torch.device("cpu"))


class OneConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 64, 3, padding=1, bias=False)

    def forward(self, lr_image: Tensor) -> Tensor:
        return self.convolution(lr_image)


def test_size_of_a_convolution_by_hand() -> None:
    with torch.device("meta"):
        parameters, gmac = size(OneConvolution())
    assert parameters == 3 * 64 * 9
    assert gmac == pytest.approx(3 * 64 * 9 * 16 * 16 / 1e9)


def test_rows_are_a_network_and_its_teacher_with_what_was_measured() -> None:
    network, teacher = rows("kdfsrnet", "demo", CPU)
    assert list(network) == list(teacher) == COUNTED + MEASURED
    assert (network["role"], network["size"]) == ("network", "demo")
    assert (teacher["title"], teacher["input"]) == (
        "KDFSRNet teacher",
        "128×128, bicubic + parsing map",
    )
    (counted,) = rows("urdgn", "demo")
    assert list(counted) == COUNTED, "nothing is measured where no precision is given"


def test_cost_grows_with_the_batch() -> None:
    one, eight = (cost(OneConvolution(), faces, CPU) for faces in (1, 8))
    assert one.latency_ms > 0
    # its output alone: 64 channels of 16×16 floats for each face
    assert one.peak_mib >= 64 * 16 * 16 * 4 / 2**20
    assert eight.peak_mib > 4 * one.peak_mib


def test_examples_are_whole_levels() -> None:
    faces = example(2, torch.device("cpu")).lr_image * 255
    assert faces.shape == (2, 3, 16, 16)
    torch.testing.assert_close(faces, faces.round())


def test_precision_is_as_asked_and_auto_is_one_of_them() -> None:
    device = torch.device("cpu")
    assert choose("fp32", device).name == "fp32"
    assert choose("bf16", device).memory_format == torch.channels_last
    assert choose("auto", device).name in ("fp32", "bf16")
