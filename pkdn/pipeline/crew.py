"""The workers of ``repro``, and how they are ended."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from types import FrameType
from typing import Self

from pkdn.pipeline.explain import ending
from pkdn.pipeline.presence import WORKER
from pkdn.pipeline.tasks import OUTPUT, Outcome, Task, Waiting
from pkdn.progress import Reached, duration, noted

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_OF_ONE_SIGNAL = 1.0
"""Signals within such a time count as one: a terminal that is closed sends SIGHUP twice."""
SECONDS_TO_END = 60.0
"""What a stage has to save its state, and DVC to note what it made; then they are killed."""


class Asked(Exception):  # noqa: N818 - no error
    """A signal asked this process to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"asked to end by {signal.Signals(number).name}")
        self.number = number


class Worker:
    """One process of :mod:`pkdn.pipeline.worker`, in a session of its own.

    Args:
        threads: that a stage may use; None: as many as it wants.
    """

    def __init__(self, threads: int | None) -> None:
        limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        self.connection, theirs = Pipe()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", WORKER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **limit},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.task: Task | None = None
        self.started = 0.0
        self.shown = 0
        self.waits_for = ""

    def begin(self, task: Task) -> None:
        """Give it a task."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        for old in (task.log, task.note):
            old.unlink(missing_ok=True)
        self.task, self.started, self.shown = task, time.monotonic(), 0
        self.waits_for = ""
        with suppress(BrokenPipeError):  # its death is met when it is asked
            self.connection.send(task)

    @property
    def device(self) -> str:
        """The GPU that its task has; empty: none."""
        return (self.task and self.task.device) or ""

    def reached(self) -> Reached | None:
        """Return how far its stage is; None where it has not said so."""
        return noted(self.task.note) if self.task else None

    def age(self) -> str:
        """Say for how long its task has been at work."""
        return duration(time.monotonic() - self.started)

    def answer(self) -> Outcome | Waiting | None:
        """Return what it says, if anything; the death of its process is a failure."""
        if not self.connection.poll():
            return None
        try:
            said: Outcome | Waiting = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return Outcome(False, f"the process of DVC has gone: {ending(self.process.wait())}")
        return said

    def waits(self, reason: str) -> None:
        """Print for what its task waits, unless that was said."""
        assert self.task
        if reason != self.waits_for:
            self.waits_for = reason
            print(f"{self.task.stage or 'DVC'}: waits: {' '.join(reason.split())}", flush=True)

    def show_errors(self) -> None:
        """Print what its log has that was not shown yet."""
        assert self.task
        with suppress(FileNotFoundError), self.task.log.open("rb") as log:
            log.seek(self.shown)
            text = log.read()
            self.shown += len(text)
            sys.stderr.write(text.decode(errors="replace"))
            sys.stderr.flush()

    def signal(self, number: int) -> None:
        """Send a signal to it, its stage, and the stage's processes."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class Crew:
    """As many workers as stages may run at a time; they end when the context does.

    Signals that ask to end are noted while it is open, and raised as :class:`Asked` when work is
    waited for. Ctrl-Z halts the stages too.

    Args:
        jobs: the most stages at a time; with one, what it prints is shown at once.
        threads: that a stage may use; None: as many as it wants.
        gpus: that stages may use, each of them one stage at a time, or as many as it is named;
            empty: none are looked after.
        pulls: whether they take from DVC's remote what was made elsewhere.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(
        self, jobs: int, threads: int | None, *, gpus: Sequence[str] = (), pulls: bool = False
    ) -> None:
        self.jobs, self.threads, self.gpus, self.pulls = jobs, threads, [*gpus], pulls
        self.workers: list[Worker] = []
        self.signals: list[int] = []
        self._asked = 0.0

    @property
    def busy(self) -> dict[str, Worker]:
        """The workers that have a task, by its stage."""
        return {worker.task.stage: worker for worker in self.workers if worker.task}

    @property
    def free_gpus(self) -> list[str]:
        """The GPUs that may have one more stage."""
        taken = Counter(worker.device for worker in self.workers)
        return [*(Counter(self.gpus) - taken).elements()]

    def begin(self, task: Task) -> None:
        """Give a task to a worker that has none, or to a new one."""
        idle = [one for one in self.workers if not one.task and one.process.poll() is None]
        if not idle:
            idle = [Worker(self.threads)]
            self.workers += idle
        idle[0].begin(task)

    def outcomes(self) -> Iterator[tuple[Task, Outcome, float]]:
        """Wait for the next tasks to end; yield each with what came of it, and its seconds.

        Raises:
            Asked: a signal came.
        """
        wait([worker.connection for worker in self.busy.values()], SECONDS_BETWEEN_LOOKS)
        self.check()
        for worker in self.busy.values():
            said, task = worker.answer(), worker.task
            assert task
            if task.shows_output:
                worker.show_errors()
            if isinstance(said, Waiting):
                worker.waits(said.reason)
            elif said:
                worker.task = None
                task.note.unlink(missing_ok=True)
                if worker.process.poll() is not None:
                    self.workers.remove(worker)
                yield task, said, time.monotonic() - worker.started

    def check(self) -> None:
        """Raise :class:`Asked` if a signal came."""
        if self.signals:
            raise Asked(self.signals[0])

    def __enter__(self) -> Self:
        """Take over the signals; one that is ignored, as under nohup, stays so."""
        handlers = dict.fromkeys(self.SIGNALS, self._note) | {signal.SIGTSTP: self._halt}
        self._before = {
            each: signal.signal(each, handler)
            for each, handler in handlers.items()
            if signal.getsignal(each) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, *_: object) -> None:
        """End every worker, and give the signals back."""
        self.end()
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def end(self) -> None:
        """End every worker and wait for it: at a second signal, or when time is up, by force."""
        for worker in self.workers:
            worker.connection.close()
            worker.process.terminate()
        deadline = time.monotonic() + SECONDS_TO_END
        while any(worker.process.poll() is None for worker in self.workers):
            if len(self.signals) > 1 or time.monotonic() > deadline:
                for worker in self.workers:
                    worker.signal(signal.SIGKILL)
            time.sleep(SECONDS_BETWEEN_LOOKS / 2)

    def _note(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self.signals and (number == signal.SIGHUP or now - self._asked < SECONDS_OF_ONE_SIGNAL):
            return
        self._asked = now
        self.signals.append(number)
        if len(self.signals) == 1 and self.busy:
            what = " and ".join(filter(None, self.busy)) or "what runs"
            text = f"\nending {what}: at most {SECONDS_TO_END:.0f} s; at once with a second signal"
            with suppress(OSError):  # the same Ctrl-C has ended who reads this, such as tee
                os.write(1, f"{text}\n".encode())  # print is not for handlers

    def _halt(self, *_: object) -> None:
        """Halt with all stages, as Ctrl-Z asks, and go on with them."""
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        for worker in self.workers:
            worker.signal(signal.SIGCONT)


def last_error(log: Path) -> str:
    """Return the line in which a stage said what went wrong; empty if it said nothing."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    for line in reversed(lines):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    crashed = any(line.startswith("Traceback ") for line in lines)
    return next((line for line in reversed(lines) if line.strip()), "") if crashed else ""
