"""The faces that the report shows: what the evaluations kept, beside LR and HR."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from pkdn import runs
from pkdn.faces import LR_SIZE
from pkdn.faces.shards import Shards
from pkdn.reports.columns import PSNR
from pkdn.reports.comparisons import Comparison
from pkdn.reports.face_grid import TILE, Tile
from pkdn.reports.plan import title
from pkdn.reports.tables import number
from pkdn.systems import PKDN, Subject

NUM_CROPS: Final = 20
CROPS_IN_A_ROW: Final = 10
LONGEST_NAME: Final = 18
NUM_FACES: Final = 4


class Grid(NamedTuple):
    """Enlarged test faces.

    Attributes:
        columns: headings: LR, each system, PKDN, HR.
        rows: a face each.
        names: of the faces.
    """

    columns: list[str]
    rows: list[list[Tile]]
    names: list[str]


def grid(root: Path, comparison: Comparison) -> Grid:
    """Read the enlarged faces of the systems that were trained by the one recipe; first seed."""
    asked = [Subject("baseline", name) for name in comparison.plan.systems]
    shown = [s for s in [*asked, PKDN] if s in comparison.scores.frames]
    shards = Shards(root / runs.faces(comparison.dataset), "test")
    kept = [n for n in shards.names if _example_path(root, comparison, PKDN, n).is_file()]
    rows = []
    for name in kept[:NUM_FACES]:
        hr_image = shards.read("faces", [shards.names.index(name)])[0]
        tiles = [_enlarged(root, comparison, subject, name) for subject in shown]
        rows.append([Tile(_low_resolution(hr_image), ""), *tiles, Tile(hr_image, "")])
    return Grid(["LR", *map(title, shown), "HR"], rows, kept[:NUM_FACES])


def crops(root: Path, dataset: str) -> list[list[Tile]]:
    """Return rows of twenty HR test faces, spread over the data set, with their names."""
    shards = Shards(root / runs.faces(dataset), "test")
    chosen = np.unique(np.linspace(0, len(shards) - 1, NUM_CROPS).round().astype(int))
    tiles = [
        Tile(face, shards.names[index][-LONGEST_NAME:])
        for index, face in zip(chosen, shards.read("faces", chosen), strict=True)
    ]
    missing = -len(tiles) % CROPS_IN_A_ROW
    tiles += [Tile(None, "")] * missing
    return [tiles[i : i + CROPS_IN_A_ROW] for i in range(0, len(tiles), CROPS_IN_A_ROW)]


def _example_path(root: Path, comparison: Comparison, subject: Subject, name: str) -> Path:
    run = subject.run(comparison.dataset, comparison.plan.seeds[0]).evaluation()
    return root / run.folder / "examples" / f"{name.replace('/', '_')}.png"


def _enlarged(root: Path, comparison: Comparison, subject: Subject, name: str) -> Tile:
    path = _example_path(root, comparison, subject, name)
    scores = comparison.scores.frames[subject][comparison.plan.seeds[0]]
    caption = ""
    if PSNR.name in scores:
        caption = f"{number(scores[PSNR.name][name], PSNR.decimals)} {PSNR.unit}"
    if not path.is_file():
        return Tile(None, caption)
    with Image.open(path) as image:
        return Tile(np.asarray(image.convert("RGB")), caption)


def _low_resolution(hr_image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(hr_image).resize((LR_SIZE, LR_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((TILE, TILE), Image.Resampling.NEAREST))
