"""Working checkpoints: what a killed training needs to end with the weights it would have had.

They lie outside the stages' outputs, since DVC deletes those before a stage runs, in
``.pkdn/training`` of the main repository, under the fingerprint of the training.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.provenance import main_repository

# Results of finished trainings stay this long for a second worker that waited for the same one.
KEEP_RESULT_SECONDS = 24 * 3600


def random_state() -> dict[str, Any]:
    """Return the state of torch's random generators, the only ones that a training uses."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def restore_random_state(state: dict[str, Any]) -> None:
    """Put torch's random generators back to a state of :func:`random_state`."""
    torch.set_rng_state(state["cpu"])
    torch.cuda.set_rng_state_all(state["cuda"])


class Checkpoint:
    """The saved state of one training, keyed by its fingerprint."""

    def __init__(self, folder: Path, *, waited: bool) -> None:
        self.folder = folder
        self.waited = waited
        self.file = folder / "state.pt"
        self.result = folder / "result.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state as a whole."""
        with atomic_file(self.file) as temporary:
            torch.save(state, temporary)

    def load(self) -> dict[str, Any] | None:
        """Return the saved state, or None."""
        return self._read(self.file)

    def finish(self, result: dict[str, Any]) -> None:
        """Save the result for a worker that waits for the same training; drop the state."""
        with atomic_file(self.result) as temporary:
            torch.save(result, temporary)
        self.file.unlink(missing_ok=True)

    def finished(self) -> dict[str, Any] | None:
        """Return the result of the worker that this one waited for, if it waited."""
        return self._read(self.result) if self.waited else None

    @staticmethod
    def _read(file: Path) -> dict[str, Any] | None:
        if not file.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            raise UserError(
                f"expected a checkpoint in {file}, got a file that cannot be read ({error}); "
                f"delete it to train from the start"
            ) from None
        return state


def _prune(folder: Path) -> None:
    """Delete results that nobody can be waiting for any more."""
    for result in folder.glob("*/result.pt"):
        if time.time() - result.stat().st_mtime > KEEP_RESULT_SECONDS:
            shutil.rmtree(result.parent, ignore_errors=True)


@contextmanager
def single_flight(fingerprint: str) -> Iterator[Checkpoint]:
    """Hold the lock of a training, so that workers who need the same one train it once.

    The second worker waits here and then finds :meth:`Checkpoint.finished`.
    """
    root = main_repository() / ".pkdn" / "training"
    folder = root / fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    _prune(root)
    lock = FileLock(root / f"{fingerprint}.lock")
    waited = False
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("another worker trains the same network; waiting for its result", flush=True)
        waited = True
        lock.acquire()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield Checkpoint(folder, waited=waited)
    finally:
        lock.release()
