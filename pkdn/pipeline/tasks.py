"""What ``repro`` and its workers say to each other."""

from pathlib import Path
from typing import Any, NamedTuple

OUTPUT = Path(".pkdn/output")


class Task(NamedTuple):
    """What a worker is asked to do.

    Attributes:
        stage: the stage to run; empty: find those that are outdated.
        shows_output: whether the stage's standard output goes to the terminal, not to the log.
        device: the GPU that it may use, as ``CUDA_VISIBLE_DEVICES`` names it; empty: none; None:
            as the machine has it.
        pulls: whether what is missing here, and was made elsewhere, is taken from DVC's remote.
        may_run: what ``PKDN_MAY_RUN`` is from now on; None: as it is.
    """

    stage: str
    shows_output: bool = False
    device: str | None = None
    pulls: bool = False
    may_run: str | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return OUTPUT / f"{self.file_name}.log"

    @property
    def note(self) -> Path:
        """Where it says how far it is."""
        return OUTPUT / f"{self.file_name}.progress"

    @property
    def file_name(self) -> str:
        """How files that belong to it are called, before the dot."""
        return self.stage.replace("/", "_").replace(":", "_") or "dvc"


class Outcome(NamedTuple):
    """What came of a task.

    Attributes:
        is_done: whether it succeeded.
        reason: why not, in one line.
        detail: DVC's traceback.
        value: the outdated stages, with those of them each waits for.
    """

    is_done: bool
    reason: str = ""
    detail: str = ""
    value: Any = None


class Waiting(NamedTuple):
    """A worker waits for another process.

    Attributes:
        reason: for which, and why.
    """

    reason: str
