"""Memory that is freed stays with the process: the next step takes it again."""

import ctypes
import sys

# As in glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
NEVER = -1


def keep_freed() -> None:
    """Let the C library give no memory back to the system before the process ends.

    glibc maps a tensor of more than 32 MiB anew each time, and the system fills it with zeros page
    by page, which took up to a third of a training step (docs/performance.md). Results are the
    same. Where the C library is another one than glibc, nothing changes.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(M_MMAP_MAX, 0)
        set_option(M_TRIM_THRESHOLD, NEVER)
