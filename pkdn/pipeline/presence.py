"""Who works in this folder already, and what those left behind who were killed."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pkdn import preloaded
from pkdn.files import HOST, UNFINISHED, writer
from pkdn.runs import DOWNLOADS, PLACES, PLAN, REPORT

WORKER = "pkdn.pipeline.worker"
REPRO = "`python -m pkdn repro`"
"""What a process is called that runs the pipeline, or waits until it may."""
REPRO_LOCK = Path(".pkdn/repro.lock")
RWLOCK = Path(".dvc/tmp/rwlock")
"""Where DVC notes which process reads or writes which path."""
MADE_IN = (*PLACES, DOWNLOADS, REPORT, Path(".pkdn/training"))
"""Folders in which stages write; beside them in ``data`` may be a user's own."""
DVC_WRITES = ("repro", "run", "apply", "commit", "checkout", "pull", "add")
"""DVC's commands that write into the workspace."""
SECONDS_OF_DOUBT = 2.0
"""By how much clocks of processes and of files may differ."""
SECONDS_OF_OTHERS = 24 * 3600.0
"""How long a job on another machine may write one file."""


class Process(NamedTuple):
    """A process that works here.

    Attributes:
        pid: its number.
        what: what it does, such as ``stages.train student@helen-full-0``.
    """

    pid: int
    what: str


def at_work(folder: Path) -> list[Process]:
    """Return the processes that run stages in a folder, or DVC for them; not this one."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        role = _role(process.info["cmdline"] or [])
        if role and process.info["cwd"] == str(folder.resolve()) and process.pid != os.getpid():
            found.append(Process(process.pid, role))
    return found


def _role(command: Sequence[str]) -> str:
    """Return what a command line says a process does for the pipeline; empty: nothing."""
    words = list(command)
    if "-m" in words[:3]:
        words = words[words.index("-m") + 1 :]
    elif len(words) > 1 and Path(words[1]).name == "dvc":
        words = ["dvc", *words[2:]]
    name, *rest = words or [""]
    if name.startswith("stages."):
        return " ".join([name, *rest])
    if name in (WORKER, preloaded.__name__):
        return f"DVC, for {REPRO}"
    if name == "pkdn" and rest[:1] == ["repro"]:
        return REPRO
    return f"`dvc {' '.join(rest)}`" if name == "dvc" and {*rest[:3]} & {*DVC_WRITES} else ""


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield unfinished files and folders whose writers are gone."""
    found = [path for place in MADE_IN for path in (folder / place).rglob(f".*{UNFINISHED}")]
    found += (folder / PLAN.parent).glob(f".*{UNFINISHED}")  # beside the folders themselves
    for path in sorted(found):
        if not _is_being_written(path):
            yield path


def _is_being_written(path: Path) -> bool:
    """Return whether the process in the name of an unfinished file lives, and made it.

    Of another machine's process that is not known: it is taken to live for a day.
    """
    import psutil

    host, number = writer(path)
    if not number.isdecimal():
        return False
    with suppress(psutil.NoSuchProcess, FileNotFoundError):
        written = path.stat().st_mtime
        if host not in ("", HOST):
            return time.time() - written < SECONDS_OF_OTHERS
        return psutil.Process(int(number)).create_time() < written + SECONDS_OF_DOUBT
    return False


def locked_by(folder: Path) -> set[int]:
    """Return the processes that hold a path, as DVC noted them.

    Raises:
        ValueError: the note is broken: DVC was killed while it wrote it.
    """
    try:
        noted = json.loads((folder / RWLOCK).read_text(encoding="utf-8"))
        readers = [info for infos in noted.get("read", {}).values() for info in infos]
        return {int(info["pid"]) for info in [*readers, *noted.get("write", {}).values()]}
    except FileNotFoundError:
        return set()
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{RWLOCK} is no note of DVC's") from error


def has_stale_locks(folder: Path) -> bool:
    """Return whether DVC's note of who holds which path is broken, or names the dead."""
    try:
        holders = locked_by(folder)
    except ValueError:
        return True
    return bool(holders - {process.pid for process in at_work(folder)})


def tidy(folder: Path) -> list[Path]:
    """Delete what was left by processes that are gone; call it while nobody works here.

    Returns:
        What was deleted.
    """
    found = list(leftovers(folder))
    if has_stale_locks(folder):
        found.append(folder / RWLOCK)
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return found
