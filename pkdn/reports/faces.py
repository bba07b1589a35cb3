"""Pictures of faces in rows and columns: some of a data set, and what the evaluations kept."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import IdentityTransform
from PIL import Image

from pkdn import runs
from pkdn.faces import LR_SIZE
from pkdn.faces.shards import Shards
from pkdn.reports.columns import PSNR
from pkdn.reports.comparisons import Comparison
from pkdn.reports.figures import canvas
from pkdn.reports.plan import title
from pkdn.systems import PKDN, Subject

TILE: Final = 128
GAP: Final = 6
HEADING: Final = 28
CAPTION: Final = 22
DPI: Final = 100
NUM_CROPS: Final = 20
CROPS_IN_A_ROW: Final = 10
LONGEST_NAME: Final = 18
NUM_FACES: Final = 4
NUM_SUMMARY_FACES: Final = 2


class Tile(NamedTuple):
    """One face in a grid.

    Attributes:
        image: uint8 RGB, (128, 128, 3), or None where there is none.
        caption: what stands under it.
    """

    image: np.ndarray | None
    caption: str = ""


class Grid(NamedTuple):
    """Faces in rows and columns.

    Attributes:
        columns: headings.
        rows: with a tile for each column.
        names: of the faces, where each row shows one.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Tile]]
    names: Sequence[str] = ()

    def draw(self, path: Path) -> None:
        """Draw faces at their own pixels, captions under each."""
        width, height = grid_size(len(self.columns), len(self.rows))
        with warnings.catch_warnings(), canvas(path, (width / DPI, height / DPI), DPI) as figure:
            warnings.filterwarnings("ignore", "Glyph ", UserWarning)  # shown as a box
            for column, heading in enumerate(self.columns):
                left = GAP + column * (TILE + GAP)
                _text(figure, left, height - HEADING / 2, heading, weight="bold")
                for row, tiles in enumerate(self.rows):
                    bottom = height - HEADING - row * (TILE + CAPTION) - TILE
                    _place(figure, tiles[column], left, bottom)


def grid_size(num_columns: int, num_rows: int) -> tuple[int, int]:
    """Return width and height of a grid in pixels."""
    return GAP + num_columns * (TILE + GAP), HEADING + num_rows * (TILE + CAPTION) + GAP


def _place(figure: Figure, tile: Tile, left: int, bottom: int) -> None:
    if tile.image is None:
        _text(figure, left, bottom + TILE / 2, "–")
    else:
        figure.figimage(tile.image, left, bottom, origin="upper")
    _text(figure, left, bottom - CAPTION / 2, tile.caption)


def _text(figure: Figure, left: int, middle: float, text: str, weight: str = "normal") -> None:
    """Write in the middle of a tile's width, above or below it; ``left`` is the tile's."""
    place = left + TILE / 2, middle
    written = figure.text(*place, text, fontsize=9, weight=weight, parse_math=False)
    written.set(ha="center", va="center", transform=IdentityTransform())


def enlarged(root: Path, comparison: Comparison) -> Grid:
    """Read the enlarged faces of the systems that were trained by the one recipe; first seed."""
    return _beside_each_other(root, comparison, comparison.plan.systems, NUM_FACES)


def summary(root: Path, comparison: Comparison) -> Grid:
    """Read few enlarged faces, of PKDN and of its rivals; first seed."""
    return _beside_each_other(root, comparison, comparison.rivals, NUM_SUMMARY_FACES)


def _beside_each_other(
    root: Path, comparison: Comparison, systems: Sequence[str], most: int
) -> Grid:
    asked = [*(Subject("baseline", name) for name in systems), PKDN]
    shown = [subject for subject in asked if subject in comparison.scores.frames]
    shards = Shards(root / runs.FACES / comparison.dataset, "test")
    kept = [i for i in range(len(shards)) if _example(root, comparison, PKDN, i).is_file()][:most]
    rows = []
    for place, hr_image in zip(kept, shards.read("faces", kept), strict=True):
        name = shards.names[place]
        tiles = [_enlarged(root, comparison, subject, place, name) for subject in shown]
        rows.append([Tile(_low_resolution(hr_image)), *tiles, Tile(hr_image)])
    return Grid(["LR", *map(title, shown), "HR"], rows, [shards.names[place] for place in kept])


def crops(root: Path, dataset: str) -> Grid:
    """Return twenty HR test faces, spread over the data set, with their names."""
    shards = Shards(root / runs.FACES / dataset, "test")
    chosen = np.unique(np.linspace(0, len(shards) - 1, NUM_CROPS).round().astype(int))
    tiles = [
        Tile(face, shards.names[index][-LONGEST_NAME:])
        for index, face in zip(chosen, shards.read("faces", chosen), strict=True)
    ]
    tiles += [Tile(None)] * (-len(tiles) % CROPS_IN_A_ROW)
    rows = [tiles[i : i + CROPS_IN_A_ROW] for i in range(0, len(tiles), CROPS_IN_A_ROW)]
    return Grid([""] * CROPS_IN_A_ROW, rows)


def _example(root: Path, comparison: Comparison, subject: Subject, place: int) -> Path:
    run = subject.run(comparison.dataset, comparison.plan.seeds[0]).evaluation()
    return root / run.folder / "examples" / f"{place}.png"


def _enlarged(root: Path, comparison: Comparison, subject: Subject, place: int, name: str) -> Tile:
    path = _example(root, comparison, subject, place)
    scores = comparison.scores.frames[subject][comparison.plan.seeds[0]]
    caption = (
        f"{PSNR.text(scores[PSNR.name][name])} {PSNR.column.unit}" if PSNR.name in scores else ""
    )
    if not path.is_file():
        return Tile(None, caption)
    with Image.open(path) as image:
        return Tile(np.asarray(image.convert("RGB")), caption)


def _low_resolution(hr_image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(hr_image).resize((LR_SIZE, LR_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((TILE, TILE), Image.Resampling.NEAREST))
