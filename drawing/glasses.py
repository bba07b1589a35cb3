"""Glasses: clear, reflecting or dark."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shapes, softened
from drawing.colours import sample_colour
from drawing.curves import normals, ribbon, smooth, smooth_closed
from drawing.head import Head

GLASSES: Final = 6
SKIN: Final = 1

OUTLINES: Final = {
    "round": ((-26, 0), (-18, -17), (0, -22), (18, -17), (26, 0), (18, 18), (0, 25), (-18, 18)),
    "boxy": ((-28, -13), (-20, -18), (20, -19), (30, -15), (28, 8), (20, 18), (-16, 18), (-27, 9)),
    "drop": ((-25, -12), (-10, -18), (20, -18), (31, -9), (27, 14), (9, 30), (-9, 24), (-22, 6)),
    "flat": ((-26, -8), (-10, -12), (20, -12), (28, -7), (26, 7), (10, 13), (-14, 13), (-25, 6)),
}
"""Lens on the image's right, from its middle: outwards and down, in hundredths of a face unit."""

LENS_MIDDLE: Final = (0.43, 0.03)
LENS_HEIGHT: Final = 0.1


def draw_glasses(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint glasses.

    As in hand-made label maps of faces, a clear lens has the class of glasses but the eye,
    brow and nose behind it keep theirs; dark lenses hide what is behind them.
    """
    unit = head.unit
    kind = list(OUTLINES)[rng.integers(len(OUTLINES))]
    dark = rng.random() < 0.25
    thickness = unit * (
        rng.uniform(0.02, 0.035) if rng.random() < 0.5 else rng.uniform(0.045, 0.075)
    )
    frame_colour = (
        sample_colour(rng, 0.02, 0.16) if rng.random() < 0.65 else sample_colour(rng, 0.2, 0.7)
    )
    size = rng.uniform(0.95, 1.15)
    lenses, outer, inner, arms = [], [], [], [_bridge(head, thickness)]
    for side in (-1, 1):
        outline = np.array(OUTLINES[kind]) / 100 * size + LENS_MIDDLE
        lens = head.on_face(smooth_closed(outline * (side, 1), 6), LENS_HEIGHT)
        across = normals(np.concatenate([lens[-1:], lens, lens[:1]]))[1:-1] * thickness / 2
        lenses.append(lens)
        outer.append(lens - side * across)
        inner.append(lens + side * across)
        arms += _temple(head, side, outline[:, 0].max(), thickness)
    lens_mask = shapes(lenses)
    frame = shapes(outer + arms, holes=inner)
    shadow = softened(frame, 1.3, (-head.person.light.direction[0] * 3, 3)).within(face)
    canvas.shade(shadow.times(0.35), (0.6, 0.52, 0.5))
    _paint_lenses(canvas, lens_mask, dark, rng)
    _paint_frame(canvas, frame, frame_colour)
    canvas.mark(lens_mask, GLASSES, () if dark else (0, SKIN, 7, 8, 17))
    canvas.mark(frame, GLASSES)


def _temple(head: Head, side: int, outer: float, thickness: float) -> list[np.ndarray]:
    """Return the outline of the arm to the ear, where it can be seen."""
    if head.is_far(side):
        return []
    hinge = head.on_face(np.array([(side * outer, -0.06)]), LENS_HEIGHT)
    ear = head.place(np.array([(side * 1.0, -0.05, 0.35), (side * 1.02, -0.03, 0.0)]))
    return [ribbon(np.concatenate([hinge, ear]), thickness * 0.8)]


def _bridge(head: Head, thickness: float) -> np.ndarray:
    arc = np.array([(-0.18, -0.02), (-0.08, -0.075), (0.08, -0.075), (0.18, -0.02)])
    return ribbon(smooth(head.on_face(arc, LENS_HEIGHT + 0.05), 4), thickness * 0.9)


def _paint_lenses(canvas: Canvas, lenses: Mask, dark: bool, rng: np.random.Generator) -> None:
    x, y = lenses.grid()
    slant = rng.uniform(-0.6, 0.6)
    streak = np.clip(1 - np.abs((x + slant * y) % 46 - 20) / 8, 0, 1)
    if dark:
        tint = rng.uniform(0.02, 0.14, 3)
        falling = np.clip((y - lenses.top) / max(lenses.alpha.shape[0], 1), 0, 1)
        colour = planes(tint) * (0.7 + 0.9 * falling)
        canvas.paint(lenses.times(0.96), colour)
        canvas.glow(lenses.times(streak), 0.10)
    else:
        canvas.shade(lenses.times(0.5), (0.95, 0.97, 0.96))
        canvas.glow(lenses.times(streak), float(rng.uniform(0.0, 0.14)))


def _paint_frame(canvas: Canvas, frame: Mask, colour: np.ndarray) -> None:
    _, y = frame.grid()
    gleam = 1 + 0.2 * np.sin(y * 0.35)
    canvas.paint(frame, planes(colour) * gleam)
