"""Which process a run in MLflow belongs to, and whether that is still there."""

import platform

import psutil

OWNER_TAG = "pkdn.process"
"""The tag of a run that names it."""
SAME_START_SECONDS = 5.0
"""A process that started this much later under the same number is another one."""


def owner(number: int | None = None) -> str:
    """Return a process's machine, number and start, in seconds since 1970; of this one by default.

    Raises:
        psutil.NoSuchProcess: it is gone.
    """
    process = psutil.Process(number)
    return f"{platform.node()} {process.pid} {process.create_time():.0f}"


def is_alive(name: str) -> bool:
    """Return whether a process of :func:`owner` runs on this machine."""
    return _is_here(name) and _runs(name)


def is_gone(name: str) -> bool:
    """Return whether a process of :func:`owner` ran on this machine and does not any more."""
    return _is_here(name) and not _runs(name)


def _is_here(name: str) -> bool:
    return name.rsplit(" ", 2)[0] == platform.node()


def _runs(name: str) -> bool:
    _, number, start = name.rsplit(" ", 2)
    try:
        process = psutil.Process(int(number))
        is_same = abs(process.create_time() - float(start)) < SAME_START_SECONDS
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
