"""What a network costs: parameters, multiplications, latency and memory."""

import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pkdn.faces import HR_SIZE, LR_SIZE
from pkdn.training.precision import Precision

WARM_UP_RUNS = 2
LEAST_RUNS = 5
LEAST_SECONDS = 0.5


class Size(NamedTuple):
    """A network's size.

    Attributes:
        parameters: trained numbers.
        gmac: 10⁹ multiply–accumulates of convolutions and matrix products for one face.
    """

    parameters: int
    gmac: float


class Cost(NamedTuple):
    """What one forward pass costs on this machine.

    Attributes:
        latency_ms: median wall time of a batch, in milliseconds.
        peak_mib: memory that the pass needed beyond the weights and its input, in MiB.
    """

    latency_ms: float
    peak_mib: float


def example(num_faces: int, device: torch.device) -> Tensor:
    """Return LR faces of noise, (N, 3, 16, 16): costs do not depend on the picture."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (num_faces, 3, LR_SIZE, LR_SIZE), generator=generator)
    return (levels / 255).to(device)


def _inputs(num_faces: int, device: torch.device, *, needs_labels: bool) -> list[Tensor]:
    found = [example(num_faces, device)]
    if needs_labels:
        found.append(torch.zeros(num_faces, HR_SIZE, HR_SIZE, dtype=torch.uint8, device=device))
    return found


def size(network: nn.Module, *, needs_labels: bool = False) -> Size:
    """Count a network's parameters and its multiplications for one face.

    Args:
        network: takes LR faces (N, 3, 16, 16).
        needs_labels: it takes labels (N, 128, 128), too, as teachers do.
    """
    inputs = _inputs(1, torch.device("cpu"), needs_labels=needs_labels)
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    parameters = sum(p.numel() for p in network.parameters())
    return Size(parameters, counter.get_total_flops() / 2e9)


def cost(
    network: nn.Module, num_faces: int, precision: Precision, *, needs_labels: bool = False
) -> Cost:
    """Measure a forward pass on a batch; the median over at least five passes.

    Args:
        network: takes LR faces (N, 3, 16, 16).
        num_faces: N.
        precision: number and memory format, and the device.
        needs_labels: it takes labels (N, 128, 128), too, as teachers do.
    """
    network = precision.place(network.eval())
    inputs = _inputs(num_faces, precision.device, needs_labels=needs_labels)

    @torch.inference_mode()
    def forward() -> None:
        with precision.autocast():
            network(*inputs)
        if precision.device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(WARM_UP_RUNS):
        forward()
    seconds: list[float] = []
    while len(seconds) < LEAST_RUNS or sum(seconds) < LEAST_SECONDS:
        start = time.perf_counter()
        forward()
        seconds.append(time.perf_counter() - start)
    return Cost(1000 * statistics.median(seconds), _peak_mib(forward, precision.device))


def _peak_mib(forward: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        forward()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # the profiler's own start and stop lines
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        forward()
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak / 2**20
