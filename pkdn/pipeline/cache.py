"""Where DVC's cache is, as DVC says.

Its settings lie in files of the repository, the user and the machine.
"""

import subprocess
import sys
from pathlib import Path

from pkdn.errors import UserError

LONGEST_REASON = 200
"""Characters of what DVC says."""


def cache_folder(workspace: Path = Path()) -> Path:
    """Return where DVC's cache of a workspace is.

    Raises:
        UserError: DVC does not say.
    """
    ask = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(ask, cwd=workspace, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        said = " ".join(done.stderr.split())[-LONGEST_REASON:]
        raise UserError(
            f"expected DVC to name its cache, got {said or 'nothing'}: run `dvc status`"
        )
    return (workspace / done.stdout.strip()).resolve()
