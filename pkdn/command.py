"""The frame around every command and stage: one clear line for a user's mistake."""

import sys
from collections.abc import Callable

from pkdn.errors import UserError


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a :class:`UserError` becomes one line on stderr and exit status 1."""
    try:
        main()
    except UserError as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
