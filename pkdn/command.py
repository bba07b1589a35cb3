"""The frame around every command and stage: one clear line for a user's mistake."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pkdn.errors import UserError

if TYPE_CHECKING:
    import psutil

SECONDS_BETWEEN_LOOKS = 1.0
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "busybox")
"""Between DVC and a stage there is one of them, if it does not give way to the stage."""


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a :class:`UserError` becomes one line on stderr and exit status 1.

    A stage, which DVC started, ends with DVC: what it makes would be noted by nobody.
    """
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_end_with_starter, daemon=True).start()
    try:
        main()
    except UserError as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _end_with_starter() -> None:
    """Ask this process to end, as SIGTERM does, when the one that started it has gone.

    It looks, once a second, rather than have the kernel tell, since that is the same everywhere.
    A starter that has gone before the first look is known by its group: DVC starts stages in its
    own, and whoever adopts orphans has another.
    """
    import psutil

    with suppress(psutil.NoSuchProcess):  # gone between two lines
        above = [psutil.Process(os.getppid())]
        while above[-1].name() in SHELLS and (next_one := above[-1].parent()):
            above.append(next_one)
        while _is_descended_from(above):
            time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_descended_from(above: "Sequence[psutil.Process]") -> bool:
    """Return whether the first is this process's parent, the second its parent…, all of a group."""
    parents = [os.getppid(), *(process.ppid() for process in above[:-1])]
    same = parents == [process.pid for process in above]
    return same and os.getpgid(parents[-1]) == os.getpgrp()
