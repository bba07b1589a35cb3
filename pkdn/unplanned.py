"""What runs have made that are not asked for any more."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from pkdn.files import UNFINISHED
from pkdn.provenance import MANIFEST
from pkdn.runs import RECORD, Planned

DATA = Path("data")
MADE = (
    *(RECORD, MANIFEST, "photos.csv"),
    *("curve.csv", "teacher-curve.csv", "weights.safetensors", "scores.csv", "absent.txt"),
    "listing.txt",
)
"""One of these is in all that a run makes, or has begun to make."""


def take_away(planned: Iterable[Planned]) -> list[Path]:
    """Delete what lies where runs write and no planned run makes; return what no stage has made.

    DVC keeps it in its cache: a run that is asked for again comes back from there.
    """
    others = list[Path]()
    for left in leftovers(planned):
        if not _was_made(left):
            others.append(left)
        elif left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    return others


def leftovers(planned: Iterable[Planned]) -> list[Path]:
    """Return what lies where runs write and no planned run makes."""
    made = {path for one in planned for path in (one.id.folder, *one.writes.values())}
    wanted = made | {parent for path in made for parent in path.parents}
    places = {parent for path in made for parent in path.parents if parent not in DATA.parents}
    found = {path for place in places - {DATA} for path in place.glob("*")}
    return sorted(path for path in found - wanted if not made & {*path.parents})


def _was_made(left: Path) -> bool:
    """Return whether it is of a run, the folder of a stage's runs, unfinished, or empty."""
    if left.name.endswith(UNFINISHED):
        return True
    if left.is_symlink():
        return False
    if left.is_dir() and not any(path.is_file() for path in left.rglob("*")):
        return True
    return any((place / name).is_file() for place in (left, *left.glob("*")) for name in MADE)
