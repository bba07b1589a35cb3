"""Working checkpoints: what a killed training needs to end with the weights it would have had.

They lie outside the stages' outputs, since DVC deletes those before a stage runs, in
``.pkdn/training`` of the main repository, under the fingerprint of the training.
"""

import hashlib
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock, Timeout

from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.provenance import main_repository

# Results of finished trainings stay this long: for a second worker that waited, and for a stage
# that was killed, or found the disk full, before DVC had what it made.
KEEP_RESULT_SECONDS = 24 * 3600


def random_state() -> dict[str, Any]:
    """Return the state of random generators: torch's, and Python's and NumPy's for users' networks.

    Of GPUs it is the one in use: another machine, where the training continues, may have fewer.
    """
    kind, keys, *rest = np.random.get_state(legacy=True)
    numpy = (kind, np.asarray(keys).tolist(), *rest)
    state = {"cpu": torch.get_rng_state(), "python": random.getstate(), "numpy": numpy}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Put random generators back to a state of :func:`random_state`."""
    torch.set_rng_state(state["cpu"])
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])


class Checkpoint:
    """The saved state of one training, keyed by its fingerprint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "state.pt"
        self.result = folder / "result.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state as a whole."""
        _write(self.file, state)

    def load(self) -> dict[str, Any] | None:
        """Return the saved state, or None."""
        return _read(self.file)

    def finish(self, result: dict[str, Any]) -> None:
        """Save the result, for whoever needs the same training again; drop the state."""
        _write(self.result, result)
        self.file.unlink(missing_ok=True)

    def finished(self) -> dict[str, Any] | None:
        """Return the result of this training, if it came to its end before."""
        return _read(self.result)


def _write(file: Path, state: dict[str, Any]) -> None:
    """Write a state behind its digest."""
    buffer = BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    with atomic_file(file) as temporary, temporary.open("wb") as stream:
        stream.write(hashlib.sha256(content).digest())
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())  # or the rename may outlive a power cut, and the content not


def _read(file: Path) -> dict[str, Any] | None:
    """Return what :func:`_write` wrote, None where there is no file.

    Raises:
        UserError: it has another digest, by as little as one bit.
    """
    if not file.exists():
        return None
    whole, size = memoryview(file.read_bytes()), hashlib.sha256().digest_size
    digest, content = whole[:size], whole[size:]
    if hashlib.sha256(content).digest() != digest:
        raise UserError(
            f"expected a checkpoint in {file}, got a broken file; delete it to train from the start"
        )
    state: dict[str, Any] = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    return state


class Stop:
    """Notices that this process is asked to end, so that a training can save its state first.

    Attributes:
        signal: the signal that came, or None.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.signal: int | None = None

    def __enter__(self) -> Self:
        """Listen, where this is the process's first thread, to what is not ignored (`nohup`)."""
        first = threading.current_thread() is threading.main_thread()
        heard = [each for each in self.SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        self._before = {each: signal.signal(each, self._note) for each in heard if first}
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, _: object) -> None:
        self.signal = number


def _prune(folder: Path) -> None:
    """Delete results that are old; another process may be doing the same.

    The teacher of a student that is not finished stays: its folder's name goes on where that of the
    student's ends.
    """
    unfinished = tuple(state.parent.name for state in folder.glob("*/state.pt"))
    for result in folder.glob("*/result.pt"):
        if result.parent.name.startswith(unfinished):
            continue
        with suppress(FileNotFoundError):
            if time.time() - result.stat().st_mtime > KEEP_RESULT_SECONDS:
                shutil.rmtree(result.parent, ignore_errors=True)


@contextmanager
def single_flight(fingerprint: str) -> Iterator[Checkpoint]:
    """Hold the lock of a training, so that workers who need the same one train it once.

    The second worker waits here and then finds :meth:`Checkpoint.finished`.
    """
    root = main_repository() / ".pkdn" / "training"
    root.mkdir(parents=True, exist_ok=True)
    _prune(root)
    lock = FileLock(root / f"{fingerprint}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("another worker trains the same network; waiting for its result", flush=True)
        lock.acquire()
    try:
        folder = root / fingerprint
        folder.mkdir(exist_ok=True)
        yield Checkpoint(folder)
    finally:
        lock.release()
