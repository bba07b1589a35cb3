"""A process that talks to MLflow, so that nobody has to wait for MLflow.

A process and not a thread: MLflow's import holds Python's lock for seconds, a call of MLflow's
cannot be interrupted, and a process can be ended at any time. It is a new program, not a copy of
this one, so that threads and a GPU in use do not matter.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pkdn.errors import UserError

ROOT = Path(__file__).parents[2]
SENDER = "pkdn.tracking.sender"
MOST_WAITING = 4 * 2**20
"""Bytes of messages that the process has not taken yet."""
MOST_READ = 2**16


class Messenger:
    """Starts the process, and passes messages and answers; nothing waits but :meth:`wait`.

    Attributes:
        heard: the answers by name, the newest of each.
        failure: why the process does no more, or None.

    Raises:
        UserError: no process can be started.
    """

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        self.failure: str | None = None
        self._waiting = self._partial = b""
        self._process = _start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._to, self._from):
            os.set_blocking(pipe, False)

    def tell(self, **message: Any) -> None:
        """Pass a message on."""
        self._waiting += json.dumps(message).encode() + b"\n"
        self.attend()

    def attend(self) -> None:
        """Pass on what waits, and take what was answered, as far as that is possible at once."""
        if self.failure is None:
            self._pass_on()
            self._take()

    def _pass_on(self) -> None:
        with suppress(BlockingIOError, BrokenPipeError):
            while self._waiting:
                self._waiting = self._waiting[os.write(self._to, self._waiting) :]
        if len(self._waiting) > MOST_WAITING:
            self._give_up("MLflow does not answer")

    def _take(self) -> None:
        is_open = True
        with suppress(BlockingIOError):
            while part := os.read(self._from, MOST_READ):
                self._partial += part
            is_open = False
        *lines, self._partial = self._partial.split(b"\n")
        for line in lines:
            self.heard |= json.loads(line)
        if notice := self.heard.pop("notice", None):
            print(notice, file=sys.stderr, flush=True)
        if not is_open:
            self._give_up(self.heard.get("failed"))

    def _give_up(self, reason: str | None) -> None:
        self.close()
        status = self._process.returncode
        if status == -signal.SIGALRM:
            reason = reason or "MLflow does not answer in time"
        self.failure = reason or f"the process that talks to MLflow ended with status {status}"

    def wait(self, answer: str, seconds: float = float("inf")) -> Any:
        """Wait for an answer; return it, or None where it does not come in time."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        while answer not in self.heard and self.failure is None and time.monotonic() < until:
            poll.poll(100)  # milliseconds; messages may wait too
            self.attend()
        return self.heard.pop(answer, None)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _start() -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.Popen(
            [sys.executable, "-m", SENDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # a signal for this process is not for that one
            env={**os.environ, "PYTHONPATH": path},
        )
    except OSError as error:
        raise UserError(
            f"expected to start a process that talks to MLflow, got {error}; end other processes"
        ) from error
