"""The SQLite database of an MLflow store: it appears whole or not at all, and is known when broken.

MLflow makes a new one by sixty migrations, and one that was interrupted is broken for good.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from pkdn.errors import UserError
from pkdn.files import UNFINISHED, atomic_file
from pkdn.provenance import main_repository

LOCK = "mlflow.lock"
JOURNALS = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database; beside another one of the same name they would break it."""
BUSY_SECONDS = 20
# What SQLite calls a file that is damaged, no database, or lacks a table.
BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")


def ensure(file: Path, version: str, make: Callable[[Path], None]) -> str | None:
    """Make the database where it is missing, and where the project's own one is broken.

    Args:
        file: the database.
        version: of the schema that MLflow wants.
        make: makes a database at the path that it is given.

    Returns:
        What a user has to know of a broken one that was put aside, or None.

    Raises:
        UserError: it is no file, cannot be made, opened or written, or is broken and not the
            project's.
    """
    try:
        folder = main_repository() / ".pkdn"
        folder.mkdir(exist_ok=True)
        with FileLock(folder / LOCK):
            reason = fault(file, version) if file.exists() else None
            notice = _replace(file, reason) if reason else None
            if not file.exists():
                _make(file, make)
        return notice
    except OSError as error:
        raise UserError(
            f"expected to make MLflow's database {file}, got {error}; let its folder be written, "
            "and make room on the disk"
        ) from error


def _make(file: Path, make: Callable[[Path], None]) -> None:
    put_aside(file)  # journals of one that was deleted
    for left in file.parent.glob(f".{file.name}.*{UNFINISHED}*"):
        left.unlink(missing_ok=True)
    with atomic_file(file) as temporary:
        temporary.touch()  # MLflow tries for minutes where it may not
        make(temporary)


def fault(file: Path, version: str) -> str | None:
    """Return what is wrong with a database, None where nothing is.

    One of another version is not wrong as long as there are runs in it: MLflow can migrate it.

    Raises:
        UserError: it is no file, or cannot be opened or written.
    """
    if not file.is_file() or not os.access(file, os.R_OK | os.W_OK):
        state = "one that may not be written" if file.is_file() else "a folder or a device"
        raise UserError(
            f"expected MLflow's database in {file}, got {state}; change that, or move it away"
        )
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", BUSY_SECONDS, uri=True)
        ) as connection:
            return _fault(connection, version)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(BROKEN):
            return str(error)
        raise UserError(
            f"expected to open MLflow's database {file}, got {error}; try again when nothing "
            "else uses it and there is room on the disk"
        ) from error


def _fault(connection: sqlite3.Connection, version: str) -> str | None:
    (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        return str(state)
    versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if versions == [(version,)] or connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone():
        return None
    return "it was never finished"


def _replace(file: Path, reason: str) -> str:
    if file != main_repository() / "mlflow.db":
        raise UserError(
            f"expected MLflow's database in {file}, got a broken one ({reason}); move it away, "
            "and run `python -m pkdn sync` for a new one"
        )
    aside = put_aside(file)
    return (
        f"MLflow's database was broken ({reason}): it lies in {aside} now; "
        "`python -m pkdn sync` sends the recorded runs to a new one, and then `dvc repro --force "
        "--single-item report` takes their new addresses into the report"
    )


def put_aside(file: Path) -> Path:
    """Give a database and its journals another name, and return that."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = file.with_name(f"{file.name}.broken-{stamp}")
    for suffix in ("", *JOURNALS):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
