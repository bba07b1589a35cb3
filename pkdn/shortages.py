"""What a machine lacks, in one line: space, the right to write, open files, memory, a free GPU."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GO_ON = "then run the same command again, which goes on where it was"
# Not by `dvc gc --workspace` alone, which takes the results of other commits and experiments, too;
# nor with `--all-commits`, since DVC cannot read the first one.
_TO_FREE = (
    ", such as from data/downloads, or by `dvc gc --workspace --date 2026-11-22 --all-experiments`"
)
_WRITABLE = f"make it writable or choose another place; {_GO_ON}"
ADVICE = {
    errno.ENOSPC: f"free some space there{_TO_FREE}; {_GO_ON}",
    errno.EDQUOT: f"free some of your quota there{_TO_FREE}; {_GO_ON}",
    errno.EFBIG: f"allow larger files (`ulimit -f unlimited`, or another file system); {_GO_ON}",
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: f"look after the disk, `dmesg` may say more; {_GO_ON}",
    errno.EMFILE: f"allow more open files (`ulimit -n 4096`); {_GO_ON}",
    errno.ENFILE: f"close programs that hold many files open; {_GO_ON}",
}
NOTE = "pkdn_"
MEMORY = f"close other programs or take a machine with more memory; {_GO_ON}"
_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|out of memory|bad_alloc"
    r"|(cublas|cudnn)_status_(alloc_failed|not_initialized)"  # they take what is left, later
    r"|cufft_alloc_failed",
    re.I,
)
OF_GPUS = {
    re.compile(r"device\(?s?\)? (is|are|is/are) busy or unavailable", re.I): (
        "a GPU that is free",
        "wait until the other program has ended, or name another by --gpus or "
        f"CUDA_VISIBLE_DEVICES; {_GO_ON}",
    ),
    re.compile(r"unable to find (an engine|a valid cudnn algorithm)", re.I): (
        "free memory of the GPU, and the cuDNN that came with PyTorch",
        "close other programs that use it, and unset LD_LIBRARY_PATH where that names another "
        f"cuDNN; {_GO_ON}",
    ),
    re.compile(r"no kernel image is available|not compatible with the current PyTorch", re.I): (
        "a PyTorch that was built for this GPU",
        "install one, as https://pytorch.org/get-started says, or set CUDA_VISIBLE_DEVICES= to "
        f"take the processor; {_GO_ON}",
    ),
}
"""What PyTorch says of a GPU that it cannot use: what was expected of it, and what to do."""
# Libraries that pass on what the system said as text: safetensors, and NumPy's tofile.
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")


def is_of_the_system(error: BaseException) -> bool:
    """Return whether the system has refused to read or write, such as on a full disk."""
    return isinstance(error, OSError) and error.errno in ADVICE


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Let what goes wrong inside know which file was being written; the innermost one counts."""
    with _noting("file", file):
        yield


@contextmanager
def advising(memory: str) -> Iterator[None]:
    """Let what goes wrong inside know how to need less memory."""
    with _noting("memory", memory):
        yield


@contextmanager
def _noting(what: str, value: object) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        vars(error).setdefault(NOTE + what, value)
        raise


def line(error: BaseException) -> str | None:
    """Say what the machine lacked and what to do; None where it was something else."""
    seen: BaseException | None = error
    while seen is not None:
        if is_of_memory(seen):
            reason = _reason(seen) or "no memory left"
            advice = getattr(seen, NOTE + "memory", MEMORY)
            return f"expected enough memory, got {type(seen).__name__} ({reason}): {advice}"
        if told := _of_a_gpu(seen):
            expected, advice = told
            return f"expected {expected}, got {type(seen).__name__} ({_reason(seen)}): {advice}"
        if (number := _number(seen)) in ADVICE:
            return _of_a_file(seen, number)
        seen = seen.__cause__ or seen.__context__
    return None


def is_of_memory(error: BaseException) -> bool:
    """Return whether there was not enough memory, of the machine or of a GPU."""
    kinds = isinstance(error, RuntimeError | OSError)
    return isinstance(error, MemoryError) or (kinds and bool(_OUT_OF_MEMORY.search(str(error))))


def _of_a_gpu(error: BaseException) -> tuple[str, str] | None:
    """Return what was expected of a GPU, and what to do, where an error says what it is not."""
    found = (told for pattern, told in OF_GPUS.items() if pattern.search(str(error)))
    return next(found, None) if isinstance(error, RuntimeError) else None


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _number(error: BaseException) -> int | None:
    """Return the system's number for what went wrong, also where only the text has it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := _OS_ERROR.search(str(error)):
        return int(found[1])
    return errno.ENOSPC if _CUT_SHORT.search(str(error)) else None


def _of_a_file(error: BaseException, number: int) -> str:
    file = getattr(error, NOTE + "file", None) or getattr(error, "filename", None)
    place = next(filter(_is_there, (Path(file or ".").absolute() / "x").parents))
    free = shutil.disk_usage(place).free / 2**20
    return (
        f"expected to read or write {file or 'a file'}, got: {os.strerror(number)} "
        f"({free:,.0f} MiB are free in {place}): {ADVICE[number]}"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False
