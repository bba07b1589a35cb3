"""Memory that is freed stays with the process: the next step takes it again."""

import ctypes
import sys
from typing import NamedTuple

# As in glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_MMAP_MAX = -4


class Habit(NamedTuple):
    """What glibc does with memory.

    Attributes:
        most_maps: pieces that it may take from the system, and give back, by themselves.
        least_map: the size in bytes of the smallest of these.
        most_free: bytes at the end of the others that may be free before they are given back.
    """

    most_maps: int
    least_map: int
    most_free: int


KEEPING = Habit(0, 32 << 20, -1)
"""Nothing goes back to the system before the process ends."""
USUAL = Habit(65_536, 32 << 20, 64 << 20)
"""glibc's own, as large as it makes the sizes by itself in a process that uses large tensors."""


def follow(habit: Habit) -> None:
    """Let the C library do so from now on; under another habit than KEEPING what is free goes back.

    By itself glibc maps a tensor of more than 32 MiB anew each time, and the system fills it with
    zeros page by page, which took up to 38% of a training step (docs/performance.md). Results are
    the same. Where the C library is another one than glibc, nothing changes.
    """
    if sys.platform != "linux" or not hasattr(library := ctypes.CDLL(None), "mallopt"):
        return
    if habit != KEEPING:
        library.malloc_trim(0)
    library.mallopt(M_MMAP_MAX, habit.most_maps)
    library.mallopt(M_MMAP_THRESHOLD, habit.least_map)
    library.mallopt(M_TRIM_THRESHOLD, habit.most_free)
