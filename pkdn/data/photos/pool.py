"""Work on many items with all cores, in order, with a bounded number of them in memory."""

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pkdn.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 8
"""Items that one process takes at once: spreads the cost of handing them over."""
CHUNKS_PER_WORKER = 4
"""Chunks in work or waiting, in two halves: what bounds the memory."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux says how many microseconds of the processor a container may have, of how many."""


def num_cores() -> int:
    """Return the number of cores that this process may use: at most ``OMP_NUM_THREADS``, if set."""
    cores = min(num_seen(), _quota())
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return max(1, min(cores, int(limit))) if limit.isdecimal() else cores


def num_seen() -> int:
    """Return the number of cores that this process sees, of which it may have the time of fewer."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _quota() -> int:
    """Return of how many cores a container has the time, such as by ``docker run --cpus 2``."""
    found = ""
    with suppress(OSError):
        found = QUOTA.read_text(encoding="ascii")
    numbers = [int(word) for word in found.split() if word.isdecimal()]
    return max(1, math.ceil(numbers[0] / numbers[1])) if len(numbers) == 2 else sys.maxsize


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, num_workers: int | None = None
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in the order of the items.

    Args:
        function: Importable by its name, as other processes call it; its exceptions are raised
            here.
        items: Taken as needed.
        num_workers: Processes; by default one per core. With 1 the work is done right here.
    """
    workers = num_workers or num_cores()
    if workers == 1:
        yield from map(function, items)
        return
    items = iter(items)
    size = workers * CHUNK * CHUNKS_PER_WORKER // 2
    # spawn: a fork would copy the locks that threads of this process hold at that moment
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_follow_parent
    )
    results: Iterator[Result] = iter(())
    try:
        while window := list(islice(items, size)):
            upcoming = executor.map(function, window, chunksize=CHUNK)  # begins at once
            yield from results
            results = upcoming
        yield from results
    except BrokenProcessPool:
        raise UserError(
            f"expected {workers} processes to stay, got one that was killed, most likely for want "
            "of memory: set OMP_NUM_THREADS to fewer processes, and run the same command again"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
