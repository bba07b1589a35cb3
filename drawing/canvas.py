"""A photo and its label map, painted layer by layer from the same outlines, and such outlines.

An outline is drawn at :data:`SUPERSAMPLING` times the size and averaged down to the share of each
pixel that it covers. The photo is blended with that share, and the label map takes the class
where the share reaches one half: both come from one geometry.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import CubicSpline

SIZE: Final = 224
SUPERSAMPLING: Final = 4
X, Y = np.meshgrid(*[np.arange(SIZE, dtype=np.float32) + np.float32(0.5)] * 2, sparse=True)
"""The pixels' centres."""

SHADOW: Final = (0.66, 0.55, 0.53)
"""What skin in a shadow is multiplied by: it turns redder."""

Colour = Sequence[float] | np.ndarray
"""RGB in [0, 1], or planes that broadcast against (3, SIZE, SIZE)."""


class Layer(NamedTuple):
    """One stroke of paint.

    Attributes:
        outlines: Polygons (n, 2) in pixels; their union is painted.
        colour: Of the paint, or what the photo is multiplied by if ``shades``.
        label: The class it gets in the label map; None leaves the map alone.
        over: The classes it may cover; empty for all.
        opacity: [0, 1], one number or (SIZE, SIZE).
        blur: Standard deviation in pixels.
        shades: Whether ``colour`` is a factor.
    """

    outlines: Sequence[np.ndarray]
    colour: Colour = SHADOW
    label: int | None = None
    over: Sequence[int] = ()
    opacity: float | np.ndarray = 1.0
    blur: float = 0.0
    shades: bool = False


class Canvas:
    """The photo under way.

    Attributes:
        image: float32 RGB planes, (3, SIZE, SIZE), about [0, 1].
        labels: uint8 (SIZE, SIZE).
    """

    def __init__(self) -> None:
        self.image = np.zeros((3, SIZE, SIZE), np.float32)
        self.labels = np.zeros((SIZE, SIZE), np.uint8)

    def paint(self, layers: Iterable[Layer]) -> None:
        """Paint layers, the furthest first."""
        for layer in layers:
            window, share = _coverage(layer)
            labels, part = self.labels[window], self.image[:, *window]
            if layer.over:
                share = share * np.isin(labels, layer.over)
            colour = np.broadcast_to(planes(layer.colour), self.image.shape)[:, *window]
            colour = colour * part if layer.shades else colour
            opacity = np.broadcast_to(np.float32(layer.opacity), self.labels.shape)[window]
            part += share * opacity * (colour - part)
            if layer.label is not None:
                labels[share >= 0.5] = layer.label


def _coverage(layer: Layer) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the rows and columns that a layer touches, and the share it covers of each pixel."""
    points, margin = np.concatenate(layer.outlines), 1 + int(2.5 * layer.blur)
    left, top = np.clip(np.floor(points.min(0)) - margin, 0, SIZE - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(points.max(0)) + margin, 1, SIZE).astype(int).tolist()
    width, height = max(right - left, 1), max(bottom - top, 1)
    image = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    draw = ImageDraw.Draw(image)
    for outline in layer.outlines:
        fine = (outline - (left, top)) * SUPERSAMPLING - 0.5
        draw.polygon(fine.ravel().tolist(), fill=255)
    image = image.reduce(SUPERSAMPLING)
    share = np.asarray(image.filter(ImageFilter.GaussianBlur(layer.blur)), np.float32)
    return (slice(top, top + height), slice(left, left + width)), share / np.float32(255)


def planes(colour: Colour) -> np.ndarray:
    """Return a colour, float32, in a shape that broadcasts against (3, SIZE, SIZE)."""
    array = np.asarray(colour, np.float32)
    return array[:, None, None] if array.ndim == 1 else array


def noise(rng: np.random.Generator, cell: float, stretch: float = 1.0) -> np.ndarray:
    """Return noise, float32 (SIZE, SIZE): blobs ``cell`` wide and ``stretch`` times higher."""
    grid = int(SIZE / (cell * stretch)) + 2, int(SIZE / cell) + 2
    image = Image.fromarray(rng.standard_normal(grid, np.float32))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def smooth(points: ArrayLike, *, closed: bool = False) -> np.ndarray:
    """Return a smooth curve through points (n, 2) or (n, 3), six samples per segment."""
    array = np.asarray(points, np.float64)
    curve: np.ndarray = _spline(len(array), closed) @ array
    return curve


@cache
def _spline(count: int, closed: bool) -> np.ndarray:
    """Return what each of the points weighs in each sample of a curve, (samples, count)."""
    unit = np.eye(count)[[*range(count), *([0] if closed else [])]]
    spline = CubicSpline(np.arange(len(unit)), unit, bc_type="periodic" if closed else "natural")
    weights: np.ndarray = spline(np.linspace(0, len(unit) - 1, 6 * len(unit) - 5))
    return weights


def mirrored(right: ArrayLike) -> np.ndarray:
    """Return a contour from left to right, given its right half, which ends on the axis."""
    array = np.asarray(right, np.float64)
    return np.concatenate([array * np.array((-1, 1, 1))[: array.shape[1]], array[-2::-1]])


def ribbon(points: np.ndarray, width: float, ends: float = 1.0) -> np.ndarray:
    """Return the outline of a stroke that narrows to a share of its width at the ends."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    widths = width * (ends + (1 - ends) * np.sin(np.linspace(0, np.pi, len(points))))
    half = along[:, ::-1] * (-0.5, 0.5) * widths[:, None]
    return np.concatenate([points + half, (points - half)[::-1]])


def ellipse(centre: ArrayLike, *radii: float, power: float = 1.0) -> np.ndarray:
    """Return a closed circle or axis-parallel ellipse; the lower the power, the squarer."""
    angle = np.linspace(0, 2 * np.pi, 25)
    unit = np.stack([np.cos(angle), np.sin(angle)], 1)
    points: np.ndarray = np.sign(unit) * np.abs(unit) ** power * radii + np.asarray(centre)
    return points
