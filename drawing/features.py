"""The bare head: ears, skin, nose, mouth, eyes, brows and beard."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from drawing.canvas import Layer, ellipse, noise, planes, ribbon, smooth
from drawing.head import SIDES, Head

SKIN, NOSE, CAVITY, UPPER_LIP, LOWER_LIP = 1, 10, 11, 12, 13
BROWS, EYES, EARS = (3, 2), (5, 4), (8, 7)
"""Left and right are the person's: their right eye, the first, lies on the image's left."""

FACE: Final = (SKIN, NOSE)

LIPS: Final = (48, 49, 50, 51, 52, 53, 54), (48, 59, 58, 57, 56, 55, 54)
MOUTH: Final = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64)
LIDS: Final = ((36, 37, 38, 39), (36, 41, 40, 39)), ((42, 43, 44, 45), (42, 47, 46, 45))
"""Upper and lower edges of the lips, what is between them, and the eyes, as landmarks."""

BRIDGE: Final = np.array(((0.085, -0.03), (0.085, 0.15), (0.12, 0.36), (0.2, 0.5), (0.215, 0.57)))
EAR: Final = np.array(
    ((0.97, 0.48), (0.94, 0.1), (1.03, -0.17), (1.14, -0.1), (1.13, 0.2), (1.02, 0.54))
)
"""On the image's right, in face units."""


def features(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield the layers of the bare head."""
    light = head.light_on_skin()
    yield from (_ear(head, side, light) for side in SIDES)
    tone = 1 + 0.015 * noise(rng, 3) + 0.03 * noise(rng, 12)
    yield Layer([head.outline()], planes(head.person.skin) * tone * light, SKIN)
    yield from _nose(head)
    yield from _beard(head, rng)
    yield from _mouth(head, rng)
    for side in range(2):
        yield from _eye(head, side)
        yield _brow(head, side, rng)


def _ear(head: Head, side: int, light: np.ndarray) -> Layer:
    redder = planes(head.person.skin * (0.95, 0.85, 0.82)) * light
    outline = np.insert(smooth(EAR * (side, 1), closed=True), 2, 0.2, axis=1)
    return Layer([head.place(outline)], redder, EARS[side > 0])


def _edges(head: Head, edges: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    """Return curves through landmarks, each from left to right."""
    return [smooth(head.landmarks[list(edge)]) for edge in edges]


def _between(upper: np.ndarray, lower: np.ndarray) -> list[np.ndarray]:
    return [np.concatenate([upper, lower[::-1]])]


def _nose(head: Head) -> Iterator[Layer]:
    """Yield the nose's class, the shadow below it and the nostrils: its form is light's."""
    base, unit, size = head.landmarks[31:36], head.unit, head.person.traits.nose
    left, right = (head.on_face(BRIDGE * (side * size, 1), 0.09) for side in SIDES)
    yield Layer([np.concatenate([left, base, right[::-1]])], label=NOSE, over=FACE, opacity=0)
    below = base + np.array((0, 0.1 * unit))
    yield Layer(_between(base, below), opacity=0.6, blur=1.8, shades=True)
    nostrils = [ellipse(base[at] - (0, 0.02 * unit), 0.05 * unit, 0.025 * unit) for at in (1, 3)]
    yield Layer(nostrils, (0.4, 0.3, 0.3), over=FACE, shades=True)


def _beard(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield nothing, stubble or a beard: hair colour, but still the class of skin."""
    if head.person.femininity > 0.45 or rng.random() < 0.35:
        return
    points, grain = head.landmarks, noise(rng, 1.2, 3)
    lip = points[33] + 0.15 * (points[51] - points[33])
    top = points[54], (points[35] + points[54]) / 2, lip, (points[31] + points[48]) / 2, points[48]
    opacity = rng.choice((0.3, 1)) * np.clip(0.8 + 0.4 * grain, 0, 1)
    colour = planes(head.person.hair) * np.clip(1 + 0.4 * grain, 0.3, 2)
    outline = np.concatenate([smooth(points[1:16]), top])
    yield Layer([outline], colour, over=FACE, opacity=opacity, blur=1.5)


def _mouth(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield the mouth from the landmarks 48 to 67."""
    lips, unit, gap = head.person.lips, head.unit, head.person.gap
    (top, bottom), (upper, lower) = _edges(head, LIPS), _edges(head, MOUTH)
    below = [bottom + np.array((0, 0.03 * unit))]
    yield Layer(below, over=FACE, opacity=0.5, blur=1.2, shades=True)
    yield Layer(_between(top, upper), lips * 0.86, UPPER_LIP)
    yield Layer(_between(lower, bottom), lips * 1.04, LOWER_LIP)
    if gap:
        yield Layer(_between(upper, lower), (0.3, 0.09, 0.09), CAVITY)
        teeth = upper + np.array((0, unit * min(0.1, 0.03 + 0.5 * gap)))
        white = np.array((0.8, 0.76, 0.7)) * rng.uniform(0.8, 1.1)
        yield Layer(_between(upper, teeth), white, over=(CAVITY,))
    yield Layer([ribbon(upper, unit * 0.03, 0.15)], (0.5, 0.35, 0.35), shades=True)


def _eye(head: Head, side: int) -> Iterator[Layer]:
    """Yield an eye: white, iris with pupil and spark, lids and lashes."""
    label, unit, person = EYES[side], head.unit, head.person
    upper, lower = _edges(head, LIDS[side])
    yield Layer(_between(upper, lower), (0.74, 0.7, 0.68), label)
    share = 0.5 + 0.21 * person.traits.gaze
    centre = upper[0] + (upper[-1] - upper[0]) * share - (0, 0.022 * unit)
    discs = (0.105, person.iris * 0.5), (0.085, person.iris), (0.044, person.iris * 0.1)
    for radius, colour in discs:
        yield Layer([ellipse(centre, radius * unit)], colour, over=(label,))
    spark = centre + person.lamp[:2] * 0.06 * unit
    yield Layer([ellipse(spark, 0.023 * unit)], (0.95, 0.95, 0.95), over=(label,))
    strokes = (upper, 0.1), (upper - (0, 0.08 * unit), 0.025), (lower, 0.02)
    lines = [ribbon(line, width * unit, 0.15) for line, width in strokes]
    yield Layer(lines, opacity=0.6, blur=0.5, shades=True)
    yield Layer([ribbon(upper, 0.05 * unit, 0.5)], person.hair * 0.3, opacity=0.8)


def _brow(head: Head, side: int, rng: np.random.Generator) -> Layer:
    line = smooth(head.landmarks[17 + 5 * side : 22 + 5 * side])
    outline = ribbon(line, head.unit * (0.13 - 0.05 * head.person.femininity), 0.4)
    colour = 0.6 * head.person.hair + 0.2 * head.person.skin
    opacity = np.clip(0.85 + 0.2 * noise(rng, 1.2, 3), 0, 1)
    return Layer([outline], colour, BROWS[side], FACE, opacity, blur=0.7)
