"""Random textures that vary smoothly."""

import numpy as np
from PIL import Image

TABLE = 1024


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]
) -> np.ndarray:
    """Return noise (h, w), float32, deviation about 0.7, whose blobs are ``cell`` pixels big.

    A pair of cells means (vertical, horizontal).
    """
    vertical, horizontal = cell if isinstance(cell, tuple) else (cell, cell)
    grid = rng.standard_normal(
        (int(shape[0] / vertical) + 2, int(shape[1] / horizontal) + 2), np.float32
    )
    image = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def line_table(rng: np.random.Generator, smoothness: int = 1) -> np.ndarray:
    """Return a periodic table of noise, deviation 1, for :func:`look_up`."""
    table = rng.standard_normal(TABLE)
    for _ in range(smoothness):
        table = table + np.roll(table, 1)
    return (table / table.std()).astype(np.float32)


def look_up(table: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the table's values at real-valued positions, linearly interpolated."""
    floor = np.floor(position)
    index = floor.astype(np.int32)
    fraction = position - floor
    low = table[index % TABLE]
    return low + fraction * (table[(index + 1) % TABLE] - low)
