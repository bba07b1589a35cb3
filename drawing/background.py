"""What is behind the person: walls, lights, leaves."""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from drawing.canvas import BYTE, EVERYWHERE, SIZE, Canvas, blend, blurred, planes, shape
from drawing.colours import sample_colour
from drawing.curves import ellipse
from drawing.noise import smooth_noise

Painter = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


class Backdrop(NamedTuple):
    """A kind of background: how often it occurs, and whether a camera may blur it."""

    paint: Painter
    share: float
    blurs: bool = True


def _gradient(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    x, y = EVERYWHERE.grid()
    angle = rng.uniform(0, 2 * np.pi)
    right, down = np.float32(math.cos(angle) / SIZE), np.float32(math.sin(angle) / SIZE)
    along = np.clip(0.5 + (x - SIZE / 2) * right + (y - SIZE / 2) * down, 0, 1)
    return blend(first, second, along)


def _cloudy(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    weight = np.clip(0.5 + 0.45 * smooth_noise(rng, (SIZE, SIZE), rng.uniform(24, 70)), 0, 1)
    return blend(first, second, weight)


def _lights(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    canvas = Canvas()
    canvas.image[:] = _gradient(rng, first * 0.5, second * 0.5)
    for _ in range(int(rng.integers(8, 26))):
        radius = rng.uniform(3, 15)
        disc = shape(ellipse(rng.uniform(0, SIZE, 2), (radius, radius), 20))
        canvas.glow(disc.times(rng.uniform(0.2, 0.8)), sample_colour(rng, 0.2, 0.7))
    return canvas.image


def _boards(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    x, y = EVERYWHERE.grid()
    along = x if rng.random() < 0.6 else y
    period = rng.uniform(14, 60)
    index = (along / period).astype(int)
    tones = rng.uniform(0.75, 1.1, int(SIZE / period) + 2)[index]
    gap = np.where((along % period) < 1.6, 0.55, 1.0)
    weight = np.clip(0.5 + 0.3 * smooth_noise(rng, (SIZE, SIZE), (30, 5)), 0, 1)
    return blend(first, second, 0.3 * weight) * (tones * gap).astype(np.float32)


def _bricks(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    x, y = EVERYWHERE.grid()
    height = rng.uniform(10, 22)
    row = (y / height).astype(int)
    shifted = x / (2.4 * height) + 0.5 * (row % 2)
    tones = rng.uniform(0.8, 1.15, (32, 32))[row % 32, shifted.astype(int) % 32]
    joint = ((y % height) < 1.8) | ((shifted % 1) < 0.07)
    grain = tones + 0.05 * smooth_noise(rng, (SIZE, SIZE), 3)
    return np.where(joint, planes(second * 0.9), planes(first) * grain.astype(np.float32))


def _window(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    image = _gradient(rng, first, first * 0.7)
    left, top = rng.uniform(-40, 150), rng.uniform(-60, 40)
    width, height = rng.uniform(50, 140), rng.uniform(80, 200)
    columns = slice(max(int(left), 0), max(int(left + width), 0))
    rows = slice(max(int(top), 0), max(int(top + height), 0))
    sky = np.clip(second * 0.5 + 0.45, 0, 1)
    image[:, rows, columns] = planes(sky)
    middle = int(left + width / 2)
    image[:, rows, max(middle - 2, 0) : max(middle + 2, 0)] = planes(first * 0.6)
    return image


def _leaves(rng: np.random.Generator, _: np.ndarray, second: np.ndarray) -> np.ndarray:
    green = np.array((0.27, 0.36, 0.18), np.float32) * np.float32(rng.uniform(0.6, 1.4))
    tone = 1 + 0.4 * smooth_noise(rng, (SIZE, SIZE), 9) + 0.25 * smooth_noise(rng, (SIZE, SIZE), 5)
    spots = np.clip(smooth_noise(rng, (SIZE, SIZE), 14) - 0.7, 0, 1)
    return planes(green) * np.clip(tone, 0.1, 2.2) + spots * planes(0.4 + 0.6 * second)


BACKDROPS: Final = (
    Backdrop(_gradient, 0.28, blurs=False),
    Backdrop(_cloudy, 0.2, blurs=False),
    Backdrop(_lights, 0.12),
    Backdrop(_boards, 0.12),
    Backdrop(_bricks, 0.1),
    Backdrop(_window, 0.1),
    Backdrop(_leaves, 0.08),
)
SHARE_BLURRED: Final = 0.75


def draw_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fill the canvas with a backdrop, often out of focus."""
    first, second = sample_colour(rng), sample_colour(rng)
    shares = [backdrop.share for backdrop in BACKDROPS]
    backdrop = BACKDROPS[rng.choice(len(shares), p=shares)]
    image = np.clip(backdrop.paint(rng, first, second), 0, 1)
    if backdrop.blurs and rng.random() < SHARE_BLURRED:
        deviation = float(rng.uniform(0.8, 5))
        bands = [Image.fromarray(band) for band in (image * 255).astype(np.uint8)]
        image = np.stack([np.asarray(blurred(band, deviation)) for band in bands]) * BYTE
    canvas.image[:] = image
