"""The frame around every command and stage: one clear line for a user's or a machine's fault."""

import sys
from collections.abc import Callable

from pkdn import shortages
from pkdn.errors import UserError


def run(main: Callable[[], None]) -> None:
    """Call ``main``; a mistake or a shortage becomes one line on stderr and exit status 1."""
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
