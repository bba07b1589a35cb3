"""What a machine lacks is said in one line, and leaves nothing half-written."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pkdn import command, shortages
from pkdn.files import atomic_file, atomic_folder

LARGEST = 100_000
"""Bytes of a file: what a full disk cuts off, a limit on files cuts off in the same way."""


def told(attempt: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command prints that fails like this."""
    with pytest.raises(SystemExit) as ended:
        command.run(attempt)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_ctrl_c_is_one_word_and_the_status_that_shells_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        command.run(interrupted)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def write_as(kind: str, folder: Path) -> None:
    if kind == "text":
        with atomic_file(folder / "table.csv") as temporary:
            temporary.write_text("x" * (LARGEST + 1), encoding="utf-8")
    if kind == "weights":
        with atomic_file(folder / "weights.safetensors") as temporary:
            save_file({"weight": torch.zeros(LARGEST)}, temporary)
    if kind == "array":
        with atomic_folder(folder / "faces") as temporary:
            np.save(temporary / "train.npy", np.zeros(LARGEST))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("text", "table.csv"), ("weights", "weights.safetensors"), ("array", "faces")],
)
def test_a_file_that_finds_no_room_is_named_and_leaves_nothing(
    kind: str, name: str, tmp_path: Path
) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from pkdn import command\n"
        "from tests.test_shortages import write_as\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({LARGEST}, {LARGEST}))\n"
        f"command.run(lambda: write_as({kind!r}, Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: expected to read or write {tmp_path / name}, got: ")
    assert f"MiB are free in {tmp_path}" in done.stderr
    assert "run the same command again" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number", [errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.EDQUOT]
)
def test_what_the_system_refuses_is_one_line(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "new" / "file"))

    line = told(refused, capsys)
    assert os.strerror(number) in line
    assert f"{tmp_path / 'new' / 'file'}" in line
    assert f"free in {tmp_path}" in line


def test_memory_that_is_not_there_names_the_batch_size(capsys: pytest.CaptureFixture[str]) -> None:
    def too_much() -> None:
        with shortages.advising("this training takes 8 faces in a batch"):
            torch.empty(2**60)

    def far_too_much() -> None:
        np.empty(2**50)

    assert "can't allocate memory" in (line := told(too_much, capsys))
    assert "takes 8 faces in a batch" in line
    assert "more memory" in told(far_too_much, capsys)


@pytest.mark.parametrize(
    ("said", "told_of"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB.", "enough memory"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "memory"),
        (
            "GET was unable to find an engine to execute this computation",
            "free memory of the GPU, and the cuDNN .* LD_LIBRARY_PATH",
        ),
        ("cuFFT error: CUFFT_ALLOC_FAILED", "memory"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "takes 8 faces in a batch"),
        (
            "CUDA error: CUDA-capable device(s) is/are busy or unavailable\nFor debugging",
            "a GPU that is free, got .*: wait until .* --gpus or CUDA_VISIBLE_DEVICES",
        ),
        (
            "CUDA error: no kernel image is available for execution on the device\nCompile with",
            "a PyTorch that was built for this GPU",
        ),
    ],
)
def test_what_a_gpu_lacks_is_one_line(
    said: str, told_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> None:
        with shortages.advising("this training takes 8 faces in a batch"):
            raise RuntimeError(said)

    line = told(failing, capsys)
    assert " ".join(said.split()) in line
    assert re.search(told_of, line)


@pytest.mark.parametrize("kind", [RuntimeError, FileNotFoundError, ValueError])
def test_what_is_no_shortage_stays_as_it_is(kind: type[Exception]) -> None:
    def failing() -> None:
        raise kind("shapes differ")

    with pytest.raises(kind, match="shapes differ"):
        command.run(failing)


def test_an_interrupt_while_a_stage_imports_is_no_traceback(tmp_path: Path) -> None:
    interrupted = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "torch.py").write_text(interrupted, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", "teacher@synthetic-full-0"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""
