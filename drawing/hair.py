"""Hair: styles as numbers, and the layers that follow from them."""

from typing import Final, NamedTuple

import numpy as np

from drawing.canvas import Layer, X, Y, mirrored, noise, planes, smooth
from drawing.features import FACE
from drawing.head import Head

HAIR: Final = 17


class Style(NamedTuple):
    """One style: shares of men and women, thickness on top and at the sides (0 on top for none).

    ``low`` is the y down to which it hangs; a fringe falls onto the forehead, further away from
    the parting by ``sweep``; ``curl`` is in pixels, 0 for strands. Lengths are in face units.
    """

    share: tuple[float, float]
    top: float
    sides: float
    low: float = 0.35
    fringe: float = 0.0
    sweep: float = 0.0
    curl: float = 0.0


STYLES: Final = (
    Style((0.6, 0), 0, 0),
    Style((2.0, 0.1), 0.03, 0.015, curl=1.6),
    Style((2.8, 0.4), 0.2, 0.06, fringe=0.1),
    Style((1.5, 0.5), 0.16, 0.09, fringe=0.1, sweep=0.42),
    Style((1.0, 0.9), 0.4, 0.3, fringe=0.08, curl=4),
    Style((0.1, 1.0), 0.08, 0.04),
    Style((0.1, 1.7), 0.15, 0.2, 1.2, fringe=0.1, sweep=0.42),
    Style((0.15, 2.9), 0.15, 0.2, 2.4, fringe=0.1, sweep=0.42),
    Style((0, 1.5), 0.14, 0.15, 2.2, fringe=0.58),
    Style((0.05, 0.6), 0.25, 0.4, 2.2, curl=4),
)
"""Bald, shorn, short, parted, curly, tied, bob, long, long with bangs, long curls."""


def hair(head: Head, rng: np.random.Generator) -> list[Layer]:
    """Return the hair behind the head and neck, its shadow on the face, and what is before it."""
    shares = np.array([style.share for style in STYLES])
    shares = shares @ (1 - head.person.femininity, head.person.femininity)
    style = STYLES[rng.choice(len(STYLES), p=shares / shares.sum())]
    if not style.top:
        return []
    parting, scale = rng.uniform(-0.55, 0.55), rng.uniform(0.8, 1.3)
    outer = smooth(head.skull(style.top * scale, style.sides * scale, style.low))
    outer += head.unit * rng.normal(0, 0.012 + 0.005 * style.curl, outer.shape)
    front = np.concatenate([outer, _hairline(head, style, parting, rng)[::-1]])
    colour = planes(head.person.hair) * _texture(head, style, parting, rng) * head.light_across()
    shadow = front + 0.13 * head.unit * np.array((-head.person.lamp[0], 0.5))
    return [
        Layer([outer], colour * np.float32(0.7), HAIR),
        Layer([shadow], over=FACE, opacity=0.65, blur=2, shades=True),
        Layer([front], colour, HAIR),
    ]


def _hairline(head: Head, style: Style, parting: float, rng: np.random.Generator) -> np.ndarray:
    """Return the edge of the hair on the face in pixels, left to right."""
    top = head.person.traits.hairline - 0.98
    half = [(0.88, style.low), (0.92, 0.3), (0.94, 0), (0.92, -0.3), (0.8, top + 0.35)]
    line = smooth(mirrored([*half, (0.55, top + 0.07), (0, top)]))
    line += rng.normal(0, 0.012, line.shape)
    fall = style.fringe * rng.uniform(0.6, 1.2, len(line))
    fall += style.sweep * np.abs(line[:, 0] - parting) ** 1.2
    line[:, 1] += fall * np.clip((0.95 - np.abs(line[:, 0])) / 0.2, 0, 1) * (line[:, 1] < -0.2)
    return head.on_face(line)


def _texture(head: Head, style: Style, parting: float, rng: np.random.Generator) -> np.ndarray:
    """Return the factor on the hair's colour in every pixel: curls, or strands from the parting."""
    if style.curl:
        return np.clip(1 + (0.06 + 0.03 * style.curl) * noise(rng, style.curl), 0.25, 2.2)
    crown = head.place(np.array([(parting, -1.6, 0.6)]))[0]
    right, down = (X - crown[0]) / head.unit, np.maximum(Y - crown[1], 0) / head.unit
    stream = right / np.sqrt(down + 0.08) + 0.03 * np.sin(5 * down)
    table, places = rng.normal(0, 0.14, 512), np.arange(512) / 50
    strands = np.interp(stream, places, table, period=places[-1])
    shine = 0.25 * np.exp(-(((down - 0.55) / 0.22) ** 2))
    return np.clip(1 + strands + shine, 0.25, 2.2).astype(np.float32)
