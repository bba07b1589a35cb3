"""The bare head: skin, nose, beard, mouth, eyes, brows and ears."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes, smooth_noise
from drawing.colours import SHADOW
from drawing.curves import ellipse, moved, ribbon, smooth, taper
from drawing.head import SIDES, Head

SKIN, NOSE, CAVITY, UPPER_LIP, LOWER_LIP = 1, 10, 11, 12, 13
BROWS, EYES, EARS = (3, 2), (5, 4), (8, 7)
"""Left and right are the person's: their right eye, the first, lies on the image's left."""

BRIDGE: Final = np.array([(0.085, -0.03), (0.085, 0.15), (0.12, 0.36), (0.2, 0.5), (0.215, 0.57)])
NOSTRIL: Final = np.array([(0.045, 0.625), (0.09, 0.6), (0.135, 0.61), (0.125, 0.64), (0.07, 0.65)])
"""On the image's right, in face units."""

EAR: Final = ((0, 0.48), (-0.03, 0.1), (0.08, -0.17), (0.21, -0.1), (0.2, 0.22), (0.06, 0.54))
HOLLOW: Final = ((0.04, 0.1), (0.1, -0.07), (0.15, 0), (0.12, 0.2), (0.05, 0.28))
"""Outward and down from where the ear meets the face, in face units."""

IRIS_RADIUS: Final = 0.105
BROW_PROFILE: Final = ((0, 0.08, 0.3, 0.65, 1), (0.5, 0.85, 1, 0.8, 0.12))
"""A brow's width from its inner to its outer end."""


def draw_features(canvas: Canvas, head: Head, light: np.ndarray, rng: np.random.Generator) -> Mask:
    """Paint the bare head but the ears, with the factor ``light`` on skin; return its mask."""
    face = shape(head.outline())
    tone = 1 + 0.015 * smooth_noise(rng, face.alpha.shape, 3)
    skin = planes(head.person.look.skin) * tone * light[face.window]
    canvas.paint(face, skin, SKIN)
    _draw_nose(canvas, head, face)
    _draw_beard(canvas, head, face, rng)
    _draw_mouth(canvas, head, face, rng)
    _draw_eyes(canvas, head, face)
    _draw_brows(canvas, head, face, rng)
    return face


def _draw_nose(canvas: Canvas, head: Head, face: Mask) -> None:
    """Mark the nose, and paint the nostrils and the shadow below."""
    base, size = head.landmarks[31:36], np.array((head.person.build.nose_width, 1.0))
    left, right = (head.on_face(BRIDGE * size * (side, 1), 0.09) for side in SIDES)
    outline = smooth(np.concatenate([left, base, right[::-1]]), 4)
    canvas.mark(shape(outline).within(face), NOSE)
    below = np.concatenate([base, moved(base[::-1], 0, head.unit * 0.1)])
    canvas.shade(shape(below, 1.8).times(0.6), SHADOW)
    size = size * (1, head.person.build.nose_length)
    nostrils = [head.on_face(NOSTRIL * size * (side, 1), 0.14) for side in SIDES]
    canvas.shade(shapes([smooth(each, closed=True) for each in nostrils]), (0.4, 0.3, 0.3))


