"""A picture of what a parser does: photo, truth and prediction side by side."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pkdn.faces.classes import CLASS_NAMES, PALETTE
from pkdn.files import atomic_file

COLUMNS = ("photo", "truth", "prediction")
GAP = 4
HEADER = 20
LEGEND_WIDTH = 110
LEGEND_LINE = 18
SWATCH = 12
FONT_SIZE = 12
INK = (0, 0, 0)
PAPER = (255, 255, 255)


def draw_examples(
    faces: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, faces_per_row: int = 2
) -> Image.Image:
    """Draw faces with their true and predicted maps, and a legend of the classes.

    Args:
        faces: RGB uint8, (N, S, S, 3), at least one.
        truth: labels, uint8 (N, S, S).
        prediction: labels, uint8 (N, S, S).
        faces_per_row: triples of pictures beside each other.
    """
    size = faces.shape[1]
    step = size + GAP
    columns = len(COLUMNS) * min(faces_per_row, len(faces))
    num_rows = -(-len(faces) // faces_per_row)
    height = HEADER + max(num_rows * step, len(CLASS_NAMES) * LEGEND_LINE)
    sheet = Image.new("RGB", (columns * step + LEGEND_WIDTH, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_SIZE)
    for column in range(columns):
        draw.text((column * step, 2), COLUMNS[column % len(COLUMNS)], INK, font)
    for index, pictures in enumerate(zip(faces, PALETTE[truth], PALETTE[prediction], strict=True)):
        row, place = divmod(index, faces_per_row)
        for offset, picture in enumerate(pictures):
            left = (place * len(COLUMNS) + offset) * step
            sheet.paste(Image.fromarray(picture), (left, HEADER + row * step))
    _draw_legend(draw, columns * step + GAP, font)
    return sheet


def write_examples(
    path: Path, faces: np.ndarray, truth: np.ndarray, prediction: np.ndarray
) -> None:
    """Save :func:`draw_examples` as PNG."""
    with atomic_file(path) as temporary:
        draw_examples(faces, truth, prediction).save(temporary, "PNG")


def _draw_legend(
    draw: ImageDraw.ImageDraw, left: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    for label, (name, colour) in enumerate(zip(CLASS_NAMES, PALETTE.tolist(), strict=True)):
        top = HEADER + label * LEGEND_LINE
        draw.rectangle((left, top, left + SWATCH, top + SWATCH), fill=tuple(colour), outline=INK)
        draw.text((left + SWATCH + GAP, top - 1), name, INK, font)
