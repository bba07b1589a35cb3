"""The neck and the clothes below it."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, blend, planes, shape, smooth_noise
from drawing.colours import sample_colour
from drawing.curves import smooth
from drawing.head import Head
from drawing.light import cast, light_across

NECK, CLOTH = 14, 16
SHOULDER: Final = np.array(((1.0, 1.93), (1.7, 2.12), (2.5, 2.4), (2.9, 4.2)))

COLLARS: Final = ((1.84, 1.98), (1.84, 2.35), (1.55, 1.72), (1.55, 2.05))
"""Necklines: how high they reach at the neck's sides, and their lowest point: y."""


def draw_neck(canvas: Canvas, head: Head) -> Mask:
    """Paint the neck with the head's shadow and return its mask."""
    half = head.person.build.neck
    side = np.array([(half, 0.5), (half * 0.97, 1.2), (half, 1.6), (half * 1.12, 1.85)])
    side = np.concatenate([side, [(1.5, 2.15), (2.2, 2.5), (2.3, 4.2)]])
    mask = shape(head.body(np.concatenate([smooth(side * (-1, 1)), smooth(side)[::-1]])))
    skin = head.person.look.skin * (0.95, 0.92, 0.90)
    canvas.paint(mask, planes(skin) * light_across(head, mask), NECK)
    cast(canvas, head, [head.outline()], mask, 0.35)
    return mask


def draw_clothes(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Paint shoulders with a sampled neckline and pattern."""
    rise, depth = COLLARS[rng.integers(len(COLLARS))]
    width = head.person.build.neck * rng.uniform(1.02, 1.15)
    depth += rng.uniform(-0.08, 0.1)
    left = np.array([(-width, rise), (-width * 0.75, (rise + depth) / 2), (0, depth)])
    neckline = np.concatenate([left, left[1::-1] * (-1, 1)])
    edge = neckline if rng.random() < 0.3 else smooth(neckline)
    around = np.concatenate([smooth(SHOULDER), smooth(SHOULDER * (-1, 1))[::-1]])
    mask = shape(head.body(np.concatenate([edge, around])))
    canvas.paint(mask, _woven(mask, rng) * light_across(head, mask), CLOTH)


def _woven(mask: Mask, rng: np.random.Generator) -> np.ndarray:
    """Return the cloth's colour per pixel, (3, h, w): plain, striped, chequered, with folds."""
    x, y = mask.grid()
    period = rng.uniform(8, 18)
    bars, rows = rng.random(2) < 0.3
    weight = 0.5 * ((x % period < period / 2) * bars + (y % period < period / 2) * rows)
    first, second = sample_colour(rng, 0.08, 0.9), sample_colour(rng, 0.08, 0.9)
    return blend(first, second, weight) * (1 + 0.08 * smooth_noise(rng, mask.alpha.shape, 16, 2))
