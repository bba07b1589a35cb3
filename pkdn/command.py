"""The frame around every command and stage: one clear line for a user's or a machine's fault."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pkdn import closure, preloaded, shortages
from pkdn.errors import UserError

if TYPE_CHECKING:
    import psutil

PROGRAMS = ("stages.", "pkdn.")
STAGE = "DVC_STAGE"
"""Variable: the stage that DVC started this process for."""
MAY_RUN = "PKDN_MAY_RUN"
"""Variable: the stages, with spaces between them, that run here; others have run elsewhere, and are
to be found in DVC's cache."""
SECONDS_BETWEEN_LOOKS = 1.0
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "busybox")
"""Between DVC and a stage there is one of them, if it does not give way to the stage."""


def _at_interrupt(handler: Any) -> None:
    """Choose what SIGINT does, where this process runs a program of this project."""
    running = getattr(sys.modules["__main__"], "__spec__", None)
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # a shell's background job
    if running and running.name.startswith(PROGRAMS) and not ignored:
        signal.signal(signal.SIGINT, handler)


# During imports, and at the very end, nothing can be lost: the process just ends.
_at_interrupt(signal.SIG_DFL)


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a mistake or a shortage becomes one line on stderr and exit status 1.

    A stage, which DVC started, ends with DVC: what it makes would be noted by nobody.
    """
    if STAGE in os.environ:
        threading.Thread(target=_end_with_starter, daemon=True).start()
    _at_interrupt(signal.default_int_handler)
    try:
        _check_place()
        main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = _told(error)
        if message is None:
            raise
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        sys.exit(1)
    finally:
        _at_interrupt(signal.SIG_DFL)


def _told(error: Exception) -> str | None:
    """Return what to say of an error; None for one that nobody expects."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "").partition(".")[0]
        if missing and missing not in closure.PACKAGES:
            return (
                f"expected the package {missing} in the environment of {sys.executable}, found "
                "none: activate the project's environment, `source .venv/bin/activate`, which "
                "`make .venv/.ready` makes, or install the package there"
            )
    return shortages.line(error)


def _check_place() -> None:
    """Refuse to run a stage here that has run elsewhere.

    Raises:
        UserError: DVC has not found in its cache what this stage made.
    """
    stage, here = os.environ.get(STAGE), os.environ.get(MAY_RUN)
    if stage and here is not None and stage not in here.split():
        raise UserError(
            f"{stage}: expected in DVC's cache what it has made elsewhere, found nothing; run "
            "`python -m pkdn repro` again, and look that all nodes see the same cache"
        )


def _end_with_starter() -> None:
    """Ask this process to end, as SIGTERM does, when the one that started it has gone.

    It looks, once a second, rather than have the kernel tell, since that is the same everywhere.
    A starter that has gone before the first look is known by its group: DVC starts stages in its
    own, and whoever adopts orphans has another.
    """
    import psutil

    with suppress(psutil.NoSuchProcess, ProcessLookupError):  # gone between two lines
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


# What follows in a stage's script are the imports that take long.
if STAGE in os.environ:
    preloaded.hand_over(meanwhile=_end_with_starter)
closure.note_start()
