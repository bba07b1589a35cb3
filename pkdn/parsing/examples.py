"""A picture of what a parser does: photo, truth and prediction side by side."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pkdn.faces.classes import CLASS_NAMES, PALETTE
from pkdn.files import atomic_file

COLUMNS = ("photo", "truth", "prediction")
INCHES = 1.45


def draw_examples(
    faces: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, faces_per_row: int = 2
) -> Figure:
    """Draw faces with their true and predicted maps, and a legend of the classes.

    Args:
        faces: RGB uint8, (N, S, S, 3), at least one.
        truth: labels, uint8 (N, S, S).
        prediction: labels, uint8 (N, S, S).
        faces_per_row: triples of pictures beside each other.
    """
    num_columns = len(COLUMNS) * min(faces_per_row, len(faces))
    num_rows = -(-len(faces) // faces_per_row)
    size = (INCHES * (num_columns + 1), INCHES * max(num_rows, 3))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    pictures = np.stack([faces, PALETTE[truth], PALETTE[prediction]], axis=1)
    for place, title in zip(axes[0], COLUMNS * faces_per_row, strict=False):
        place.set_title(title, fontsize="small")
    for place, picture in zip(axes.flat, pictures.reshape(-1, *faces.shape[1:]), strict=False):
        place.imshow(picture, interpolation="nearest")
    for place in axes.flat:
        place.axis("off")
    colours = zip(CLASS_NAMES, PALETTE / 255, strict=True)
    patches = [Patch(facecolor=colour, edgecolor="black", label=name) for name, colour in colours]
    figure.legend(handles=patches, loc="outside right upper", fontsize="small", frameon=False)
    return figure


def write_examples(
    path: Path, faces: np.ndarray, truth: np.ndarray, prediction: np.ndarray
) -> None:
    """Save :func:`draw_examples` as PNG."""
    with atomic_file(path) as temporary:
        draw_examples(faces, truth, prediction).savefig(temporary, format="png")
