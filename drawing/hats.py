"""Hats: caps, beanies, brimmed hats and head bands."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, blend, shape, shapes, softened
from drawing.colours import sample_colour
from drawing.curves import ribbon, smooth
from drawing.features import lift
from drawing.hair import SHADOW_ON_SKIN
from drawing.head import Head
from drawing.noise import smooth_noise
from drawing.shading import Lighting

HAT: Final = 18
KINDS: Final = ("beanie", "cap", "brim", "band")


def draw_hat(
    canvas: Canvas, head: Head, lighting: Lighting, face: Mask, rng: np.random.Generator
) -> None:
    """Paint a hat over hair and forehead, with its shadow on the face."""
    kind = KINDS[rng.integers(len(KINDS))]
    line = float(rng.uniform(-0.72, -0.52))
    colour = sample_colour(rng, 0.08, 0.8)
    mask = _band(head, line - 0.25) if kind == "band" else _crown(head, kind, line)
    size = mask.alpha.shape
    x, y = mask.grid()
    u, v = head.local(x, y)
    tone = 1 + 0.05 * smooth_noise(rng, size, 3) + 0.06 * smooth_noise(rng, size, 12)
    if kind == "beanie":
        tone = tone + 0.16 * np.sin(np.arcsin(np.clip(u / 1.3, -1, 1)) * 42)
    if kind == "cap":
        seams = np.abs((np.arcsin(np.clip(u / 1.25, -1, 1)) * 2.5 + 0.5) % 1 - 0.5) < 0.03
        tone = tone - 0.25 * seams
    fold = v > line - 0.3 if kind in ("beanie", "brim") else np.zeros(size, bool)
    second = sample_colour(rng) if rng.random() < 0.5 else colour * 0.75
    cloth = blend(colour, second, fold) * tone
    _cast(canvas, head, mask, face)
    canvas.paint(mask, cloth * lighting.plain[mask.window], HAT)
    if kind in ("cap", "brim"):
        _draw_brim(canvas, head, kind, line, colour, face)


def _crown(head: Head, kind: str, line: float) -> Mask:
    high = {"beanie": 0.24, "cap": 0.2, "brim": 0.3}[kind]
    outer = head.place(head.skull(high, 0.14, line + 0.16))
    front = np.array([(-0.98, line + 0.1), (-0.6, line - 0.0), (0, line - 0.05)])
    front = np.concatenate([front, front[1::-1] * (-1, 1)])
    edge = smooth(head.on_face(front, 0.1), 6)
    return shape(np.concatenate([smooth(outer, 3), edge[::-1]]))


def _band(head: Head, line: float) -> Mask:
    right = np.array([(0.0, line - 0.06), (0.6, line), (0.93, line + 0.17)])
    behind = [(1.06, line + 0.32, -0.1), (0.9, line + 0.45, -0.8)]
    above = np.concatenate([lift(right, 0.06), behind])
    across = np.concatenate([above[:0:-1] * (-1, 1, 1), above])
    skull = shape(head.place(head.skull(0.2, 0.08, 0.3)))
    return shape(ribbon(smooth(head.place(head.hug(across)), 6), head.unit * 0.2)).within(skull)


def _draw_brim(
    canvas: Canvas, head: Head, kind: str, line: float, colour: np.ndarray, face: Mask
) -> None:
    if kind == "cap":
        points = [(-0.86, line + 0.06, 0.75), (-0.7, line + 0.14, 1.45), (0, line + 0.13, 1.85)]
    else:
        points = [(-1.75, line + 0.02, -0.1), (-0.95, line + 0.16, 1.1), (0, line + 0.14, 1.6)]
    lower = np.array(points)
    lower = np.concatenate([lower, lower[1::-1] * (-1, 1, 1)])
    upper = np.array([(0.86, line + 0.04, 0.8), (0, line - 0.06, 1.2), (-0.86, line + 0.04, 0.8)])
    if kind == "brim":
        upper = np.array([(1.3, line - 0.12, 0), (0, line - 0.08, 1.2), (-1.3, line - 0.12, 0)])
    outline = np.concatenate([smooth(head.place(lower), 6), smooth(head.place(upper), 6)])
    mask = shape(outline)
    _cast(canvas, head, mask, face)
    canvas.paint(mask, colour * 0.82, HAT)
    rim = shapes([ribbon(smooth(head.place(lower), 6), 1.2)]).within(mask)
    canvas.shade(rim, 0.7)


def _cast(canvas: Canvas, head: Head, mask: Mask, face: Mask) -> None:
    light = head.person.light.direction
    shift = (-light[0] * head.unit * 0.2, max(-light[1], 0.15) * head.unit * 0.32)
    canvas.shade(softened(mask, 2.5, shift).within(face).times(0.7), SHADOW_ON_SKIN)
