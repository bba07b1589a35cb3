"""The frame around every command and stage: one clear line for a user's mistake."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pkdn.errors import UserError

SECONDS_BETWEEN_LOOKS = 1.0


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a :class:`UserError` becomes one line on stderr and exit status 1.

    A stage, which DVC started, ends with DVC: what it makes would be noted by nobody.
    """
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    try:
        main()
    except UserError as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _end_with(parent: int) -> None:
    """Ask this process to end, as SIGTERM does, when the one that started it has gone.

    It looks, once a second, rather than have the kernel tell, since that is the same everywhere.
    A parent that has gone before the first look is known by its group: DVC starts stages in its
    own, and whoever adopts orphans has another.
    """
    with suppress(ProcessLookupError):  # it has just gone
        while os.getppid() == parent and os.getpgid(parent) == os.getpgrp():
            time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
