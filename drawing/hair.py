"""Hair: its strands, sheen and shadow."""

from typing import Final

import numpy as np

from drawing.canvas import EVERYWHERE, Canvas, Mask, planes, shape, shapes, softened
from drawing.curves import ellipse, ribbon, smooth
from drawing.hairstyles import Hair, back_hair, cap, curtain, fringe
from drawing.head import Head
from drawing.noise import line_table, look_up, smooth_noise
from drawing.shading import Lighting

HAIR: Final = 17
SHADOW_ON_SKIN: Final = (0.66, 0.56, 0.54)
CROWN_Y: Final = -1.75
"""Where strands start, in face units."""


class HairPainter:
    """Paints all layers of a head's hair with one texture, so that they join without seams."""

    def __init__(self, canvas: Canvas, head: Head, hair: Hair, rng: np.random.Generator) -> None:
        self.canvas, self.head, self.hair, self.rng = canvas, head, hair, rng
        self.colours = _texture(head, hair, rng)

    def _paint(self, mask: Mask, factor: float | np.ndarray = 1.0) -> None:
        tone = self.colours[mask.window] * np.asarray(factor, np.float32)
        self.canvas.paint(mask, tone, HAIR)

    def draw_back(self) -> None:
        """Paint what is behind the head: a knot on top of tied hair, hair behind the neck."""
        if self.hair.name == "tied" and self.rng.random() < 0.5:
            across = float(self.rng.uniform(-0.25, 0.25))
            place = self.head.place(np.array([(across, -1.66, -0.35)]))[0]
            radius = self.head.unit * float(self.rng.uniform(0.3, 0.42))
            self._paint(shape(ellipse(place, (radius, radius * 0.85), 30)), 0.85)
        if self.hair.style.back:
            self._paint(shape(back_hair(self.head, self.hair, self.rng)), 0.7)

    def draw_cap(self, lighting: Lighting, face: Mask) -> None:
        """Paint the hair on the skull and the fringe, with their shadow on the face."""
        style = self.hair.style
        outlines = [cap(self.head, self.hair, self.rng)]
        if style.fringe:
            outlines += fringe(self.head, self.hair, self.rng)
        if style.texture == "strands" and style.top > 0.06:
            outlines += _flyaways(self.head, self.hair, self.rng)
        if style.texture == "stubble":
            mask = shapes(outlines, 0.8)
            self._cast_shadow(mask, face, 0.2)
            self._paint(mask.times(0.75), lighting.plain[mask.window])
            self.canvas.mark(mask, HAIR)
        else:
            mask = shapes(outlines)
            self._cast_shadow(mask, face, 0.6)
            self._paint(mask, lighting.plain[mask.window])

    def draw_curtain(self, side: int, face: Mask | None) -> None:
        """Paint the hair that hangs over one ear; ``face`` takes its shadow."""
        mask = shape(curtain(self.head, self.hair, self.rng, side))
        if face is not None:
            self._cast_shadow(mask, face, 0.5)
        self._paint(mask, 0.95 + 0.15 * side * self.head.person.light.direction[0])

    def _cast_shadow(self, mask: Mask, face: Mask, strength: float) -> None:
        light, unit = self.head.person.light.direction, self.head.unit
        shift = (-light[0] * unit * 0.12, max(-light[1], 0.1) * unit * 0.13)
        shadow = softened(mask, 2.2, shift).within(face)
        self.canvas.shade(shadow.times(strength), SHADOW_ON_SKIN)


def _texture(head: Head, hair: Hair, rng: np.random.Generator) -> np.ndarray:
    """Return the hair's colour in every pixel of the photo, (3, SIZE, SIZE)."""
    x, y = EVERYWHERE.grid()
    u, v = head.local(x, y)
    size = u.shape
    if hair.style.texture == "curls":
        tone = 0.24 * smooth_noise(rng, size, 5.5) + 0.16 * smooth_noise(rng, size, 2.6)
    elif hair.style.texture == "stubble":
        tone = 0.16 * smooth_noise(rng, size, 1.6)
    else:
        tone = _strands(hair, u, v, rng)
    lamp = np.float32(head.person.light.direction[0])
    side = np.clip(np.float32(0.85) + np.float32(0.55) * lamp * u, 0.5, 1.3)
    factor = np.clip(1 + tone, 0.25, 2.2) * side
    colour: np.ndarray = planes(hair.tone) * factor
    if hair.style.texture == "strands":
        band = np.exp(-(((v + 1.15 - 0.25 * u * u) / 0.22) ** 2))
        shine = 0.12 * band * side * (1 + 1.2 * np.clip(tone, -0.5, 1))
        colour += shine * planes(0.31 + 0.75 * hair.tone)
    return colour


def _strands(hair: Hair, u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return brightness along strands that spread from the parting and fall."""
    below = np.maximum(v - np.float32(CROWN_Y), 0)
    x = u - hair.parting * np.clip(1 - 0.4 * below, 0, 1)
    if hair.style.wave:
        swing = np.sin(5.5 * v + 3 * np.sin(2 * u + hair.parting))
        x += hair.style.wave * swing * np.minimum(below, 2)
    stream = x / np.sqrt(below + np.float32(0.08)) + 2
    fine = look_up(line_table(rng), stream * 70 + 0.5 * v)
    broad = look_up(line_table(rng), stream * 19 + 0.3 * v)
    tone: np.ndarray = 0.17 * fine + 0.15 * broad
    return tone


def _flyaways(head: Head, hair: Hair, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the outlines of single hairs that stand out from the skull."""
    contour = head.place(head.skull(hair.style.top, hair.style.sides, 0.2))
    number = int(rng.integers(4, 12))
    hairs = []
    for start in rng.integers(2, len(contour) - 5, number):
        root, ahead = contour[start], contour[start + 3]
        out = (root - head.landmarks[27]) * rng.uniform(0.02, 0.06)
        line = smooth(np.array([root - out, (root + ahead) / 2 + out * 0.6, ahead + out * 0.5]), 4)
        hairs.append(ribbon(line, np.linspace(0.8, 0.3, len(line))))
    return hairs
