"""What a network costs: parameters, multiplications, latency and memory."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pkdn import networks
from pkdn.learning import contract
from pkdn.learning.network import example, inputs
from pkdn.training.precision import Precision
from pkdn.training.threads import one_thread

WARM_UP_RUNS = 2
LEAST_RUNS = 5
LEAST_SECONDS = 0.25
SHAPES_ALONE = torch.device("meta")

Row = dict[str, str | int | float]


class Latency(NamedTuple):
    """How long a pass takes, from many of them.

    Attributes:
        latency_ms: what it takes where nothing disturbs it, in milliseconds.
        median_ms: what it took by the clock, the median.
        core_share: part of the time in which this process had its core, in [0, 1]; what is missing
            others took.
    """

    latency_ms: float
    median_ms: float
    core_share: float


class Cost(NamedTuple):
    """What one forward pass costs on this machine.

    Attributes:
        latency: of a batch.
        peak_mib: memory that the pass needed beyond the weights and its input, in MiB.
    """

    latency: Latency
    peak_mib: float


@torch.no_grad()
def size(network: nn.Module) -> tuple[int, float]:
    """Count a network's parameters and, for one face, its multiplications, from shapes alone.

    Args:
        network: on the device ``meta``.

    Returns:
        Trained numbers; and 10⁹ multiply–accumulates of convolutions and matrix products. Fourier
        transforms are not counted, nor is what is done number by number.
    """
    return _parameters(network), _passed(network, SHAPES_ALONE)[1]


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _passed(network: nn.Module, device: torch.device) -> tuple[Any, float]:
    """Return what a network on a device makes of a face, with how many 10⁹ products."""
    with FlopCounterMode(display=False) as counter:
        found = network.eval()(*inputs(network, example(1, device)))
    return found, counter.get_total_flops() / 2e9


@torch.no_grad()
def _counted(description: networks.Description, device: torch.device) -> tuple[nn.Module, float]:
    """Return a network that was built on a device, with how many 10⁹ products a face takes it."""
    with device:
        network = description.build()
        found, gmac = _passed(network, device)
    contract.check_image(found, type(network).__name__)
    return network, gmac


def cost(network: nn.Module, num_faces: int, precision: Precision) -> Cost:
    """Measure a forward pass on a batch, on processors in one thread.

    Args:
        network: any network of this project.
        num_faces: in the batch.
        precision: number and memory format, and the device.
    """
    forward = forward_pass(network, num_faces, precision)
    with one_thread():
        for _ in range(WARM_UP_RUNS):
            forward()
        latency = timed(forward, on_processor=precision.device.type == "cpu")
        return Cost(latency, _peak_mib(forward, precision.device))


def forward_pass(network: nn.Module, num_faces: int, precision: Precision) -> Callable[[], None]:
    """Return a forward pass on a batch, done when it returns; see :func:`cost`."""
    network = precision.place(network.eval())
    taken = inputs(network, example(num_faces, precision.device))

    @torch.inference_mode()
    def forward() -> None:
        with precision.autocast():
            network(*taken)
        if precision.device.type == "cuda":
            torch.cuda.synchronize()

    return forward


def timed(forward: Callable[[], None], *, on_processor: bool) -> Latency:
    """Time at least five passes.

    On a processor the time of a pass is that which its thread computed, so that it is the same
    however many others wait for the cores. Elsewhere it is that of the clock.

    Args:
        forward: one pass, done when it returns.
        on_processor: it computes in this thread.
    """
    walls: list[float] = []
    own: list[float] = []
    while len(walls) < LEAST_RUNS or sum(walls) < LEAST_SECONDS:
        start, own_start = time.perf_counter(), time.thread_time()
        forward()
        own.append(time.thread_time() - own_start)
        walls.append(time.perf_counter() - start)
    least = min(own if on_processor else walls)
    return Latency(1000 * least, 1000 * statistics.median(walls), sum(own) / sum(walls))


def _peak_mib(forward: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        forward()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else it prints that it starts and stops
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        forward()
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak / 2**20


def rows(name: str, size_name: str, precision: Precision | None = None) -> Iterator[Row]:
    """Yield what the tables say of a network at one of its sizes, and of its teacher if it has one.

    Args:
        name: the network's.
        size_name: a key of its ``SIZES``.
        precision: what latency and memory are measured in; None leaves those columns out.

    Raises:
        UserError: the network returns something else than SR images.
    """
    module = networks.module(name)
    for teacher in (False, True) if hasattr(module, "TEACHER") else (False,):
        description = networks.describe(name, size_name, teacher=teacher)
        try:
            network, gmac = _counted(description, SHAPES_ALONE)
        except RuntimeError:  # it wants numbers, such as those of `linspace(…).item()`
            network, gmac = _counted(description, torch.device("cpu"))
        row: Row = {
            "network": name,
            "role": description.role,
            "size": size_name,
            "title": module.TITLE + (" teacher" if teacher else ""),
            "input": module.INPUT + (" + parsing map" if teacher else ""),
            "parameters": _parameters(network),
            "gmac": round(gmac, 4),
        }
        if precision is not None:
            network = description.build()
            one, eight = (cost(network, num_faces, precision) for num_faces in (1, 8))
            for faces, latency in ((1, one.latency), (8, eight.latency)):
                row[f"latency_ms_b{faces}"] = round(latency.latency_ms, 3)
                row[f"median_ms_b{faces}"] = round(latency.median_ms, 3)
            row["core_share"] = round(min(one.latency.core_share, eight.latency.core_share), 3)
            row["peak_mib_b8"] = round(eight.peak_mib, 2)
        yield row
