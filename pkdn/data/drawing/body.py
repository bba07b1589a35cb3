"""Neck, clothes and necklaces."""

from typing import Final

import numpy as np

from pkdn.data.drawing.canvas import Canvas, Mask, shape, shapes, softened
from pkdn.data.drawing.colours import METALS, sample_colour
from pkdn.data.drawing.curves import ellipse, resample, ribbon, smooth
from pkdn.data.drawing.head import Head
from pkdn.data.drawing.noise import smooth_noise

NECK, NECKLACE, CLOTH = 14, 15, 16
NECK_TONE: Final = np.array((0.95, 0.92, 0.90), np.float32)
COLLARS: Final = ("round", "deep", "shirt", "high", "suit", "hood")


def draw_neck(canvas: Canvas, head: Head) -> Mask:
    """Paint the neck with the head's shadow and return its mask."""
    half = head.person.build.neck
    side = np.array([(half, 0.5), (half * 0.97, 1.2), (half, 1.6), (half * 1.12, 1.85)])
    side = np.concatenate([side, [(1.5, 2.1), (2.6, 2.5), (2.8, 4.0)]])
    outline = np.concatenate([smooth(side * (-1, 1)), smooth(side)[::-1]])
    mask = shape(head.body(outline))
    skin = head.person.complexion.skin * NECK_TONE
    x, _ = mask.grid()
    middle = float(head.body(np.array([(0.0, 1.5)]))[0, 0])
    across = (x - middle) / head.unit
    light = head.person.light
    round_neck = np.clip(1.0 - 0.32 * np.abs(across) ** 2 + 0.3 * light.direction[0] * across, 0.45, 1.2)
    canvas.paint(mask, skin * round_neck[..., None], NECK)
    cords = [
        ribbon(head.body(np.array([(s * half * 0.75, 1.3), (s * 0.3, 1.8), (s * 0.12, 2.1)])), 2.5)
        for s in (-1, 1)
    ]
    canvas.shade(shapes(cords, 1.6).within(mask).times(0.4), (0.76, 0.66, 0.63))
    shift = (-light.direction[0] * head.unit * 0.3, head.unit * (0.12 - 0.35 * light.direction[1]))
    shadow = softened(shape(head.outline()), 3.0, shift).within(mask)
    canvas.shade(shadow.times(0.75), (0.58, 0.47, 0.45))
    return mask


def draw_clothes(canvas: Canvas, head: Head, neck: Mask, rng: np.random.Generator) -> None:
    """Paint shoulders with a sampled collar, pattern and folds."""
    collar = str(rng.choice(COLLARS))
    colour = sample_colour(rng, 0.08, 0.9)
    half = head.person.build.neck
    depth = {"round": 1.98, "deep": 2.35, "high": 1.72, "hood": 2.05}.get(collar, 2.3)
    depth += rng.uniform(-0.08, 0.1)
    rise = {"high": 1.55, "hood": 1.55, "shirt": 1.62, "suit": 1.62}.get(collar, 1.84)
    wide = half * (1.02 if collar == "high" else 1.1)
    neckline = np.array([(-wide, rise), (-wide * 0.75, (rise + depth) / 2), (0, depth)])
    neckline = np.concatenate([neckline, neckline[1::-1] * (-1, 1)])
    shoulder = np.array([(1.0, 1.93), (1.7, 2.12), (2.5, 2.4), (2.9, 4.2)])
    shoulder[:2, 1] += rng.uniform(-0.05, 0.05)
    around = np.concatenate([smooth(shoulder), smooth(shoulder * (-1, 1))[::-1]])
    edge = smooth(neckline) if collar != "deep" else resample(neckline[[0, 2, 4]], 9)
    mask = shape(head.body(np.concatenate([edge, around])))
    below = softened(mask, 2.0, (0, -2)).within(neck)
    canvas.shade(below.times(0.4), (0.7, 0.6, 0.58))
    canvas.paint(mask, _woven(head, mask, colour, rng), CLOTH)
    if collar in ("shirt", "suit"):
        _paint_lapels(canvas, head, rise, depth, wide, colour, rng, collar)
    else:
        hem = shape(ribbon(head.body(edge), head.unit * 0.07), 0.3).within(mask)
        canvas.shade(hem.times(0.7), float(rng.uniform(0.65, 0.9)))


