"""Hair: styles as numbers, and the layers and strands that follow from them."""

from typing import Final, NamedTuple

import numpy as np

from drawing.canvas import EVERYWHERE, Canvas, Mask, planes, shape, smooth_noise
from drawing.curves import resample, smooth
from drawing.head import Head
from drawing.light import cast, light_across

HAIR: Final = 17
HAIRLINE: Final = -0.98
CROWN: Final = np.float32(-1.75)
"""Where strands start: y in face units."""


class Style(NamedTuple):
    """One style; lengths in face units.

    Attributes:
        share: How often it occurs: (at femininity 0, at femininity 1), relative.
        top: Thickness over the skull; 0 for none.
        sides: Thickness at the sides.
        back: Down to which y hair hangs behind the neck and over the ears; 0 for none.
        fringe: How far it falls onto the forehead, the same everywhere.
        sweep: How much further it falls away from the parting.
        curl: Size of curls in pixels; 0 for strands.
        rough: How uneven the outline is.
        high: How far the hairline is moved up.
    """

    share: tuple[float, float]
    top: float
    sides: float
    back: float = 0.0
    fringe: float = 0.0
    sweep: float = 0.0
    curl: float = 0.0
    rough: float = 0.012
    high: float = 0.0


STYLES: Final = (
    Style((0.6, 0), 0, 0),
    Style((0.9, 0), 0.02, 0.07, high=0.38),
    Style((1.2, 0.1), 0.03, 0.015, curl=1.6, rough=0.004),
    Style((1.6, 0.3), 0.14, 0.06, fringe=0.12, rough=0.018),
    Style((1.2, 0.1), 0.30, 0.06, rough=0.02),
    Style((1.5, 0.5), 0.16, 0.09, fringe=0.1, sweep=0.42),
    Style((0.7, 0.4), 0.26, 0.2, fringe=0.12, curl=4, rough=0.035),
    Style((0.3, 0.5), 0.5, 0.42, curl=4, rough=0.03),
    Style((0.1, 1.0), 0.08, 0.04, rough=0.006),
    Style((0.1, 1.0), 0.15, 0.2, 1.3, fringe=0.1, sweep=0.42),
    Style((0, 0.7), 0.15, 0.2, 1.3, fringe=0.58),
    Style((0.15, 2.9), 0.15, 0.22, 2.6, fringe=0.1, sweep=0.42, rough=0.02),
    Style((0, 0.8), 0.13, 0.15, 2.6, fringe=0.58),
    Style((0.05, 0.6), 0.25, 0.4, 2.2, curl=4, rough=0.04),
)
"""Bald, receded, shorn, short, quiff, parted, curly, afro, tied, bob, bob with bangs,
long, long with bangs, long curls."""


