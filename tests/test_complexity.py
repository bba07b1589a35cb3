import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from pkdn import complexity
from pkdn.complexity import cost, rows, size, timed
from pkdn.errors import UserError
from pkdn.learning.network import example
from pkdn.training.precision import Precision, choose

COUNTED = ["network", "role", "size", "title", "input", "parameters", "gmac"]
LATENCIES = ["latency_ms_b1", "median_ms_b1", "latency_ms_b8", "median_ms_b8"]
MEASURED = [*LATENCIES, "core_share", "peak_mib_b8"]
CPU = Precision("fp32", torch.device("cpu"))
MANY = 1024  # faces that take several of the slices in which a core is shared out


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


def test_a_network_that_returns_no_sr_image_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SimpleNamespace(build=OneConvolution, role="network")
    monkeypatch.setattr(complexity.networks, "describe", lambda *_, **__: small)
    told = r"OneConvolution: expected of forward \(N, 3, 128, 128\) .*, got \(1, 64, 16, 16\)"
    with pytest.raises(UserError, match=told):
        list(rows("sparnet", "demo"))


class WantsNumbers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rates = [x.item() for x in torch.linspace(0, 1, 3)]
        self.convolution = nn.Conv2d(3, 3, 1, bias=False)

    def forward(self, lr_image: Tensor) -> Tensor:
        return nn.functional.interpolate(self.convolution(lr_image), scale_factor=8)


def test_a_network_that_computes_numbers_while_it_is_built_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = SimpleNamespace(build=WantsNumbers, role="network")
    monkeypatch.setattr(complexity.networks, "describe", lambda *_, **__: small)
    (row,) = rows("sparnet", "demo")
    assert (row["parameters"], row["gmac"]) == (9, round(9 * 16 * 16 / 1e9, 4))


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
    assert 0 < one.latency.latency_ms <= one.latency.median_ms
    # its output alone: 64 channels of 16×16 floats for each face
    assert one.peak_mib >= 64 * 16 * 16 * 4 / 2**20
    assert eight.peak_mib > 4 * one.peak_mib


def test_measuring_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KINETO_LOG_LEVEL", raising=False)
    cost(OneConvolution(), 1, CPU)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("on_processor", "latency"), [(True, 10.0), (False, 40.0)])
def test_time_that_others_had_counts_in_the_median_alone(
    on_processor: bool, latency: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, own = iter(range(100)), iter(range(100))
    fake = SimpleNamespace(
        perf_counter=lambda: 0.04 * next(clock), thread_time=lambda: 0.01 * next(own)
    )
    monkeypatch.setattr(complexity, "time", fake)
    found = timed(lambda: None, on_processor=on_processor)
    assert found.latency_ms == pytest.approx(latency)
    assert found.median_ms == pytest.approx(40.0)
    assert found.core_share == pytest.approx(0.25)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes stay on no core here")
def test_a_busy_core_changes_no_latency_and_shows() -> None:
    """Three programs want one core: the clock says three times the time."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    others: list[subprocess.Popen[bytes]] = []
    try:
        alone = cost(OneConvolution(), MANY, CPU).latency
        others += [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        crowded = cost(OneConvolution(), MANY, CPU).latency
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, cores)
    assert crowded.core_share < 0.7
    assert crowded.median_ms > 1.3 * crowded.latency_ms
    assert crowded.latency_ms < 2.5 * alone.latency_ms


def test_examples_are_whole_levels() -> None:
    faces = example(2, torch.device("cpu")).lr_image * 255
    assert faces.shape == (2, 3, 16, 16)
    torch.testing.assert_close(faces, faces.round())


def test_precision_is_as_asked_and_auto_is_one_of_them() -> None:
    device = torch.device("cpu")
    assert choose("fp32", device).name == "fp32"
    assert choose("bf16", device).memory_format == torch.channels_last
    assert choose("auto", device).name in ("fp32", "bf16")
