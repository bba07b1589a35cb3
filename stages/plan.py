"""Resolve params.yaml into one small file for each run, with just what the run depends on."""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from pkdn import command, params
from pkdn.errors import UserError
from pkdn.files import UNFINISHED, atomic_folder
from pkdn.planning import notes, plan
from pkdn.runs import PLAN, Planned

DATA = Path("data")
FILE = Path("params.yaml")
MADE = (
    *("record.json", "manifest.json", "photos.csv"),
    *("curve.csv", "teacher-curve.csv", "weights.safetensors", "scores.csv", "absent.txt"),
    "listing.txt",
)
"""One of these is in all that a run makes, or has begun to make."""


def main() -> None:
    """Write ``data/plan``, and take away what runs made that are no longer asked for.

    DVC keeps it in its cache: a run that is asked for again comes back from there.
    """
    argparse.ArgumentParser(prog="python -m stages.plan", description=__doc__).parse_args()
    before = FILE.read_bytes() if FILE.is_file() else b""
    chosen = params.load(FILE)
    planned = plan(chosen)
    with atomic_folder(PLAN) as folder:
        for one in planned:
            file = folder / one.id.plan.relative_to(PLAN)
            file.parent.mkdir(exist_ok=True)
            file.write_text(one.text(), encoding="utf-8")
    others = list[str]()
    for left in leftovers(planned):
        if _was_made(left):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        else:
            others.append(str(left))
    print(f"plan: {len(planned)} runs")
    for note in notes(chosen):
        print(f"note: {note}")
    if others:
        print(f"no stage has made {', '.join(others)}: kept; move it elsewhere")
    if FILE.read_bytes() != before:  # DVC would note the plan as that of the new ones
        raise UserError(f"expected {FILE} to stay as it was, got another one: run it again")


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


if __name__ == "__main__":
    command.run(main)
