"""The picture of faces in rows and columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from pkdn.reports.figures import canvas

TILE: Final = 128
GAP: Final = 6
HEADING: Final = 28
CAPTION: Final = 22
DPI: Final = 100


class Tile(NamedTuple):
    """One face in the grid.

    Attributes:
        image: uint8 RGB, (128, 128, 3), or None where there is none.
        caption: what stands under it.
    """

    image: np.ndarray | None
    caption: str


def draw(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Tile]]) -> None:
    """Draw faces at their own pixels: a column for each system, captions under each face."""
    width, height = grid_size(len(columns), len(rows))
    with canvas(path, (width / DPI, height / DPI), DPI) as figure:
        for column, heading in enumerate(columns):
            left = GAP + column * (TILE + GAP)
            _text(figure, left + TILE / 2, height - HEADING / 2, heading, bold=True)
            for row, tiles in enumerate(rows):
                bottom = height - HEADING - row * (TILE + CAPTION) - TILE
                _place(figure, tiles[column], left, bottom)


def grid_size(num_columns: int, num_rows: int) -> tuple[int, int]:
    """Return width and height of a grid in pixels."""
    return GAP + num_columns * (TILE + GAP), HEADING + num_rows * (TILE + CAPTION) + GAP


def _place(figure: Figure, tile: Tile, left: int, bottom: int) -> None:
    width, height = figure.get_size_inches() * DPI
    if tile.image is None:
        _text(figure, left + TILE / 2, bottom + TILE / 2, "–")
    else:
        axes = figure.add_axes((left / width, bottom / height, TILE / width, TILE / height))
        axes.imshow(tile.image, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
    _text(figure, left + TILE / 2, bottom - CAPTION / 2, tile.caption)


def _text(figure: Figure, x: float, y: float, text: str, *, bold: bool = False) -> None:
    width, height = figure.get_size_inches() * DPI
    weight = "bold" if bold else "normal"
    figure.text(x / width, y / height, text, ha="center", va="center", fontsize=9, weight=weight)
