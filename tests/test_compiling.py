"""Compiled training steps: what PyTorch's compiler makes of a task is the same training."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import CPU, RECIPE, adversarial_task, batches
from torch import Tensor, nn
from torch.nn import functional as F

from bench.computing import Training, trainings
from pkdn.errors import UserError
from pkdn.learning.network import example
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.shortages import is_of_memory
from pkdn.training import compiling, precision
from pkdn.training.compiling import Losses
from pkdn.training.loop import train
from pkdn.training.state import TrainingState
from pkdn.training.task import Task

COMPILED = replace(CPU, compiled=True)
HAS_COMPILER = any(map(shutil.which, ("g++", "clang++")))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("training", [*trainings()], ids=lambda one: one.title)
def test_every_task_is_one_program(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    task, batch = training.task("demo", CPU), example(2, CPU.device)
    expected = task.losses(batch, 0)
    losses = compiling.losses_of(training.task("demo", CPU), COMPILED)
    found = losses(batch, 0)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    with torch._dynamo.config.patch(error_on_recompile=True):
        losses(batch, 1)  # weights are constant, so that the next epoch is no other program


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, lr_image: Tensor) -> Tensor:
        return F.interpolate(self.layer(lr_image).tanh(), scale_factor=8.0)


def trained(task: Task, folder: Path, *, compiled: bool) -> list[Tensor]:
    how = COMPILED if compiled else CPU
    train(task, batches(folder), replace(RECIPE, steps=3), precision=how, title="test")
    return list(task.network.state_dict().values())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # PyTorch's own
@pytest.mark.skipif(not HAS_COMPILER, reason="there is no C++ compiler on this machine")
def test_a_compiled_training_ends_with_the_same_weights_but_for_rounding(
    faces_folder: Path,
) -> None:
    one, other = (
        trained(SuperResolutionTask(Small()), faces_folder, compiled=compiled)
        for compiled in (False, True)
    )
    for expected, found in zip(one, other, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_compiled_adversaries_learn_by_their_own_losses(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    one, other = (
        trained(adversarial_task(), faces_folder, compiled=compiled) for compiled in (False, True)
    )
    for expected, found in zip(one, other, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_what_cannot_be_compiled_is_told_in_one_line(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(compiling, "BACKEND", fail)
    with pytest.raises(UserError, match=r"got: .*no compiler here.*set `compile: off`") as caught:
        trained(SuperResolutionTask(Small()), faces_folder, compiled=True)
    assert "\n" not in str(caught.value)


def test_a_compiler_that_finds_no_memory_says_so(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(compiling, "BACKEND", fail)
    with pytest.raises(RuntimeError, match="out of memory") as caught:
        trained(SuperResolutionTask(Small()), faces_folder, compiled=True)
    assert is_of_memory(caught.value)


def test_on_a_gpu_each_step_is_a_cuda_graph_that_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = list[str | None]()

    def note(losses: Losses, *, mode: str | None, **_: object) -> Losses:
        called.append(mode)
        return losses

    monkeypatch.setattr(torch, "compile", note)
    monkeypatch.setattr(
        torch.compiler, "cudagraph_mark_step_begin", lambda: called.append("begins")
    )
    task = SuperResolutionTask(Small())
    losses = compiling.losses_of(task, replace(COMPILED, device=torch.device("cuda")))
    for _ in range(2):
        losses(example(2, CPU.device), 0)
    assert called == ["reduce-overhead", "begins", "begins"]


@pytest.mark.parametrize("mode", ["default", "warn"])
def test_a_program_stays_what_it_is_when_something_else_was_computed_exactly(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    def now() -> tuple[bool, bool]:
        algorithms = torch.are_deterministic_algorithms_enabled()
        return algorithms, torch.is_deterministic_algorithms_warn_only_enabled()

    monkeypatch.setattr(torch, "compile", lambda losses, **_: losses)
    torch.set_deterministic_debug_mode(mode)
    try:
        compiling.losses_of(SuperResolutionTask(Small()), COMPILED)
        compiled = now()
        with precision.exact(torch.device("cuda")):
            pass
        assert now() == compiled
    finally:
        torch.set_deterministic_debug_mode("default")


def test_rows_keep_what_a_step_returns_where_the_next_overwrites_it() -> None:
    task = SuperResolutionTask(Small())
    state = TrainingState(task, RECIPE, CPU)
    terms = task.losses(example(2, CPU.device), 0)
    before = terms["loss"].item()
    state.step(terms, 1e-3, "test")
    with torch.no_grad():
        terms["loss"].fill_(7)
    assert state.since_row[0]["loss"].item() == before


@pytest.mark.parametrize(
    ("compiles", "device", "name", "matrix_units", "steps", "expected"),
    [
        ("off", "cuda", "fp32", False, 98_000, False),
        ("off", "cpu", "bf16", True, 98_000, False),
        ("on", "cpu", "fp32", False, 1, True),
        ("auto", "cpu", "bf16", False, 98_000, False),
        ("auto", "cpu", "fp32", True, 98_000, False),
        ("auto", "cpu", "bf16", True, precision.LEAST_COMPILED["cpu"] - 1, False),
        ("auto", "cpu", "bf16", True, precision.LEAST_COMPILED["cpu"], True),
        ("auto", "cuda", "fp32", False, precision.LEAST_COMPILED["cuda"] - 1, False),
        ("auto", "cuda", "fp32", False, precision.LEAST_COMPILED["cuda"], True),
    ],
)
def test_auto_compiles_long_trainings_where_that_pays(
    compiles: str,
    device: str,
    name: str,
    matrix_units: bool,
    steps: int,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units)
    monkeypatch.setattr(precision, "have_compiler", lambda _: True)
    chosen = precision.choose(name, torch.device(device), compiles=compiles, steps=steps)
    assert chosen.compiled == expected
    assert ("compile" in chosen.record()) == expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_auto_trains_without_compiling_where_there_is_no_compiler(
    device: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(precision.sysconfig, "get_path", lambda _: str(tmp_path))
    for variable in ("CC", "CXX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def compiles() -> bool:
        return precision.choose(
            "bf16", torch.device(device), compiles="auto", steps=98_000
        ).compiled

    assert not compiles()
    for compiler in ("gcc", "g++"):
        (tmp_path / compiler).touch(mode=0o755)
    assert compiles() is (device == "cpu")
    (tmp_path / "Python.h").touch()
    assert compiles()
