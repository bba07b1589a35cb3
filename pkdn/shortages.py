"""What a machine lacks, in one line: space, the right to write, open files, memory."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GO_ON = "then run the same command again, which goes on where it was"
_WRITABLE = f"make it writable or choose another place; {_GO_ON}"
ADVICE = {
    errno.ENOSPC: f"free some space there, such as by `dvc gc --workspace`; {_GO_ON}",
    errno.EDQUOT: f"free some of your quota there, such as by `dvc gc --workspace`; {_GO_ON}",
    errno.EFBIG: f"allow larger files (`ulimit -f unlimited`, or another file system); {_GO_ON}",
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EIO: f"look after the disk, `dmesg` may say more; {_GO_ON}",
    errno.EMFILE: f"allow more open files (`ulimit -n 4096`); {_GO_ON}",
    errno.ENFILE: f"close programs that hold many files open; {_GO_ON}",
}
NOTE = "pkdn_"
MEMORY = f"close other programs or take a machine with more memory; {_GO_ON}"
_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|out of memory|bad_alloc", re.I
)
# Libraries that pass on what the system said as text: safetensors, and NumPy's tofile.
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")


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
        if _is_memory(seen):
            reason = " ".join(str(seen).split())[:200] or "no memory left"
            advice = getattr(seen, NOTE + "memory", MEMORY)
            return f"expected enough memory, got {type(seen).__name__} ({reason}): {advice}"
        if (number := _number(seen)) in ADVICE:
            return _of_a_file(seen, number)
        seen = seen.__cause__ or seen.__context__
    return None


def _is_memory(error: BaseException) -> bool:
    kinds = isinstance(error, RuntimeError | OSError)
    return isinstance(error, MemoryError) or (kinds and bool(_OUT_OF_MEMORY.search(str(error))))


def _number(error: BaseException) -> int | None:
    """Return the system's number for what went wrong, also where only the text has it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := _OS_ERROR.search(str(error)):
        return int(found[1])
    return errno.ENOSPC if _CUT_SHORT.search(str(error)) else None


def _of_a_file(error: BaseException, number: int) -> str:
    file = getattr(error, NOTE + "file", None) or getattr(error, "filename", None)
    place = next(each for each in (Path(file or ".").absolute() / "x").parents if each.exists())
    free = shutil.disk_usage(place).free / 2**20
    return (
        f"expected to read or write {file or 'a file'}, got: {os.strerror(number)} "
        f"({free:,.0f} MiB are free in {place}): {ADVICE[number]}"
    )
