"""Who works here, what the killed left, and whether there is room."""

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pkdn.doctor.finding import Finding
from pkdn.pipeline import presence

ROOM_GIB = 1.0
"""The demo, measured, leaves 0.2 GiB in data, the cache and .pkdn; the rest is for what is written
beside the old before it takes its place. Other data sets need about as much as their photos."""
OLD_DAYS = 30


def processes(folder: Path) -> Iterator[Finding]:
    """Say which processes run the pipeline here; stages without DVC are wrong."""
    there = presence.at_work(folder)
    orphans = [one for one in there if one.what.startswith("stages.")]
    has_dvc = len(orphans) < len(there)
    for one in there:
        advice = "" if has_dvc else f"wait a minute for it to save, or end it: kill {one.pid}"
        yield Finding(f"process {one.pid} is at work here: {one.what}", advice)
    if not there:
        yield Finding("no process is at work here")


def locks(folder: Path) -> Iterator[Finding]:
    """Check DVC's note of who holds which path; its locks themselves end with their holders."""
    if presence.has_stale_locks(folder):
        yield Finding(
            f"{presence.RWLOCK} is broken, or names processes that have gone",
            "delete it while no DVC runs",
            None if presence.at_work(folder) else (folder / presence.RWLOCK).unlink,
        )
    else:
        yield Finding(f"{presence.RWLOCK} names nobody who has gone")


def leftovers(folder: Path) -> Iterator[Finding]:
    """Find what killed stages were writing."""
    found = list(presence.leftovers(folder))
    for path in found:
        mend = partial(shutil.rmtree, path) if path.is_dir() else path.unlink
        yield Finding(f"{path.relative_to(folder)} was left by a killed process", "delete it", mend)
    if not found:
        yield Finding("no unfinished files of killed processes")


def trainings(folder: Path) -> Iterator[Finding]:
    """Tell of states of interrupted trainings that nobody has come back to; they are kept."""
    now = time.time()
    states = [state.stat() for state in (folder / ".pkdn/training").glob("*/state.pt")]
    old = [state.st_size for state in states if now - state.st_mtime > OLD_DAYS * 86400]
    if old:
        yield Finding(
            f"{len(old)} interrupted trainings, {sum(old) / 2**20:.0f} MiB in .pkdn/training, have "
            f"waited for {OLD_DAYS} days; delete their folders if they are not wanted"
        )


def room(folder: Path) -> Iterator[Finding]:
    """Check that there is room on the disk."""
    free = shutil.disk_usage(folder).free / 2**30
    advice = f"make room: the demo wants {ROOM_GIB:.0f} GiB, other data twice their photos"
    yield Finding(f"{free:.1f} GiB are free on the disk", "" if free >= ROOM_GIB else advice)
