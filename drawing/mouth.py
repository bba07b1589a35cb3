"""The mouth: lips, teeth, tongue."""

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes
from drawing.curves import ellipse, ribbon, smooth, taper
from drawing.head import Head
from drawing.noise import line_table, look_up

CAVITY, UPPER_LIP, LOWER_LIP = 11, 12, 13
SMALLEST_GAP = 0.9
"""Pixels between the lips below which the mouth counts as closed."""


def draw_mouth(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint the mouth from the landmarks 48 to 67."""
    points, look, unit = head.landmarks, head.person.complexion, head.unit
    top, bottom = smooth(points[48:55], 5), smooth(points[[54, 55, 56, 57, 58, 59, 48]], 5)
    inner_top, inner_bottom = smooth(points[60:65], 5), smooth(points[[64, 65, 66, 67, 60]], 5)
    upper = shape(np.concatenate([top, points[64:65], inner_top[::-1], points[60:61]])).within(face)
    lower = shape(
        np.concatenate([bottom, points[60:61], inner_bottom[::-1], points[64:65]])
    ).within(face)
    _paint_lip(canvas, head, upper, rng, 0.86)
    _paint_lip(canvas, head, lower, rng, 1.04)
    canvas.mark(upper, UPPER_LIP)
    canvas.mark(lower, LOWER_LIP)
    full = (points[57] + points[66]) / 2
    gloss = shape(ellipse(full, (unit * 0.15, unit * 0.025)), 1.6).within(lower)
    canvas.glow(gloss, 0.10 + 0.22 * look.shine * rng.random())
    gap = float(np.linalg.norm(points[66] - points[62]))
    if gap > SMALLEST_GAP:
        cavity = shape(np.concatenate([inner_top, inner_bottom]))
        canvas.mark(cavity, CAVITY)
        _paint_inside(canvas, head, cavity, inner_top, inner_bottom, rng)
    line = np.concatenate([points[48:49], inner_top, points[54:55]])
    weight = 0.035 if gap <= SMALLEST_GAP else 0.022
    seam = ribbon(smooth(line[::3], 4), weight * unit * taper(len(smooth(line[::3], 4)), 0.4, 0.4))
    canvas.shade(shape(seam).times(0.85), (0.45, 0.3, 0.3))
    corners = [ellipse(points[k], (unit * 0.035, unit * 0.03), 10) for k in (48, 54)]
    canvas.shade(shapes(corners, 0.9).times(0.7), (0.55, 0.42, 0.42))
    rim = ribbon(smooth(points[55:60], 5), unit * 0.04)
    canvas.shade(shape(rim, 1.0).times(0.5), (0.78, 0.66, 0.64))


def _paint_lip(
    canvas: Canvas, head: Head, lip: Mask, rng: np.random.Generator, tone: float
) -> None:
    """Paint one lip with its fine vertical lines."""
    x, y = lip.grid()
    u, v = head.local(x, y)
    lines = look_up(line_table(rng), (u + 2) * 26 + 3 * v)
    colour = planes(head.person.complexion.lips) * (tone * (1 + 0.055 * lines))
    canvas.paint(lip, colour)


def _paint_inside(
    canvas: Canvas,
    head: Head,
    cavity: Mask,
    top: np.ndarray,
    bottom: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Paint the cavity, teeth behind the upper (and sometimes lower) lip, and the tongue."""
    unit, points = head.unit, head.landmarks
    canvas.paint(cavity, (0.22, 0.06, 0.06))
    gap = float(np.linalg.norm(points[66] - points[62])) / unit
    down = (points[66] - points[62]) / (gap * unit)
    if gap > 0.16:
        tongue = points[66] - down * unit * 0.03
        area = shape(ellipse(tongue, (unit * 0.2, unit * (0.06 + 0.15 * gap))), 0.8)
        canvas.paint(area.within(cavity).times(0.9), (0.66, 0.28, 0.28))
    if rng.random() < 0.12 and gap < 0.12:
        return
    height = unit * min(0.125, 0.035 + 0.75 * gap) * rng.uniform(0.85, 1.1)
    middle = np.linspace(-1, 1, len(top))[:, None]
    edge = top + down * height * (1 - 0.3 * middle**2)
    white = np.array((0.93, 0.90, 0.84)) * rng.uniform(0.86, 1.03)
    teeth = shape(np.concatenate([top, edge[::-1]])).within(cavity)
    _paint_teeth(canvas, head, teeth, white)
    if gap > 0.12 and rng.random() < 0.5:
        rise = unit * 0.05
        lower = np.concatenate([bottom, (bottom - down * rise)[::-1]])
        _paint_teeth(canvas, head, shape(lower).within(cavity), white * 0.85)
    shadow = ribbon(top, unit * 0.05)
    canvas.shade(shape(shadow, 0.7).within(cavity).times(0.6), (0.5, 0.38, 0.38))


def _paint_teeth(canvas: Canvas, head: Head, teeth: Mask, white: np.ndarray) -> None:
    """Paint a row of teeth, darker to the corners, with thin gaps between them."""
    x, y = teeth.grid()
    u, _ = head.local(x, y)
    left, top = head.landmarks[62:63].astype(np.float32).T
    centre = head.local(left, top)[0]
    half = np.float32(0.4 * head.cos)
    across = np.clip((u - centre) / half, -1, 1)
    position = np.arcsin(across) * 7.5
    to_gap = np.abs(position - np.round(position)) * 2
    gaps = 1 - 0.30 * np.clip(1 - to_gap / 0.28, 0, 1)
    roundness = 1 - 0.45 * across**2
    canvas.paint(teeth, planes(white) * (gaps * roundness))
