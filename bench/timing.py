"""Two ways of doing the same, timed in turns, so that a busy machine slows both."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from pkdn.training import memory, precision

LEAST_ROUNDS = 5
MOST_ROUNDS = 50
TIMES_ON_A_GPU = 10
"""In a round, where the time allows it: as in a training, the processor gives a GPU work ahead."""
FIRST_ON_A_GPU = 3
"""Times that do not count: a CUDA graph is recorded at the second."""


class Pair(NamedTuple):
    """How long two ways take.

    Attributes:
        ours: seconds, the median.
        plain: seconds of the other way, the median.
        ratio: plain / ours, the median over the rounds.
        low: the lowest quarter of the rounds' ratios ends here.
        high: the highest quarter begins here.
        rounds: how many there were.
    """

    ours: float
    plain: float
    ratio: float
    low: float
    high: float
    rounds: int


def in_a_round() -> int:
    """Return how often short work that a GPU may do is done in a round."""
    return TIMES_ON_A_GPU if torch.cuda.is_available() else 1


def once(work: Callable[[], object], times: int = 1) -> float:
    """Return the seconds that a piece of work takes, with what it left to a GPU: a mean of some."""
    _synchronize()
    start = time.perf_counter()
    for _ in range(times):
        work()
    _synchronize()
    return (time.perf_counter() - start) / times


def in_turns(ours: Callable[[], object], plain: Callable[[], object], seconds: float) -> Pair:
    """Time both, one after the other, for about so many seconds, at least five rounds.

    The plain way is as a usual script: on processors it gives freed memory back to the system, on
    GPUs it has PyTorch's own choice of algorithms and formats.
    """

    def as_usual() -> None:
        with precision.usual():
            plain()

    longest = 0.0
    for work in (ours, as_usual):
        for _ in range(FIRST_ON_A_GPU if torch.cuda.is_available() else 1):
            last = once(work)  # compiles, chooses algorithms, fills caches
        longest += last
    times = min(in_a_round(), max(1, int(seconds / LEAST_ROUNDS / longest)))
    rounds = list[tuple[float, float]]()
    began = time.perf_counter()
    while len(rounds) < LEAST_ROUNDS or (
        time.perf_counter() - began < seconds and len(rounds) < MOST_ROUNDS
    ):
        rounds.append((_with(memory.KEEPING, ours, times), _with(memory.USUAL, as_usual, times)))
    memory.follow(memory.KEEPING)
    ratios = [plain_time / own_time for own_time, plain_time in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    own, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Pair(own, other, middle, low, high, len(rounds))


def _with(habit: memory.Habit, work: Callable[[], object], times: int) -> float:
    """Time work in the second of two turns, whose first takes from the system what both need."""
    if not torch.cuda.is_available():
        memory.follow(habit)
        work()
    return once(work, times)


def alone(work: Callable[[], object], seconds: float, times: int = 1) -> float:
    """Return the median of what a piece of work takes, in seconds, done some times in a round."""
    work()
    taken, began = [once(work, times)], time.perf_counter()
    while len(taken) < LEAST_ROUNDS or time.perf_counter() - began < seconds:
        taken.append(once(work, times))
    return statistics.median(taken)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
