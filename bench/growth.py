"""``python -m bench.growth FOLDER``: the same stages with ten times as many faces.

For each number of photos a clone of this repository in FOLDER aligns, parses, trains for one epoch
and evaluates, stage by stage through DVC. What is measured is the processor's time and the
most memory of any one process, which other programs disturb less than the clock. Run it again
to go on after an interruption.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from bench import PHOTO_SIZE, page
from drawing.face import draw_face
from pkdn import command
from pkdn.errors import UserError
from pkdn.files import atomic_file, write_marked

ROOT = Path(__file__).parents[1]
MARK = "growth"
NUM_DRAWN = 128
"""Photos of a split that differ; each lies in the folder under many names."""
NUM_VAL = 32
TEST_SHARE = 20
"""One photo of so many is a test face."""
BATCH_SIZE = 8
PARSER = {"steps": 20, "input_size": 64}
"""It need not parse well here."""
BEFORE = ("plan", "labelled", "parser", "download@folder")
MEASURED = {
    "align@folder": "align",
    "parse@folder": "parse",
    "baseline@folder-pkdn-0": "one epoch",
    "evaluate_baseline@folder-pkdn-0": "evaluate",
}
HEADINGS = ("stage", "faces", "processor, s", "ms a face", "at most, MiB", "outside of the stage")


class Measured(NamedTuple):
    """What a stage took.

    Attributes:
        stage: Its name for people.
        num_faces: That it went through.
        seconds: Of the processor, DVC's included.
        peak_mib: The most memory of any one process.
        outside: The share of the time by the clock in which DVC and Python's start were at work.
    """

    stage: str
    num_faces: int
    seconds: float
    peak_mib: float
    outside: float


def main() -> None:
    """Measure, print a table, and write it where asked."""
    parser = argparse.ArgumentParser("python -m bench.growth", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--photos", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    arguments = parser.parse_args()
    rows = list[Measured]()
    for num_photos in arguments.photos:
        rows += measure(arguments.folder / str(num_photos), arguments.folder / "drawn", num_photos)
    print(text := table(rows))
    if arguments.write:
        write_marked(arguments.write, MARK, text)


def measure(clone: Path, drawn: Path, num_photos: int) -> list[Measured]:
    """Run the stages for a number of photos, as far as they have not run yet."""
    if not clone.is_dir():
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    counts = {"test": num_photos // TEST_SHARE, "val": NUM_VAL}
    counts["train"] = num_photos - sum(counts.values())
    if min(counts.values()) < 1:
        raise UserError(f"expected more photos than {TEST_SHARE + NUM_VAL}, got {num_photos}")
    write_photos(clone / "photos", drawn, counts)
    write_params(clone / "params.yaml", counts["train"] // BATCH_SIZE)
    known = clone / "growth.json"
    found = json.loads(known.read_text()) if known.exists() else {}
    for stage in (*BEFORE, *MEASURED):
        if stage not in found:
            # What an interrupted training has reached would not be counted.
            shutil.rmtree(clone / ".pkdn" / "training", ignore_errors=True)
            found[stage] = _repro(clone, stage)
            with atomic_file(known) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    faces = [num_photos, num_photos, counts["train"], counts["test"]]
    return [
        Measured(MEASURED[stage], count, **found[stage])
        for stage, count in zip(MEASURED, faces, strict=True)
    ]


def write_photos(folder: Path, drawn: Path, counts: dict[str, int]) -> None:
    """Fill a folder with drawn photos of CelebA's size, each under many names (hard links).

    No photo lies in two splits: ``align`` would leave it out.
    """
    drawn.mkdir(parents=True, exist_ok=True)
    for number, (split, count) in enumerate(counts.items()):
        sources = [drawn / f"{NUM_DRAWN * number + one}.jpg" for one in range(NUM_DRAWN)]
        for path in sources:
            if not path.exists():
                image = Image.fromarray(draw_face(np.random.default_rng(int(path.stem))).image)
                image.resize(PHOTO_SIZE, Image.Resampling.BICUBIC).save(path, quality=95)
        (folder / split).mkdir(parents=True, exist_ok=True)
        for one in range(count):
            photo = folder / split / f"{one:06d}.jpg"
            if not photo.exists():
                os.link(sources[one % NUM_DRAWN], photo)


def write_params(path: Path, steps: int) -> None:
    """Ask for one training of one epoch and its evaluation, on the folder's photos."""
    values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    values |= {"datasets": ["folder"], "networks": ["pkdn"], "ablations": ["full"]}
    values |= {"authors_recipes": [], "loss_ablations": []}
    values |= {"steps": steps, "batch_size": BATCH_SIZE}
    values["profiles"]["demo"]["parser"] |= PARSER
    with atomic_file(path) as temporary:
        YAML(typ="safe").dump(values, temporary)


def _repro(clone: Path, stage: str) -> dict[str, float]:
    """Run one stage by DVC; return its numbers of :class:`Measured`."""
    words = [sys.executable, "-m", "dvc", "repro", "--quiet", "--single-item", stage]
    environment = os.environ | {"PYTHONPATH": str(clone)}
    began = time.perf_counter()
    with (clone / "output.txt").open("a") as output:
        process = subprocess.Popen(words, cwd=clone, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise UserError(f"{stage} failed; {clone / 'output.txt'} has what it printed")
    taken = time.perf_counter() - began
    record = clone / "data/runs" / stage.replace("@", "/") / "record.json"
    inside = json.loads(record.read_text())["seconds"] if record.exists() else 0.0
    return {
        "seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "outside": 1 - inside / taken,
    }


def table(rows: Sequence[Measured]) -> str:
    """Return the numbers as Markdown, and how they grow from the fewest to the most photos."""
    lines = list[list[str]]()
    for name in MEASURED.values():
        same = [row for row in rows if row.stage == name]
        for row in same:
            cells = [name, f"{row.num_faces:,}", f"{row.seconds:,.0f}"]
            cells += [f"{1000 * row.seconds / row.num_faces:.2f}"]
            cells += [f"{row.peak_mib:,.0f}", f"{row.outside:.1%}"]
            lines.append(cells)
        first, last = same[0], same[-1]
        faces = last.num_faces / first.num_faces
        time_, memory = last.seconds / first.seconds, last.peak_mib / first.peak_mib
        ratios = [f"×{faces:.1f}", f"×{time_:.2f}", f"×{time_ / faces:.2f}", f"×{memory:.2f}", ""]
        lines.append([f"{name}: growth", *ratios])
    return page.markdown(HEADINGS, lines, 1)


if __name__ == "__main__":
    command.run(main)