def _draw_beard(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint stubble or a beard: hair colour, but still the class of skin."""
    look = head.person.look
    if not look.beard:
        return
    points, jaw = head.landmarks, head.jaw
    share = 0.4 if look.beard == "goatee" else 0.06
    low = jaw[int(len(jaw) * share) : int(len(jaw) * (1 - share)) + 1]
    top = points[33] + 0.15 * (points[51] - points[33])
    upper = (points[35] + points[54]) / 2, top, (points[31] + points[48]) / 2
    outline = np.concatenate([low, points[[54]], upper, points[[48]]])
    lips = smooth(points[48:60], 3, closed=True)
    mask = shapes([outline], 1.5, [lips]).within(face)
    grain = smooth_noise(rng, mask.alpha.shape, 1.2, 3)
    if look.beard == "stubble":
        mask = mask.times(0.2 + 0.15 * np.clip(grain, -1, 1))
    canvas.paint(mask, planes(look.hair) * np.clip(1 + 0.4 * grain, 0.3, 2))


def _draw_mouth(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint the mouth from the landmarks 48 to 67."""
    points, lips = head.landmarks, head.person.look.lips
    top, bottom = smooth(points[48:55]), smooth(points[[48, 59, 58, 57, 56, 55, 54]])
    inner_top, inner_bottom = smooth(points[60:65]), smooth(points[[60, 67, 66, 65, 64]])
    upper = shape(np.concatenate([top, inner_top[::-1]])).within(face)
    lower = shape(np.concatenate([bottom, inner_bottom[::-1]])).within(face)
    canvas.shade(shape(moved(bottom, 0, head.unit * 0.03), 1.2).times(0.5), SHADOW)
    canvas.paint(upper, lips * 0.86, UPPER_LIP)
    canvas.paint(lower, lips * 1.04, LOWER_LIP)
    if head.person.expression.gap:
        cavity = shape(np.concatenate([inner_top, inner_bottom[::-1]]))
        canvas.paint(cavity, (0.3, 0.09, 0.09), CAVITY)
        _draw_teeth(canvas, head, cavity, inner_top, rng)
    seam = ribbon(inner_top, head.unit * 0.03 * taper(len(inner_top)))
    canvas.shade(shape(seam), (0.5, 0.35, 0.35))


def _draw_teeth(
    canvas: Canvas, head: Head, cavity: Mask, top: np.ndarray, rng: np.random.Generator
) -> None:
    """Paint teeth with thin gaps behind the upper lip."""
    lowest = min(0.125, 0.035 + 0.75 * head.person.expression.gap)
    height = head.unit * lowest * rng.uniform(0.6, 1.1)
    teeth = shape(np.concatenate([top, moved(top, 0, height)[::-1]])).within(cavity)
    x, _ = teeth.grid()
    place = np.clip((x - head.landmarks[62, 0]) / (0.4 * head.cos * head.unit), -1, 1)
    gaps = np.abs((np.arcsin(place) * 7.5) % 1 - 0.5) > 0.4
    white = np.array((0.93, 0.90, 0.84)) * rng.uniform(0.86, 1.03)
    canvas.paint(teeth, planes(white) * (1 - 0.4 * place**2) * (1 - 0.2 * gaps))


def _draw_eyes(canvas: Canvas, head: Head, face: Mask) -> None:
    """Paint both eyes: white, iris, lids and lashes."""
    unit, lids, lines, lashes = head.unit, [], [], []
    for side, label in enumerate(EYES):
        points = head.landmarks[36 + 6 * side : 42 + 6 * side]
        upper, lower = smooth(points[:4]), smooth(points[[0, 5, 4, 3]])
        ball = shape(np.concatenate([upper, lower[::-1]])).within(face)
        canvas.paint(ball, (0.87, 0.84, 0.82), label)
        _draw_iris(canvas, head, points, ball)
        lids.append(ribbon(moved(upper, 0, 0.03 * unit), unit * 0.06 * taper(len(upper))))
        lines.append(ribbon(moved(upper, 0, -0.08 * unit), unit * 0.025 * taper(len(upper))))
        lines.append(ribbon(lower, unit * 0.02))
        lashes.append(ribbon(upper, unit * 0.05 * (0.4 + 0.6 * taper(len(upper)))))
    canvas.shade(shapes(lids, 0.8), SHADOW)
    canvas.shade(shapes(lines).times(0.7), SHADOW)
    canvas.paint(shapes(lashes).times(0.9), head.person.look.brows * 0.35)


def _draw_iris(canvas: Canvas, head: Head, points: np.ndarray, ball: Mask) -> None:
    right, down = head.person.expression.gaze
    radius = IRIS_RADIUS * head.unit
    middle = points[0] + (points[3] - points[0]) * (0.5 + 0.21 * right)
    centre = moved(middle, 0, head.unit * (0.035 * down - 0.022))
    iris = shape(ellipse(centre, radius)).within(ball)
    x, y = iris.grid()
    distance = np.hypot(x - centre[0], y - centre[1]) / radius
    tone = np.clip(2.9 - 2.35 * distance, 0.35, 1.1) * (1 + 0.35 * (y - centre[1]) / radius)
    canvas.paint(iris, planes(head.person.look.iris) * tone)
    canvas.paint(shape(ellipse(centre, radius * 0.42)).within(ball), (0.03, 0.02, 0.02))
    spark = centre + head.person.light.direction[:2] * radius * 0.55
    canvas.paint(shape(ellipse(spark, radius * 0.22)).within(ball), (1, 1, 1))


def _draw_brows(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint both brows."""
    for side, label in enumerate(BROWS):
        points = head.landmarks[17 + 5 * side : 22 + 5 * side]
        line = smooth(points if side else points[::-1])
        profile = np.interp(np.linspace(0, 1, len(line)), *BROW_PROFILE)
        outline = ribbon(line, 0.105 * head.unit * head.person.build.brow_weight * profile)
        canvas.mark(shape(outline).within(face), label)
        soft = shape(outline, 0.7).within(face)
        hairs = 0.85 + 0.2 * smooth_noise(rng, soft.alpha.shape, 1.2, 3)
        canvas.paint(soft.times(np.clip(hairs, 0, 1)), head.person.look.brows * 0.9)


def on_ear(head: Head, points: np.ndarray, side: int) -> np.ndarray:
    """Return pixels of an ear's points (outward, down) in face units."""
    out, down = points.T
    return head.place(np.stack([side * (0.97 + 0.8 * out), down, -0.05 - 0.9 * out], 1))


def draw_ear(canvas: Canvas, head: Head, side: int, light: np.ndarray) -> None:
    """Paint one ear."""
    mask = shape(on_ear(head, smooth(EAR, closed=True), side))
    redder = planes(head.person.look.skin * (0.99, 0.92, 0.90))
    canvas.paint(mask, redder * light[mask.window], EARS[side > 0])
    hollow = shape(on_ear(head, smooth(HOLLOW, closed=True), side), 0.7)
    canvas.shade(hollow.within(mask), SHADOW)
