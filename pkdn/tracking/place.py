"""Where MLflow's store is, and where the project's own one keeps the files of runs.

That one holds no path of this machine: MLflow's server finds the files in the folder that is called
``mlartifacts`` where it was started, so that database and files can be moved together.
"""

import os
import re
from pathlib import Path

from pkdn.errors import UserError
from pkdn.files import copy
from pkdn.provenance import main_repository

SERVED = "mlflow-artifacts:/"
"""How the address of files begins that MLflow's server finds in its own folder."""
SQLITE = "sqlite:///"
"""How the address of a database begins, before its path."""
ODD = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""What ends a path in an address, or stands for another letter."""


def store() -> str:
    """Return the tracking URI: ``MLFLOW_TRACKING_URI``, or a database in the main repository.

    A relative path is one from there: the workspace of an experiment of DVC is deleted.

    Raises:
        UserError: the repository's path means something else in such an address.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    if not uri.startswith(SQLITE):
        return uri
    root, path = main_repository(), Path(uri.removeprefix(SQLITE))
    if not path.is_absolute() and (odd := ODD.search(str(root))):
        raise UserError(
            f"expected a folder for MLflow's database without {odd[0]} in its name, got {root}: "
            "rename it, or name a server by MLFLOW_TRACKING_URI"
        )
    return f"{SQLITE}{root / path}"


def artifact_location() -> str | None:
    """Return where the files of a new experiment go; None where the store knows best."""
    uri = store()
    if not uri.startswith("sqlite:"):
        return None
    if Path(uri.removeprefix(SQLITE)) == main_repository() / "mlflow.db":
        return SERVED
    return _artifacts().as_uri()


def is_mine(address: str) -> bool:
    """Return whether files of this address are to be put into the project's own folder."""
    return address.startswith(SERVED) and store().startswith("sqlite:")


def put(path: Path, address: str) -> None:
    """Copy a file, or a folder with all that is in it, into the project's own folder.

    Args:
        path: of it.
        address: of the run's files; see :func:`is_mine`.
    """
    copy(path, _artifacts() / address.removeprefix(SERVED).lstrip("/") / path.name)


def _artifacts() -> Path:
    return main_repository() / "mlartifacts"
