"""Stages start in a copy of a process that has imported the large libraries.

A stage of the demo takes seconds, and importing PyTorch with what an optimiser needs of it takes
more than two. ``python -m pkdn repro`` keeps, for each of its workers, a process that has imported
them once. A stage that starts beside one asks it for a copy of itself, which runs the stage's
script with the stage's arguments, environment, folder and output. The process that DVC started
stays in between: it passes signals on, and ends as the copy ends. The copy ends when that process
is gone, as by SIGKILL. Where there is no such process, a stage imports for itself.
"""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Self

ADDRESS = "PKDN_PRELOADED"
"""Variable: the socket of the process to ask."""
LIBRARIES = ("torch", "torch._dynamo", "scipy.ndimage", "skimage.metrics", "safetensors.torch")
"""``torch._dynamo`` is what an optimiser's first step imports."""
READ_AT_IMPORT = ("OMP_", "MKL_", "KMP_", "OPENBLAS_", "TORCH_", "PYTORCH_", "PYTHON", "LD_")
"""How variables begin that libraries and Python read when they start, so that they must agree."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STREAMS = (0, 1, 2)


class Preloaded:
    """A process to ask, for the stages that this process starts: they find it by their environment.

    It ends with the context, and with this process.
    """

    def __enter__(self) -> Self:
        """Start it; it listens from now on, and answers when it has imported."""
        self._folder = tempfile.TemporaryDirectory(prefix="pkdn-")
        address = str(Path(self._folder.name, "ask"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno())],
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
            )
        os.environ[ADDRESS] = address
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end."""
        os.environ.pop(ADDRESS, None)
        with self.process:  # closes its stdin, and waits
            self.process.terminate()
        self._folder.cleanup()


def is_possible() -> bool:
    """Return whether processes that have imported such libraries can be copied here."""
    return sys.platform == "linux"


# In the process that DVC starts.


def hand_over(meanwhile: Callable[[], None]) -> None:
    """Let a copy do what this process was started for, and end as it does; or just return.

    It returns where there is nobody to ask, or where this process's environment differs in what
    libraries read when they are imported.

    Args:
        meanwhile: what a thread of this process does while the copy runs.
    """
    main = getattr(sys.modules["__main__"], "__spec__", None)
    if ADDRESS not in os.environ or main is None or not main.name.startswith("stages."):
        return
    with socket.socket(socket.AF_UNIX) as connection:
        request = {
            "module": main.name,
            "arguments": sys.argv[1:],
            "folder": str(Path.cwd()),
            "environment": dict(os.environ),
            "ignored": [n for n in SIGNALS if signal.getsignal(n) is signal.SIG_IGN],
        }
        try:
            connection.connect(os.environ[ADDRESS])
            _send(connection, request, STREAMS)
            answers = connection.makefile()
            copy = int(answers.readline() or 0)
        except OSError:
            return
        if copy:
            threading.Thread(target=meanwhile, daemon=True).start()
            _end_as(_wait(copy, answers, request["ignored"]))


def _wait(copy: int, answers: Any, ignored: list[int]) -> int:
    """Pass signals on to the copy until it ends; return how it ended, as :mod:`os` has it."""

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(copy, number)

    for number in SIGNALS:
        if number not in ignored:
            signal.signal(number, pass_on)
    return int(answers.readline() or signal.SIGKILL)  # nothing: the asked process was killed


def _end_as(status: int) -> NoReturn:
    """End this process as another one ended."""
    if os.WIFSIGNALED(status):
        with suppress(OSError):  # no handler can be chosen for SIGKILL
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


# In the process that is asked, and in its copies.


def serve(listener: socket.socket) -> None:
    """Import the libraries, then make a copy for everyone who asks, until stdin closes."""
    for name in LIBRARIES:
        importlib.import_module(name)
    # The threads that Python sees are NumPy's, which wait, and which NumPy starts anew in a copy.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            _answer(connection, listener)


def _answer(connection: socket.socket, listener: socket.socket) -> None:
    request, streams = _receive(connection)
    agrees = _at_import(request["environment"]) == _at_import(os.environ)
    copy = os.fork() if agrees else None
    if copy == 0:
        listener.close()
        try:
            _become(request, streams, connection)
        except Exception:  # else whoever made the copy would take it for its own
            traceback.print_exc()
            sys.exit(1)
    for stream in streams:
        os.close(stream)
    with suppress(ConnectionError):  # who asked has gone: its copy notices
        connection.sendall(f"{copy or 0}\n".encode())
    if copy:
        _, status = os.waitpid(copy, 0)
        connection.sendall(f"{status}\n".encode())


def _become(request: dict[str, Any], streams: list[int], connection: socket.socket) -> NoReturn:
    """Run what was asked for, in this copy, and end."""
    for number, stream in zip(STREAMS, streams, strict=True):
        os.dup2(stream, number)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number in request["ignored"] else signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    del os.environ[ADDRESS]
    threading.Thread(target=_end_with, args=[connection], daemon=True).start()
    sys.path[0] = request["folder"]
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    sys.exit()


def _end_with(connection: socket.socket) -> None:
    """Ask this process to end, as SIGTERM does, when the one that asked for it has gone."""
    with suppress(ConnectionError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(READ_AT_IMPORT)}


def _send(connection: socket.socket, request: dict[str, Any], streams: tuple[int, ...]) -> None:
    socket.send_fds(connection, [b"\n"], list(streams))
    connection.sendall(json.dumps(request).encode() + b"\n")


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    _, streams, _, _ = socket.recv_fds(connection, 1, len(STREAMS))
    return json.loads(connection.makefile().readline()), list(streams)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