class Hair:
    """A head's hair: one texture for all layers, so that they join without seams."""

    def __init__(self, canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
        self.canvas, self.head, self.rng = canvas, head, rng
        femininity = head.person.femininity
        shares = np.array([style.share for style in STYLES]) @ (1 - femininity, femininity)
        style = STYLES[rng.choice(len(STYLES), p=shares / shares.sum())]
        scale = rng.uniform(0.8, 1.3)
        self.style = style._replace(top=style.top * scale, sides=style.sides * scale)
        self.parting = float(rng.uniform(-0.55, 0.55))
        self._tone = self._texture()

    def _paint(self, outline: np.ndarray, bright: float = 1.0) -> None:
        mask = shape(outline)
        light = bright * light_across(self.head, mask)
        self.canvas.paint(mask, self._tone[mask.window] * light, HAIR)

    def _rough(self, curve: np.ndarray, amount: float) -> np.ndarray:
        """Return a curve (pixels) with tufts that stand out by about ``amount`` face units."""
        length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
        points = resample(curve, max(int(length / 3), 4))
        return points + amount * self.head.unit * self.rng.standard_normal(points.shape)

    def draw_back(self) -> None:
        """Paint the hair behind the neck."""
        style, head = self.style, self.head
        if style.back:
            rows = np.linspace(0.9, style.back, 6)
            hanging = np.stack([(1.04 + 1.1 * style.sides) * (1.05 - 0.05 * rows), rows], 1)
            lower = head.body(np.concatenate([hanging, hanging[::-1] * (-1, 1)]))
            skull = head.place(head.skull(style.top * 0.9, style.sides, 0.5))
            self._paint(np.concatenate([skull, self._rough(lower, style.rough)]), 0.7)

    def draw_cap(self, face: Mask) -> None:
        """Paint the hair on the skull with its shadow on the face."""
        style, head = self.style, self.head
        if not style.top:
            return
        outer = head.place(head.skull(style.top, style.sides, 0.6 if style.back else 0.42))
        inner = head.place(head.hug(self._hairline()))
        outline = np.concatenate([self._rough(smooth(outer, 3), style.rough), inner[::-1]])
        cast(self.canvas, head, [outline], face, 0.13)
        self._paint(outline)

    def _hairline(self) -> np.ndarray:
        """Return the edge of the hair on the face, left to right, (n, 3) in face units."""
        style = self.style
        high = style.high - self.head.person.build.hairline
        top, temple = HAIRLINE - high, -0.62 - 0.9 * high
        left = [(-1.0, 0.3, -0.02), (-0.955, 0.22, 0.12), (-0.94, -0.02, 0.22), (-0.9, -0.3, 0.36)]
        left += [(-0.8, temple, 0.62), (-0.55, top + 0.07, 0.92), (0, top, 1.08)]
        line = smooth(left + [(-x, y, z) for x, y, z in left[-2::-1]])
        line += self.rng.normal(0, 0.012, line.shape)
        line[:, 2] *= 1 - 0.7 * max(high, 0)
        if style.fringe:
            fall = style.fringe * self.rng.uniform(0.6, 1.2, len(line))
            fall += style.sweep * np.abs(line[:, 0] - self.parting) ** 1.2
            line[:, 1] += fall * np.clip((0.95 - np.abs(line[:, 0])) / 0.2, 0, 1)
        return line

    def draw_curtain(self, side: int, face: Mask) -> None:
        """Paint the hair that hangs over one ear, with its shadow on the face."""
        style, head = self.style, self.head
        if not style.back:
            return
        wide, low = 1.03 + style.sides * 1.15, style.back * 0.9
        skull = head.skull(style.top * 0.6, style.sides * 0.95, 0.3)[::side]
        outer = head.place(skull[len(skull) // 2 + 4 :])
        far = [(side * wide, y) for y in np.linspace(0.9, low, 4)]
        near = [(side * (0.92 - 0.1 * style.sides), y) for y in (min(low, 2.0), 1.5, 1.0)]
        edge = [(side * 0.95, 0.55, 0.15), (side * 0.94, 0.1, 0.25), (side * 0.84, -0.45, 0.6)]
        top = self.parting * 0.8
        edge += [(side * 0.5 + 0.5 * top, -0.86, 0.95), (top, HAIRLINE - 0.08, 1.05)]
        inner = head.body(np.array(far + near)), head.place(np.array(edge))
        outline = self._rough(smooth(np.concatenate([outer, *inner])), style.rough)
        cast(self.canvas, head, [outline], face, 0.13)
        self._paint(outline)

    def _texture(self) -> np.ndarray:
        """Return the hair's colour in every pixel, (3, SIZE, SIZE): curls, or falling strands."""
        head, curl = self.head, self.style.curl
        u, v = head.local(*EVERYWHERE.grid())
        if curl:
            tone = (0.1 + 0.04 * curl) * smooth_noise(self.rng, u.shape, curl)
        else:
            below = np.maximum(v - CROWN, 0)
            x = u - self.parting * np.clip(1 - 0.4 * below, 0, 1) + 0.03 * np.sin(5.5 * v + 3 * u)
            stream = x / np.sqrt(below + np.float32(0.08))
            table, index = self.rng.normal(0, 0.2, 512), np.arange(512) / 50
            tone = np.interp(stream, index, table, period=index[-1])
            tone += 0.25 * np.exp(-(((v + 1.15 - 0.25 * u * u) / 0.22) ** 2))
        return planes(head.person.look.hair) * np.clip(1 + tone, 0.25, 2.2).astype(np.float32)
