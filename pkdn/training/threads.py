"""Work side by side with results that do not depend on how many threads there are."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 8
"""Items in work: what bounds the memory on machines with many cores."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def one_thread_each(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in their order; on processors several at a time.

    Several threads within one operation add up in another order than one does, and a label or a
    score moves with the machine's load. Here an item has one thread, and PyTorch's number of
    threads, at most :data:`MOST_AT_ONCE`, is how many items are in work.

    Args:
        function: called from other threads; its exceptions are raised here.
        items: taken as needed, in the caller's thread.
        device: where ``function`` computes; on a GPU it is called right here.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield from map(function, items)
        return
    workers = min(threads, MOST_AT_ONCE)
    executor = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from _in_order(executor, function, items, workers)
    finally:
        executor.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # MKL's is one for the whole process


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in their order; a thread is some items ahead.

    Args:
        function: called from another thread; its exceptions are raised here.
        items: taken as needed, in the caller's thread.
        count: by how many items at most.
    """
    executor = ThreadPoolExecutor(1)
    try:
        yield from _in_order(executor, function, items, count)
    finally:
        executor.shutdown(cancel_futures=True)


def _in_order(
    executor: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    most_waiting: int,
) -> Iterator[Result]:
    """Yield results in the order of the items, of which a bounded number is in work or waits."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(executor.submit(function, item))
        if len(waiting) > most_waiting:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
