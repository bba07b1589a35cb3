"""Clothes: collars, patterns and folds."""

from typing import Final, NamedTuple

import numpy as np

from drawing.canvas import Canvas, Mask, blend, shape, softened
from drawing.colours import sample_colour
from drawing.curves import resample, ribbon, smooth
from drawing.head import Head
from drawing.noise import smooth_noise

CLOTH: Final = 16
SHOULDER: Final = ((1.0, 1.93), (1.7, 2.12), (2.5, 2.4), (2.9, 4.2))
PATTERNS: Final = ("rows", "columns", "plaid", "dots", "plain", "plain")
SHIRT_WHITE: Final = np.array((0.92, 0.92, 0.94), np.float32)


class Collar(NamedTuple):
    """A neckline in face units.

    Attributes:
        rise: How high it reaches at the neck's sides: y.
        depth: Its lowest point: y.
        width: Relative to the neck.
        form: "round", "pointed", "shirt" or "suit".
    """

    rise: float
    depth: float
    width: float = 1.1
    form: str = "round"


COLLARS: Final = (
    Collar(1.84, 1.98),
    Collar(1.84, 2.35, form="pointed"),
    Collar(1.55, 1.72, 1.02),
    Collar(1.55, 2.05),
    Collar(1.62, 2.3, form="shirt"),
    Collar(1.62, 2.3, form="suit"),
)


def draw_clothes(canvas: Canvas, head: Head, neck: Mask, rng: np.random.Generator) -> None:
    """Paint shoulders with a sampled collar, pattern and folds."""
    collar = COLLARS[rng.integers(len(COLLARS))]
    collar = collar._replace(
        depth=collar.depth + rng.uniform(-0.08, 0.1), width=collar.width * head.person.build.neck
    )
    colour = sample_colour(rng, 0.08, 0.9)
    left = (
        (-collar.width, collar.rise),
        (-collar.width * 0.75, (collar.rise + collar.depth) / 2),
        (0, collar.depth),
    )
    neckline = np.array((*left, *((-x, y) for x, y in left[1::-1])))
    edge = resample(neckline[::2], 9) if collar.form == "pointed" else smooth(neckline)
    shoulder = np.array(SHOULDER)
    shoulder[:2, 1] += rng.uniform(-0.05, 0.05)
    around = np.concatenate([smooth(shoulder), smooth(shoulder * (-1, 1))[::-1]])
    mask = shape(head.body(np.concatenate([edge, around])))
    below = softened(mask, 2.0, (0, -2)).within(neck)
    canvas.shade(below.times(0.4), (0.7, 0.6, 0.58))
    canvas.paint(mask, _woven(head, mask, colour, rng), CLOTH)
    if collar.form == "suit":
        _paint_shirt_front(canvas, head, collar, rng)
        _paint_lapels(canvas, head, collar, SHIRT_WHITE)
    elif collar.form == "shirt":
        _paint_lapels(canvas, head, collar, colour * 1.12 + 0.05)
    else:
        hem = shape(ribbon(head.body(edge), head.unit * 0.07)).within(mask)
        canvas.shade(hem.times(0.7), float(rng.uniform(0.65, 0.9)))


def _woven(head: Head, mask: Mask, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the cloth's colour per pixel, (3, h, w): pattern, folds and weave."""
    x, y = mask.grid()
    left, top = head.landmarks[8].tolist()
    u, v = (x - left) / head.unit, (y - top) / head.unit
    size = mask.alpha.shape
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    weight = _pattern(pattern, u, v, rng.uniform(0.14, 0.32))
    base = blend(colour, sample_colour(rng, 0.08, 0.9), weight)
    folds = 1 + 0.07 * smooth_noise(rng, size, (34, 16)) + 0.025 * smooth_noise(rng, size, 1.5)
    lamp = np.clip(0.95 + 0.16 * head.person.light.direction[0] * u, 0.6, 1.25)
    result: np.ndarray = base * (folds * lamp)
    return result


def _pattern(pattern: str, u: np.ndarray, v: np.ndarray, period: float) -> np.ndarray:
    """Return where the second colour shows, [0, 1], at u (1, w) and v (h, 1)."""
    across, down = (u / period) % 1, (v / period) % 1
    rows, columns = down < 0.45, across < 0.45
    if pattern == "rows":
        return rows.astype(np.float32)
    if pattern == "columns":
        return columns.astype(np.float32)
    if pattern == "plaid":
        return (0.5 * rows + 0.5 * columns).astype(np.float32)
    if pattern == "dots":
        return (np.hypot(across - 0.5, down - 0.5) < 0.28).astype(np.float32)
    return np.zeros((1, 1), np.float32)


def _paint_shirt_front(
    canvas: Canvas, head: Head, collar: Collar, rng: np.random.Generator
) -> None:
    """Paint the shirt under a suit, and a tie."""
    wide, rise, depth = collar.width, collar.rise, collar.depth
    front = shape(
        head.body(np.array([(-wide, rise), (0, depth), (wide, rise), (0.5, 2.9), (-0.5, 2.9)]))
    )
    throat = shape(
        head.body(np.array([(-wide, rise - 0.5), (0, depth - 0.05), (wide, rise - 0.5)]))
    )
    canvas.paint(front.without(throat), SHIRT_WHITE * 0.94, CLOTH)
    right = np.array([(0.12, depth - 0.12), (0.08, depth + 0.06), (0.2, 3.2)])
    tie = head.body(np.concatenate([right, right[::-1] * (-1, 1)]))
    canvas.paint(shape(tie), sample_colour(rng, 0.1, 0.6), CLOTH)


def _paint_lapels(canvas: Canvas, head: Head, collar: Collar, tone: np.ndarray) -> None:
    """Paint the two flaps of a shirt's collar with their shadow."""
    wide, rise, depth = collar.width, collar.rise, collar.depth
    flap = np.array(
        [(wide, rise - 0.06), (0.03, depth - 0.06), (0.3, depth + 0.22), (wide * 1.3, rise + 0.2)]
    )
    for side in (-1, 1):
        mask = shape(head.body(flap * (side, 1)))
        canvas.shade(softened(mask, 1.4, (0, 2)).times(0.4), 0.7)
        canvas.paint(mask, tone * (1 + 0.08 * side * head.person.light.direction[0]), CLOTH)
