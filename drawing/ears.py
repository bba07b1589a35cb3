"""Ears and earrings."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes
from drawing.curves import ellipse, moved, ribbon, smooth, smooth_closed
from drawing.head import Head
from drawing.shading import Lighting

RIGHT_EAR, LEFT_EAR, EARRING = 8, 7, 9
"""The person's right ear lies on the image's left."""

RIM: Final = np.array(
    (
        (0.0, 0.48),
        (-0.03, 0.2),
        (0.0, -0.06),
        (0.09, -0.16),
        (0.19, -0.13),
        (0.225, 0.03),
        (0.19, 0.25),
        (0.12, 0.42),
        (0.06, 0.54),
    )
)
"""Outward and down from where the ear meets the face, in face units."""

FOLD: Final = np.array([(0.06, -0.03), (0.12, -0.09), (0.165, -0.02), (0.15, 0.17), (0.09, 0.32)])
HOLLOW: Final = np.array([(0.04, 0.1), (0.09, 0.05), (0.11, 0.15), (0.07, 0.27), (0.03, 0.25)])
EARRINGS: Final = ("stud", "hoop", "drop")


def _place(head: Head, points: np.ndarray, side: int) -> np.ndarray:
    """Return pixels of ear points (outward, down)."""
    size = head.person.build.ear_size
    out, down = points.T * size
    return head.place(np.stack([side * (0.97 + 0.8 * out), down, -0.05 - 0.9 * out], 1))


def draw_ear(canvas: Canvas, head: Head, side: int, lighting: Lighting) -> Mask:
    """Paint one ear and return its mask."""
    look, unit = head.person.complexion, head.unit
    mask = shape(_place(head, smooth_closed(RIM, 5), side))
    redder = look.skin * (0.99, 0.92, 0.90)
    canvas.paint(mask, redder, LEFT_EAR if side > 0 else RIGHT_EAR)
    fold = ribbon(_place(head, smooth(FOLD, 5), side), unit * 0.035)
    hollow = _place(head, smooth_closed(HOLLOW, 4), side)
    canvas.shade(shapes([fold, hollow], 0.7).within(mask).times(0.65), (0.6, 0.45, 0.42))
    bright = lighting.diffuse[mask.window] ** 0.8
    lit = 0.92 + 0.25 * side * head.person.light.direction[0]
    canvas.shade(mask, np.clip(bright, 0.45, 1.2) * lit)
    return mask


def draw_earring(
    canvas: Canvas, head: Head, side: int, kind: str, metal: np.ndarray, size: float
) -> None:
    """Paint an earring on one ear's lobe."""
    unit = head.unit
    lobe = _place(head, np.array([(0.075, 0.48)]), side)[0]
    if kind == "hoop":
        radius, thick = unit * (0.12 + 0.16 * size), unit * 0.042
        middle = moved(lobe, 0, radius * 0.95)
        ring = ellipse(middle, (radius * 0.8, radius), 28)
        hole = ellipse(middle, (radius * 0.8 - thick, radius - thick), 28)
        mask = shapes([ring], holes=[hole])
    elif kind == "drop":
        length = unit * (0.15 + 0.25 * size)
        end = moved(lobe, 0, length)
        bead = ellipse(end, (unit * 0.06, unit * 0.10), 16)
        chain = ribbon(np.array([lobe, (lobe + end) / 2, end]), 1.8)
        mask = shapes([chain, bead])
    else:
        mask = shape(ellipse(lobe, (unit * (0.045 + 0.03 * size),) * 2, 14))
    x, y = mask.grid()
    gleam = 0.8 + 0.35 * np.sin(0.9 * x + 0.7 * y)
    canvas.paint(mask, planes(metal) * gleam, EARRING)
    canvas.paint(shape(ellipse(moved(lobe, -0.5, -0.5), (0.9, 0.9), 8)).within(mask), (1, 1, 1))
