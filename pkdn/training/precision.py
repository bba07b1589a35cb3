"""Number format and memory format, one choice; and whether steps are compiled.

On processors with bf16 matrix units, bf16 with channels_last and a fused optimiser train 1.3 to 5.6
times as fast as fp32 by a usual script, by network; bf16 without such units is much slower. On
processors without them fp32 is faster with channels_last: docs/performance.md.
"""

import os
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import torch
from torch import nn

from pkdn.errors import UserError
from pkdn.provenance import VISIBLE_GPUS
from pkdn.training import memory

LEAST_COMPILED = {"cuda": 5_000, "cpu": 2_000}
"""Steps from which ``compile: auto`` compiles, on processors those with matrix units alone.

Not stated in the paper; chosen because compiling takes one to four minutes, which 300 steps of
PKDN's student at the paper's size bring in where matrix units multiply bf16, and a few hundred of
DIC's at the size ``small``; PKDN's teacher gains little (docs/performance.md). Other processors
gain a tenth, too little to be worth a compiler. On GPUs nothing was measured.
"""

CUBLAS_WORKSPACE = ":4096:8"
"""With which NVIDIA's matrix products are deterministic, as the documentation of cuBLAS says."""
IEEE = "ieee"
"""PyTorch's name for fp32 that is computed as fp32."""
_ONE_THREAD = threading.RLock()
"""Who changes how GPUs compute, which is a matter of the whole process, and puts it back."""


@dataclass(frozen=True)
class Precision:
    """How a network computes.

    Attributes:
        name: ``fp32``, on a GPU without TF32 and with deterministic algorithms wherever PyTorch has
            them; ``tf32``, in NVIDIA's shorter format; ``bf16`` autocast.
        device: where it computes.
        compiled: whether ``torch.compile`` makes one program of all that a training step computes
            from the batch to the losses, and of its gradients.
    """

    name: str
    device: torch.device
    compiled: bool = False

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which forward passes and losses run."""
        if self.name != "bf16":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory format."""
        return network.to(self.device, memory_format=self.memory_format)  # type: ignore[call-overload]

    def record(self) -> dict[str, str]:
        """Return it as plain values, for records."""
        compiled = {"compile": "on"} if self.compiled else {}
        return {"precision": self.name, "device": self.device.type, **compiled}

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout of weights and images, as is fastest: channels_last or NCHW."""
        plain_processor = self.device.type == "cpu" and not _multiplies_bf16(self.device)
        is_last = self.name == "bf16" or plain_processor
        return torch.channels_last if is_last else torch.contiguous_format


def default_device() -> torch.device:
    """Return :func:`found_device`, for a process that does nothing else than to compute.

    On both fp32 is exact from now on, and a processor keeps freed memory.
    """
    _be_exact(True)
    device = found_device()
    if device.type == "cpu":
        memory.follow(memory.KEEPING)
    return device


def found_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if (named := os.environ.get(VISIBLE_GPUS, "-1").strip()) not in ("", "-1"):
        print(
            f"{VISIBLE_GPUS} is {named}, and PyTorch can use no GPU: the processor computes",
            flush=True,
        )
    return torch.device("cpu")


def _be_exact(exact: bool, *, tf32: bool = False) -> None:
    """Choose deterministic algorithms on GPUs, or the fastest; and whether fp32 may be TF32.

    PyTorch's convolutions take TF32 for fp32 if nobody objects, within bf16 too, where some layers
    ask for float32 (SFMNet's). For the gradient of reflection padding (SPARNet's) and for the mean
    loss over labels (the parser's) it has no deterministic algorithm, and warns.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.deterministic = exact
    torch.backends.cudnn.benchmark = not exact
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", CUBLAS_WORKSPACE)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        # Its other name, `use_deterministic_algorithms`, imports the compiler, which takes seconds.
        torch.set_deterministic_debug_mode("warn" if exact else "default")


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """Compute fp32 exactly in here, whatever was chosen for outside; a processor always does.

    On a GPU one thread at a time does.
    """
    if device.type == "cpu":
        yield
        return
    with _ONE_THREAD, _as_before():
        _be_exact(True)
        for kind in _kinds():
            kind.fp32_precision = IEEE
        yield


@contextmanager
def usual() -> Iterator[None]:
    """Compute in here as PyTorch does where nobody has chosen anything."""
    with _ONE_THREAD, _as_before():
        _be_exact(False)
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False
        torch.backends.cudnn.benchmark = False
        yield


@contextmanager
def _as_before() -> Iterator[None]:
    """Put back what is changed in here of how GPUs compute."""
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    named = [kind.fp32_precision for kind in _kinds()]
    fast = None
    with suppress(RuntimeError):  # a program that has chosen by the newer names cannot ask by these
        fast = cudnn.allow_tf32, products.allow_tf32
    chosen = cudnn.deterministic, cudnn.benchmark
    deterministic = torch.get_deterministic_debug_mode()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if fast:
            cudnn.allow_tf32, products.allow_tf32 = fast
        for kind, before in zip(_kinds(), named, strict=True):
            kind.fp32_precision = before
        cudnn.deterministic, cudnn.benchmark = chosen
        torch.set_deterministic_debug_mode(deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]


def _kinds() -> tuple[Any, Any]:
    """Return what GPUs compute fp32 for, each with PyTorch's newer name of how."""
    return torch.backends.cudnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def have_compiler(device: torch.device) -> bool:
    """Return whether what ``torch.compile`` calls for a device is here.

    On GPUs that is a C compiler and Python's headers, on processors a C++ compiler.
    """
    if device.type == "cpu":
        return bool(which(os.environ.get("CXX", "g++")))
    headers = Path(sysconfig.get_path("include"), "Python.h").is_file()
    return headers and ("CC" in os.environ or bool(which("gcc") or which("clang")))


def choose(
    requested: str, device: torch.device, *, compiles: str = "off", steps: int = 0
) -> Precision:
    """Turn the parameters ``precision`` and ``compile`` into a choice; ``auto`` asks the hardware.

    Args:
        requested: ``auto``, ``fp32``, ``tf32`` or ``bf16``.
        device: where the network runs.
        compiles: ``auto``, which does where it pays and can be done, ``on`` or ``off``.
        steps: of the training.

    Raises:
        UserError: TF32 is asked of something else than a GPU.
    """
    if requested == "auto":
        requested = "bf16" if _multiplies_bf16(device) else "fp32"
    if requested == "tf32" and device.type != "cuda":
        raise UserError("precision: expected auto, fp32 or bf16 on a processor, got tf32")
    _be_exact(requested == "fp32", tf32=requested == "tf32")
    is_fast = device.type == "cuda" or (requested == "bf16" and torch.cpu._is_amx_tile_supported())
    pays = is_fast and steps >= LEAST_COMPILED[device.type] and have_compiler(device)
    return Precision(requested, device, compiles == "on" or (compiles == "auto" and pays))