def _woven(head: Head, mask: Mask, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the cloth's colour per pixel (h, w, 3): pattern, folds and weave."""
    x, y = mask.grid()
    left, top = head.landmarks[8].tolist()
    u, v = (x - left) / head.unit, (y - top) / head.unit
    size = mask.alpha.shape
    other = sample_colour(rng, 0.08, 0.9)
    period = rng.uniform(0.14, 0.32)
    kind = rng.integers(6)
    rows = np.broadcast_to((v / period) % 1 < 0.45, size)
    columns = np.broadcast_to((u / period) % 1 < 0.45, size)
    weight = np.zeros(size, np.float32)
    if kind == 0:
        weight = rows.astype(np.float32)
    elif kind == 1:
        weight = columns.astype(np.float32)
    elif kind == 2:
        weight = 0.5 * rows + 0.5 * columns
    elif kind == 3:
        spot = np.hypot((u / period) % 1 - 0.5, (v / period) % 1 - 0.5)
        weight = (spot < 0.28).astype(np.float32)
    base = colour + np.asarray(weight, np.float32)[..., None] * (other - colour)
    folds = 1 + 0.07 * smooth_noise(rng, size, (34, 16)) + 0.025 * smooth_noise(rng, size, 1.5)
    lamp = np.clip(0.95 + 0.16 * head.person.light.direction[0] * u, 0.6, 1.25)
    result: np.ndarray = base * (folds * lamp)[..., None]
    return result


def _paint_lapels(
    canvas: Canvas,
    head: Head,
    rise: float,
    depth: float,
    wide: float,
    colour: np.ndarray,
    rng: np.random.Generator,
    collar: str,
) -> None:
    """Paint a shirt's collar, and a tie under a suit's."""
    tone = np.array((0.93, 0.93, 0.95)) if collar == "suit" else colour * 1.12 + 0.05
    inner = head.body(np.array([(-wide, rise), (0, depth), (wide, rise), (0.5, 2.9), (-0.5, 2.9)]))
    if collar == "suit":
        front = shape(inner)
        canvas.paint(front.without(_open_throat(head, rise, depth, wide)), tone * 0.94, CLOTH)
        tie = head.body(
            np.array([(-0.12, depth - 0.12), (0.12, depth - 0.12), (0.08, depth + 0.06), (0.2, 3.2)])
        )
        tie = np.concatenate([tie, head.body(np.array([(-0.2, 3.2), (-0.08, depth + 0.06)]))])
        canvas.paint(shape(tie), sample_colour(rng, 0.1, 0.6), CLOTH)
    for side in (-1, 1):
        flap = np.array(
            [(wide * 1.0, rise - 0.06), (0.03, depth - 0.06), (0.3, depth + 0.22), (wide * 1.3, rise + 0.2)]
        )
        points = head.body(flap * (side, 1))
        canvas.shade(softened(shape(points), 1.4, (0, 2)).times(0.4), 0.7)
        canvas.paint(shape(points), tone * (1 + 0.08 * side * head.person.light.direction[0]), CLOTH)


def _open_throat(head: Head, rise: float, depth: float, wide: float) -> Mask:
    return shape(head.body(np.array([(-wide, rise - 0.5), (0, depth - 0.05), (wide, rise - 0.5)])))


def draw_necklace(canvas: Canvas, head: Head, neck: Mask, rng: np.random.Generator) -> None:
    """Paint a chain or a string of beads around the neck."""
    half, unit = head.person.build.neck, head.unit
    low = rng.uniform(1.72, 2.05)
    curve = np.array([(-half, 1.5), (-half * 0.6, low - 0.08), (0, low), (half * 0.6, low - 0.08)])
    line = smooth(head.body(np.concatenate([curve, [(half, 1.5)]])), 10)
    metal = METALS[rng.integers(len(METALS))]
    if rng.random() < 0.5:
        beads = resample(line, 24)
        parts = [ellipse(bead, (unit * 0.048,) * 2, 10) for bead in beads]
    else:
        parts = [ribbon(line, unit * 0.045), ellipse(line[len(line) // 2] + (0, 3), (2.6, 3.2), 14)]
    mask = shapes(parts).within(neck)
    canvas.shade(softened(mask, 1.0, (0, 2)).within(neck).times(0.5), (0.65, 0.55, 0.52))
    x, y = mask.grid()
    gleam = 0.85 + 0.25 * np.sin(1.4 * x + 0.5 * y)
    canvas.paint(mask, metal * gleam[..., None], NECKLACE)
