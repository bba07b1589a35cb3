"""A process that runs stages by DVC, one after another, for ``python -m pkdn repro``.

What DVC 3.67 does at a signal while a stage runs: it ignores SIGINT and waits for the stage, which
in a terminal gets it too; SIGTERM and SIGHUP end DVC at once, and the stage runs on, its result
unknown to DVC; so does SIGKILL, after which the next DVC deletes the stage's outputs and runs it
beside the orphan. Here, a signal to this process is passed on to the stage as SIGTERM, and DVC
notes what came of it before it ends. Each worker has a session of its own, so that no signal from
a terminal reaches a stage twice. When this process is killed, its stage notices and saves
(:mod:`pkdn.command`); when ``repro`` is killed, this process brings its stage to the end.
"""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from graphlib import TopologicalSorter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from pkdn import preloaded
from pkdn.command import MAY_RUN, SHELLS
from pkdn.pipeline import devices
from pkdn.pipeline.explain import causes, explain
from pkdn.pipeline.tasks import Outcome, Task, Waiting
from pkdn.progress import NOTE_VARIABLE
from pkdn.provenance import VISIBLE_GPUS

SECONDS_BETWEEN_TRIES = 0.5
SECONDS_BETWEEN_LOOKS = 0.1


def main() -> None:
    """Take tasks from the connection whose file descriptor is the argument, until it closes."""
    connection = Connection(int(sys.argv[1]))
    own_folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own_folder, os.environ.get("PATH", os.defpath)])
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: stop.set())
    threading.Thread(target=_end_stages, args=[stop], daemon=True).start()
    beside = None
    with connection, ExitStack() as at_end, suppress(EOFError, BrokenPipeError):
        while True:
            task = connection.recv()
            computes = devices.is_one_of(task.stage, devices.COMPUTING)
            if beside is None and computes and may_copy(task):
                with suppress(OSError):  # a socket's path has a hundred letters at most
                    beside = at_end.enter_context(preloaded.Preloaded())
            connection.send(_answer(task, stop, connection))


def may_copy(task: Task) -> bool:
    """Return whether a stage may start as a copy: not with a GPU, which SLURM's jobs name alone.

    CUDA does not survive a copy, and where GPUs train, a start does not count.
    """
    return task.device is None and not devices.named() and preloaded.is_possible()


def _end_stages(stop: threading.Event) -> None:
    """Once asked to stop, end what this process has started, and what it may start still."""
    stop.wait()
    told = set[int]()
    while True:
        with suppress(psutil.NoSuchProcess):
            for stage in _stages(psutil.Process()):
                if stage.pid not in told:
                    told.add(stage.pid)
                    stage.terminate()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _stages(parent: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the stages a process has started; for a shell that waits, what that has started."""
    for child in parent.children():
        if child.status() == psutil.STATUS_ZOMBIE or preloaded.__name__ in child.cmdline():
            continue
        of_shell = [*_stages(child)] if child.name() in SHELLS else []
        yield from of_shell or [child]


def _answer(task: Task, stop: threading.Event, connection: Connection) -> Outcome:
    """Do a task, again while another process holds a lock; any error becomes one line."""
    while not stop.is_set():
        try:
            with _output_to(task):
                return Outcome(True, value=_do(task))
        except Exception as error:  # DVC passes on whatever it meets
            if not any(type(one).__name__ == "LockError" for one in causes(error)):
                return Outcome(False, explain(error), traceback.format_exc())
            with suppress(BrokenPipeError):
                connection.send(Waiting(str([*causes(error)][-1])))
        time.sleep(SECONDS_BETWEEN_TRIES)
    return Outcome(False, "it was asked to end")


def _do(task: Task) -> dict[str, set[str]] | None:
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)  # its import has set another
    with Repo(_wait_for_lock=True) as repo:
        if not task.stage:
            if task.pulls:
                _pull(repo)
            return _outdated(repo)
        os.environ[NOTE_VARIABLE] = str(task.note.resolve())
        if task.device is not None:
            os.environ[VISIBLE_GPUS] = task.device
        if task.may_run is not None:
            os.environ[MAY_RUN] = task.may_run
        repo.reproduce(task.stage, single_item=True, pull=task.pulls)
    return None


def _pull(repo: Any) -> None:
    """Take what the remote has: of stages also over what one that was ended has left.

    A stage deletes that itself. What users have added to DVC by hand is not written over.
    """
    from dvc.stage import PipelineStage

    stages = list(repo.index.stages)
    for of_pipeline in (True, False):
        targets = [
            one.addressing for one in stages if isinstance(one, PipelineStage) == of_pipeline
        ]
        if targets:
            repo.pull(targets=targets, run_cache=True, allow_missing=True, force=of_pipeline)


def _outdated(repo: Any) -> dict[str, set[str]]:
    """Return the stages that have to run, or may have to, with those of them each waits for."""
    graph = repo.index.graph  # from a stage to what it depends on
    names = {stage: stage.addressing for stage in graph}
    needs = {names[stage]: {names[one] for one in graph.successors(stage)} for stage in graph}
    found = set(repo.status())
    in_file = [names[stage] for stage in repo.index.stages]  # has long chains of stages first
    for name in TopologicalSorter(needs).static_order():
        if needs[name] & found:
            found.add(name)
    return {name: needs[name] & found for name in in_file if name in found}


@contextmanager
def _output_to(task: Task) -> Iterator[None]:
    """Write what this process and its stage print to the task's log."""
    kept = {number: os.dup(number) for number in (1, 2)}
    with task.log.open("a", encoding="utf-8") as log:
        for number in (2,) if task.shows_output else (1, 2):
            os.dup2(log.fileno(), number)
        try:
            yield
        finally:
            for number, before in kept.items():
                os.dup2(before, number)
                os.close(before)


if __name__ == "__main__":
    main()
