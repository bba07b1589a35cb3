"""The frame around every command and stage: one clear line for a user's or a machine's fault."""

import signal
import sys
from collections.abc import Callable
from typing import Any

from pkdn import shortages
from pkdn.errors import UserError

PROGRAMS = ("stages.", "pkdn.")


def _at_interrupt(handler: Any) -> None:
    """Choose what SIGINT does, where this process runs a program of this project."""
    running = getattr(sys.modules["__main__"], "__spec__", None)
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # a shell's background job
    if running and running.name.startswith(PROGRAMS) and not ignored:
        signal.signal(signal.SIGINT, handler)


# During imports, and at the very end, nothing can be lost: the process just ends.
_at_interrupt(signal.SIG_DFL)


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a mistake or a shortage becomes one line on stderr and exit status 1."""
    _at_interrupt(signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = str(error) if isinstance(error, UserError) else shortages.line(error)
        if message is None:
            raise
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        sys.exit(1)
    finally:
        _at_interrupt(signal.SIG_DFL)
