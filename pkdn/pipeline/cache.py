"""Where DVC's cache is, as DVC says.

Its settings lie in files of the repository, the user and the machine.
"""

import subprocess
import sys
from pathlib import Path

from pkdn.errors import UserError


def cache_folder(workspace: Path = Path()) -> Path:
    """Return where DVC's cache of a workspace is.

    Raises:
        UserError: DVC does not say.
    """
    ask = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(ask, cwd=workspace, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise UserError(
            f"expected DVC to name its cache, got {said[-1] if said else 'nothing'}: mend what it "
            "says, in .dvc/config (`git checkout -- .dvc` takes it back) or where "
            "`dvc config --list --show-origin` finds it"
        )
    return (workspace / done.stdout.strip()).resolve()
