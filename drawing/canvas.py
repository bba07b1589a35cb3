"""A photo and its label map, painted layer by layer with exact masks.

A mask is drawn as a polygon at :data:`SUPERSAMPLING` times the size and averaged down, so its
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
SMALL_BLUR: Final = 1.5
BYTE: Final = np.float32(1 / 255)

Colour = Sequence[float] | np.ndarray
"""RGB in [0, 1]: three numbers, or planes (3, h, w) or (h, w) over the window of a mask."""


def planes(colour: Colour | float) -> np.ndarray:
    """Return a colour, float32, in a shape that broadcasts against (3, h, w)."""
    array = np.asarray(colour, np.float32)
    return array[:, None, None] if array.ndim == 1 else array


def blend(first: Colour, second: Colour, weight: np.ndarray) -> np.ndarray:
    """Return planes (3, h, w) that go from one colour to the other as ``weight`` (h, w) rises."""
    start = planes(first)
    result: np.ndarray = start + weight.astype(np.float32, copy=False) * (planes(second) - start)
    return result


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

    def over(self, other: "Mask") -> np.ndarray:
        """Return this mask's coverage in the window of ``other``, zero outside its own."""
        result = np.zeros_like(other.alpha)
        common = _overlap(self, other)
        if common:
            result[_part(other, common)] = self.alpha[_part(self, common)]
        return result

    def within(self, other: "Mask") -> "Mask":
        """Return the part of this mask that lies in ``other``."""
        common = _overlap(self, other)
        if not common:
            return EMPTY
        alpha = self.alpha[_part(self, common)] * other.alpha[_part(other, common)]
        return Mask(alpha, common.left, common.top)

    def without(self, other: "Mask") -> "Mask":
        """Return the part of this mask that lies outside ``other``."""
        return self._replace(alpha=self.alpha * (1 - other.over(self)))

    def times(self, factor: float | np.ndarray) -> "Mask":
        """Return this mask with its coverage scaled."""
        return self._replace(alpha=self.alpha * np.asarray(factor, np.float32))

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x (1, w) and y (h, 1) of the pixels' centres in canvas coordinates."""
        height, width = self.alpha.shape
        x = np.arange(self.left, self.left + width, dtype=np.float32) + np.float32(0.5)
        y = np.arange(self.top, self.top + height, dtype=np.float32) + np.float32(0.5)
        return x[None], y[:, None]


class _Box(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


def _overlap(first: Mask, second: Mask) -> _Box | None:
    """Return where two windows overlap, in canvas coordinates."""
    (height, width), (other_height, other_width) = first.alpha.shape, second.alpha.shape
    left, top = max(first.left, second.left), max(first.top, second.top)
    right = min(first.left + width, second.left + other_width)
    bottom = min(first.top + height, second.top + other_height)
    return _Box(left, top, right, bottom) if right > left and bottom > top else None


def _part(mask: Mask, box: _Box) -> tuple[slice, slice]:
    """Return the rows and columns of the mask's own array that lie in the box."""
    return (
        slice(box.top - mask.top, box.bottom - mask.top),
        slice(box.left - mask.left, box.right - mask.left),
    )


EMPTY: Final = Mask(np.zeros((0, 0), np.float32), 0, 0)
EVERYWHERE: Final = Mask(np.ones((SIZE, SIZE), np.float32), 0, 0)


def shapes(
    outlines: Sequence[np.ndarray], blur: float = 0.0, holes: Sequence[np.ndarray] = ()
) -> Mask:
    """Return the union of polygons minus the holes, softened by ``blur``.

    Outlines and holes are (n, 2), in pixels; ``blur`` is the standard deviation in pixels.
    """
    if not outlines:
        return EMPTY
    margin = 1 + int(2.5 * blur)
    every = np.concatenate([*outlines, *holes])
    (low_x, low_y), (high_x, high_y) = every.min(0).tolist(), every.max(0).tolist()
    left, top = max(math.floor(low_x) - margin, 0), max(math.floor(low_y) - margin, 0)
    right, bottom = min(math.ceil(high_x) + margin, SIZE), min(math.ceil(high_y) + margin, SIZE)
    if right <= left or bottom <= top:
        return EMPTY
    scale = SUPERSAMPLING
    image = Image.new("L", ((right - left) * scale, (bottom - top) * scale))
    draw = ImageDraw.Draw(image)
    fine = (every - (left, top)) * scale - 0.5
    start = 0
    for number, polygon in enumerate([*outlines, *holes]):
        stop = start + len(polygon)
        ink = 255 if number < len(outlines) else 0
        draw.polygon(fine[start:stop].ravel().tolist(), fill=ink)
        start = stop
    image = image.reduce(scale)
    if blur:
        image = blurred(image, blur)
    return Mask(np.asarray(image, np.float32) * BYTE, left, top)


def shape(outline: np.ndarray, blur: float = 0.0) -> Mask:
    """Return one polygon's mask: see :func:`shapes`."""
    return shapes([outline], blur)


def blurred(image: Image.Image, deviation: float) -> Image.Image:
    """Return an image softened by one box, or two where one would show.

    Boxes are much faster than a Gaussian; ``deviation`` is in pixels.
    """
    passes = 1 if deviation < SMALL_BLUR else 2
    radius = (math.sqrt(12 * deviation**2 / passes + 1) - 1) / 2
    for _ in range(passes):
        image = image.filter(ImageFilter.BoxBlur(radius))
    return image


def softened(mask: Mask, blur: float, shift: tuple[float, float] = (0.0, 0.0)) -> Mask:
    """Return a mask blurred and moved, in a window grown so that nothing is cut off."""
    margin = 1 + int(2.5 * blur)
    height, width = mask.alpha.shape
    if not height or not width:
        return EMPTY
    left, top = max(mask.left - margin, 0), max(mask.top - margin, 0)
    right, bottom = min(mask.left + width + margin, SIZE), min(mask.top + height + margin, SIZE)
    padded = mask.over(Mask(np.zeros((bottom - top, right - left), np.float32), left, top))
    image = Image.fromarray((padded * 255).astype(np.uint8))
    if blur:
        image = blurred(image, blur)
    left, top = left + round(shift[0]), top + round(shift[1])
    alpha = np.asarray(image, np.float32) * BYTE
    alpha = alpha[max(-top, 0) : SIZE - top, max(-left, 0) : SIZE - left]
    return Mask(alpha, max(left, 0), max(top, 0))


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
        """Blend a colour in, and mark the class where the mask covers half a pixel or more."""
        part = self.image[mask.window]
        part += mask.alpha * (planes(colour) - part)
        if label is not None:
            self.mark(mask, label)

    def shade(self, mask: Mask, factor: Colour | float) -> None:
        """Multiply the photo by a factor where the mask covers it."""
        self.image[mask.window] *= 1 + mask.alpha * (planes(factor) - 1)

    def glow(self, mask: Mask, light: Colour | float) -> None:
        """Add light where the mask covers the photo."""
        self.image[mask.window] += mask.alpha * planes(light)

    def mark(self, mask: Mask, label: int, only: Sequence[int] = ()) -> None:
        """Set the class where the mask covers half a pixel, over the classes ``only`` if given."""
        part = self.labels[mask.window]
        covered = mask.alpha >= 0.5
        if only:
            covered &= np.isin(part, only)
        part[covered] = label
