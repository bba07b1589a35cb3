"""The neck and what is worn around it."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes, softened
from drawing.colours import METALS
from drawing.curves import ellipse, moved, resample, ribbon, smooth
from drawing.head import Head

NECK, NECKLACE = 14, 15
NECK_TONE: Final = np.array((0.95, 0.92, 0.90), np.float32)


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
    round_neck = np.clip(
        1.0 - 0.32 * np.abs(across) ** 2 + 0.3 * light.direction[0] * across, 0.45, 1.2
    )
    canvas.paint(mask, planes(skin) * round_neck, NECK)
    cords = [
        ribbon(head.body(np.array([(s * half * 0.75, 1.3), (s * 0.3, 1.8), (s * 0.12, 2.1)])), 2.5)
        for s in (-1, 1)
    ]
    canvas.shade(shapes(cords, 1.6).within(mask).times(0.4), (0.76, 0.66, 0.63))
    shift = (-light.direction[0] * head.unit * 0.3, head.unit * (0.12 - 0.35 * light.direction[1]))
    shadow = softened(shape(head.outline()), 3.0, shift).within(mask)
    canvas.shade(shadow.times(0.75), (0.58, 0.47, 0.45))
    return mask


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
        pendant = moved(line[len(line) // 2], 0, unit * 0.05)
        parts = [ribbon(line, unit * 0.045), ellipse(pendant, (unit * 0.045, unit * 0.055), 14)]
    mask = shapes(parts).within(neck)
    canvas.shade(softened(mask, 1.0, (0, 2)).within(neck).times(0.5), (0.65, 0.55, 0.52))
    x, y = mask.grid()
    gleam = 0.85 + 0.25 * np.sin(1.4 * x + 0.5 * y)
    canvas.paint(mask, planes(metal) * gleam, NECKLACE)
