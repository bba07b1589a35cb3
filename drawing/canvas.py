"""A photo and its label map, painted layer by layer from the same outlines.

A mask is drawn as polygons at :data:`SUPERSAMPLING` times the size and averaged down, so its
value is the share of a pixel it covers. The photo is blended with that share; the label map
takes the class where the share reaches one half: both come from one geometry.
"""

import math
from collections.abc import Sequence
from types import EllipsisType
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE: Final = 224
SUPERSAMPLING: Final = 4

Colour = Sequence[float] | np.ndarray | float
"""RGB in [0, 1], or planes (3, h, w) or (h, w) over the window of a mask, or one number."""


def planes(colour: Colour) -> np.ndarray:
    """Return a colour, float32, in a shape that broadcasts against (3, h, w)."""
    array = np.asarray(colour, np.float32)
    return array[:, None, None] if array.ndim == 1 else array


def blend(first: Colour, second: Colour, weight: np.ndarray) -> np.ndarray:
    """Return planes (3, h, w) that go from one colour to the other as ``weight`` (h, w) rises."""
    mixed: np.ndarray = planes(first) + planes(weight) * (planes(second) - planes(first))
    return mixed


class Mask(NamedTuple):
    """Coverage of a window of the canvas.

    Attributes:
        alpha: float32 (h, w), [0, 1].
        left: First column of the window.
        top: First row of the window.
    """

    alpha: np.ndarray
    left: int
    top: int

    @property
    def window(self) -> tuple[EllipsisType, slice, slice]:
        """The rows and columns of the canvas that the mask covers, an index for planes too."""
        height, width = self.alpha.shape
        return ..., slice(self.top, self.top + height), slice(self.left, self.left + width)

    def within(self, other: "Mask") -> "Mask":
        """Return the part of this mask that lies in ``other``."""
        everywhere = np.zeros((SIZE, SIZE), np.float32)
        everywhere[other.window] = other.alpha
        return self.times(everywhere[self.window])

    def times(self, factor: float | np.ndarray) -> "Mask":
        """Return this mask with its coverage scaled."""
        return self._replace(alpha=self.alpha * np.asarray(factor, np.float32))

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x (1, w) and y (h, 1) of the pixels' centres in canvas coordinates."""
        height, width = self.alpha.shape
        x = np.arange(self.left, self.left + width, dtype=np.float32) + np.float32(0.5)
        y = np.arange(self.top, self.top + height, dtype=np.float32) + np.float32(0.5)
        return x[None], y[:, None]


EVERYWHERE: Final = Mask(np.ones((SIZE, SIZE), np.float32), 0, 0)


def shapes(
    outlines: Sequence[np.ndarray], blur: float = 0.0, holes: Sequence[np.ndarray] = ()
) -> Mask:
    """Return the union of polygons minus the holes, softened by ``blur``.

    Outlines and holes are (n, 2), in pixels; ``blur`` is the standard deviation in pixels.
    """
    margin = 1 + int(2.5 * blur)
    every = np.concatenate(outlines)
    left, top = (max(math.floor(low) - margin, 0) for low in every.min(0).tolist())
    right, bottom = (min(math.ceil(high) + margin, SIZE) for high in every.max(0).tolist())
    if right <= left or bottom <= top:
        return Mask(np.zeros((0, 0), np.float32), 0, 0)
    image = Image.new("L", ((right - left) * SUPERSAMPLING, (bottom - top) * SUPERSAMPLING))
    draw = ImageDraw.Draw(image)
    for polygons, ink in ((outlines, 255), (holes, 0)):
        for polygon in polygons:
            fine = (polygon - (left, top)) * SUPERSAMPLING - 0.5
            draw.polygon(fine.ravel().tolist(), fill=ink)
    image = blurred(image.reduce(SUPERSAMPLING), blur)
    return Mask(np.asarray(image, np.float32) / np.float32(255), left, top)


def shape(outline: np.ndarray, blur: float = 0.0) -> Mask:
    """Return one polygon's mask: see :func:`shapes`."""
    return shapes([outline], blur)


def blurred(image: Image.Image, deviation: float) -> Image.Image:
    """Return an image softened by two boxes: much faster than a Gaussian, and enough."""
    box = ImageFilter.BoxBlur((math.sqrt(6 * deviation**2 + 1) - 1) / 2)
    return image.filter(box).filter(box) if deviation else image


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cell: float, stretch: float = 1.0
) -> np.ndarray:
    """Return noise (h, w), float32, deviation about 0.7, whose blobs are ``cell`` pixels wide.

    ``stretch`` is how many times higher than wide they are.
    """
    height, width = shape
    grid = (int(height / (cell * stretch)) + 2, int(width / cell) + 2)
    image = Image.fromarray(rng.standard_normal(grid, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


class Canvas:
    """The photo under way.

    Attributes:
        image: float32 RGB planes, (3, SIZE, SIZE), about [0, 1].
        labels: uint8 (SIZE, SIZE).
    """

    def __init__(self) -> None:
        self.image = np.zeros((3, SIZE, SIZE), np.float32)
        self.labels = np.zeros((SIZE, SIZE), np.uint8)

    def paint(self, mask: Mask, colour: Colour, label: int | None = None) -> None:
        """Blend a colour in, and mark the class if one is given."""
        part = self.image[mask.window]
        part += mask.alpha * (planes(colour) - part)
        if label is not None:
            self.mark(mask, label)

    def shade(self, mask: Mask, factor: Colour) -> None:
        """Multiply the photo by a factor where the mask covers it."""
        self.image[mask.window] *= 1 + mask.alpha * (planes(factor) - 1)

    def mark(self, mask: Mask, label: int, only: Sequence[int] = ()) -> None:
        """Set the class where the mask covers half a pixel, over the classes ``only`` if given."""
        part = self.labels[mask.window]
        covered = mask.alpha >= 0.5
        if only:
            covered &= np.isin(part, only)
        part[covered] = label
