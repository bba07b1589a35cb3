"""Git's HEAD, and the files that hold the state of DVC and MLflow."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from pkdn.doctor.finding import Finding
from pkdn.pipeline.presence import at_work
from pkdn.tracking import place
from pkdn.tracking.database import BROKEN, put_aside
from pkdn.tracking.owner import OWNER_TAG, is_gone

EXPERIMENT = "refs/exps/exec/"
"""DVC's marks of the experiment that runs in the workspace."""
LEFT = (f"{EXPERIMENT}EXEC_APPLY", f"{EXPERIMENT}EXEC_HEAD")
"""What ``dvc exp apply`` and an experiment that has ended leave there, which holds nothing."""
STORE = "mlflow.db"
FILES = "mlartifacts"
ANEW = (
    "`python -m pkdn sync` sends all runs anew, and `dvc repro --force --single-item report` takes "
    "their new addresses into the report"
)
TABLES = {"alembic_version", "experiments", "runs", "metrics"}


def head(folder: Path) -> Iterator[Finding]:
    """Check that git is on a branch, where a killed experiment may have taken it away."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        yield Finding("git knows no commit here", "run this in a clone of the repository")
        return
    marks = _git(folder, "for-each-ref", "--format=%(refname)", EXPERIMENT).split()
    branch = _branch_before(folder)
    is_there = bool(branch) and _git(folder, "rev-parse", branch) == commit
    marks = [mark for mark in marks if mark not in LEFT or (is_there and mark != LEFT[0])]
    if _git(folder, "branch", "--show-current") or not marks:
        yield Finding(f"git is at {commit[:10]}, and no experiment holds it")
        return
    # Folders of `git worktree add` share the marks, which may be those of an experiment elsewhere.
    own, common = (_git(folder, "rev-parse", f"--git-{kind}dir") for kind in ("", "common-"))
    shares = (folder / own).resolve() != (folder / common).resolve()
    safe = is_there and not shares and not at_work(folder)
    yield Finding(
        f"HEAD is detached at {commit[:10]} by an experiment that was killed; params.yaml may have "
        "its values",
        f"run `git {f'symbolic-ref HEAD refs/heads/{branch}' if is_there else 'checkout BRANCH'}`, "
        "then look at `git diff`",
        partial(_back, folder, branch, marks) if safe else None,
    )


def _branch_before(folder: Path) -> str:
    """Return the branch from which git was taken last; empty if it is not known."""
    for line in _git(folder, "reflog", "--format=%gs").splitlines():
        if found := re.fullmatch(r"checkout: moving from (\S+) to [0-9a-f]{40}", line):
            known = _git(folder, "branch", "--list", "--format=%(refname:short)", found[1])
            return found[1] if known else ""
    return ""


def _back(folder: Path, branch: str, marks: list[str]) -> None:
    """Point HEAD at the branch, which is at the same commit, and take DVC's marks away."""
    _git(folder, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    for mark in marks:
        _git(folder, "update-ref", "--no-deref", "-d", mark)


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def store(folder: Path) -> Iterator[Finding]:
    """Check MLflow's database, unless the runs go to another store."""
    file = folder / STORE
    if not _is_in_use(file):
        return
    try:
        problem = _problem(file)
    except sqlite3.OperationalError as error:  # as where another user's may not be opened
        yield Finding(f"{STORE} cannot be looked at: {error}", "let it be read and written")
        return
    if problem:
        yield Finding(
            f"{STORE} is broken: {problem}",
            f"move it to {STORE}.broken; then {ANEW}",
            None if at_work(folder) else partial(put_aside, file),
        )
    elif _lacks_files(folder):
        yield Finding(
            f"{FILES}, which has the files of the runs in {STORE}, is gone",
            f"bring it back, or else move {STORE} away; then {ANEW}",
        )
    else:
        yield Finding(f"{STORE} is whole")


def runs(folder: Path) -> Iterator[Finding]:
    """Check that no run of MLflow's waits for a process that is gone."""
    file = folder / STORE
    if not _is_in_use(file):
        return
    asked = "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE status = 'RUNNING' AND key = ?"
    try:
        with closing(_opened(file, "ro")) as database:
            owners = [name for (name,) in database.execute(asked, (OWNER_TAG,))]
    except sqlite3.DatabaseError:  # broken, of which `store` tells, or being written
        return
    if lost := [name for name in owners if is_gone(name)]:
        yield Finding(
            f"{len(lost)} runs in MLflow are called running, and their processes are gone",
            "`python -m pkdn sync` closes them",
            partial(subprocess.run, [sys.executable, "-m", "pkdn", "sync"], cwd=folder, check=True),
        )


def _lacks_files(folder: Path) -> bool:
    """Return whether there are runs whose files belong into a folder that is not there."""
    asked = f"SELECT 1 FROM runs WHERE artifact_uri LIKE '{place.SERVED}%'"
    if (folder / FILES).exists():
        return False
    try:
        with closing(_opened(folder / STORE, "ro")) as database:
            return database.execute(asked).fetchone() is not None
    except sqlite3.DatabaseError:  # being written
        return False


def _opened(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True)


def _is_in_use(database: Path) -> bool:
    """Return whether a database is there, and is the one that runs go to."""
    here = database.parent.resolve() / database.name  # which may be a link to another disk
    return database.exists() and place.store() == f"{place.SQLITE}{here}"


def _problem(file: Path) -> str:
    """Return what is wrong with a database; empty: nothing.

    What was killed while it wrote has left a journal, which is played back by whoever may write.

    Raises:
        sqlite3.OperationalError: it cannot be looked at.
    """
    try:
        with closing(_opened(file, "rw")) as database:
            (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            missing = TABLES - {name for (name,) in names}
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(BROKEN):
            return str(error)
        if "locked" in str(error):
            return ""
        raise
    if missing:
        return f"it lacks the tables {', '.join(sorted(missing))}: its making was cut short"
    return "" if answer == "ok" else str(answer).strip()
