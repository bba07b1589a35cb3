"""Hair styles as numbers, and the shapes that follow from them."""

from typing import Final, NamedTuple

import numpy as np

from drawing.curves import resample, smooth
from drawing.features import lift
from drawing.head import Head

HAIRLINE: Final = -0.98
FAR_SIDEBURN: Final = 0.05
"""How much of the hair beyond the far temple shows."""


class HairStyle(NamedTuple):
    """One style; lengths in face units.

    Attributes:
        share: How often it occurs: (at femininity 0, at femininity 1), relative.
        top: Thickness over the skull.
        sides: Thickness at the sides.
        back: Down to which y hair hangs behind the neck; 0 for none.
        curtains: Down to which y hair hangs over the ears; 0 for none.
        fringe: "" or "sweep" or "bangs" or "tufts".
        texture: "strands" or "curls" or "stubble".
        wave: How much the strands wave.
        rough: How uneven the outline is.
        high: How far the hairline is moved up.
    """

    share: tuple[float, float]
    top: float
    sides: float
    back: float = 0.0
    curtains: float = 0.0
    fringe: str = ""
    texture: str = "strands"
    wave: float = 0.0
    rough: float = 0.01
    high: float = 0.0


STYLES: Final = {
    "bald": HairStyle((0.6, 0), 0, 0),
    "receded": HairStyle((0.9, 0), 0.02, 0.07, high=0.42, rough=0.012),
    "buzz": HairStyle((1.2, 0.1), 0.03, 0.015, texture="stubble", rough=0.004),
    "short": HairStyle((1.6, 0.3), 0.14, 0.06, fringe="tufts", rough=0.018),
    "quiff": HairStyle((1.2, 0.1), 0.30, 0.06, wave=0.02, rough=0.02),
    "parted": HairStyle((1.5, 0.5), 0.16, 0.09, fringe="sweep"),
    "curly": HairStyle((0.7, 0.4), 0.26, 0.2, fringe="tufts", texture="curls", rough=0.035),
    "afro": HairStyle((0.3, 0.5), 0.5, 0.42, texture="curls", rough=0.03),
    "tied": HairStyle((0.1, 1.0), 0.08, 0.04, rough=0.006),
    "bob": HairStyle((0.1, 1.0), 0.15, 0.2, 1.35, 1.25, "sweep", wave=0.01),
    "bob with bangs": HairStyle((0, 0.7), 0.15, 0.2, 1.3, 1.2, "bangs"),
    "long": HairStyle((0.15, 1.5), 0.13, 0.16, 2.8, 2.4, "sweep", wave=0.015),
    "wavy": HairStyle((0.1, 1.4), 0.17, 0.3, 2.8, 2.2, "sweep", wave=0.06, rough=0.025),
    "long with bangs": HairStyle((0, 0.8), 0.13, 0.15, 2.8, 2.4, "bangs", wave=0.01),
    "long curls": HairStyle((0.05, 0.6), 0.25, 0.4, 2.4, 2.0, "", "curls", 0.05, 0.04),
}


class Hair(NamedTuple):
    """A head's hair as it falls.

    ``parting`` is where it parts: x in face units, -0.6 to 0.6. ``tone`` is RGB in [0, 1].
    """

    style: HairStyle
    parting: float
    tone: np.ndarray
    name: str


def sample_hair(rng: np.random.Generator, head: Head) -> Hair:
    """Return a style that suits the person."""
    femininity = head.person.femininity
    shares = np.array(
        [(1 - femininity) * s.share[0] + femininity * s.share[1] for s in STYLES.values()]
    )
    name = list(STYLES)[rng.choice(len(shares), p=shares / shares.sum())]
    style = STYLES[name]
    scale = rng.uniform(0.8, 1.3)
    style = style._replace(
        top=style.top * scale,
        sides=style.sides * scale * rng.uniform(0.85, 1.15),
        wave=style.wave * rng.uniform(0.5, 1.8),
    )
    parting = float(rng.uniform(-0.55, 0.55))
    return Hair(style, parting, head.person.complexion.hair, name)


def rough_edge(
    rng: np.random.Generator, curve: np.ndarray, amount: float, spacing: float = 3.0
) -> np.ndarray:
    """Return a curve (pixels) with tufts: moved about ``amount`` pixels every ``spacing``."""
    length = float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum())
    count = max(int(length / spacing), 4)
    points = resample(curve, count)
    points += rng.standard_normal((count, 2)) * amount
    return points


def hairline(head: Head, hair: Hair) -> np.ndarray:
    """Return the edge of the hair on the face, left to right, (n, 3) in face units."""
    high = hair.style.high - head.person.build.hairline
    top = HAIRLINE - high
    temple = -0.62 - 0.9 * high
    side = np.array(
        [
            (1.0, 0.30, -0.02),
            (0.955, 0.22, 0.12),
            (0.94, -0.02, 0.22),
            (0.90, -0.30, 0.36),
            (0.80, temple, 0.62),
            (0.55, top + 0.07, 0.92),
            (0.25, top - 0.01, 1.06),
        ]
    )
    middle = np.array([(0.0, top + 0.02, 1.1)])
    return smooth(np.concatenate([side * (-1, 1, 1), middle, side[::-1]]), 4)


def cap(head: Head, hair: Hair, rng: np.random.Generator) -> np.ndarray:
    """Return the outline of the hair on the skull, in pixels."""
    style = hair.style
    bottom = 0.42 if not style.curtains else 0.6
    outer = head.place(head.skull(style.top, style.sides, bottom))
    outer = rough_edge(rng, smooth(outer, 3), style.rough * head.unit, 2.5 + 60 * style.rough)
    inner = head.place(head.hug(hairline(head, hair), FAR_SIDEBURN))
    inner = rough_edge(rng, inner, 0.012 * head.unit, 2.5)
    return np.concatenate([outer, inner[::-1]])


def back_hair(head: Head, hair: Hair, rng: np.random.Generator) -> np.ndarray:
    """Return the outline of the hair that hangs behind the neck, in pixels."""
    style = hair.style
    skull = head.place(head.skull(style.top * 0.9, style.sides, 0.5))
    wide = 1.04 + style.sides * 1.1
    rows = np.linspace(0.9, style.back, 6)
    swing = 1 - 0.1 * (rows - 0.9) / 1.9 + style.wave * np.sin(rows * 6)
    left = head.body(np.stack([-wide * swing, rows], 1))
    right = head.body(np.stack([wide * swing, rows], 1))
    lower = smooth(np.concatenate([right, left[::-1]])[:, :], 3)
    return np.concatenate([skull, rough_edge(rng, lower, style.rough * head.unit, 5.0)])


def curtain(head: Head, hair: Hair, rng: np.random.Generator, side: int) -> np.ndarray:
    """Return the outline of the hair that hangs over one ear, in pixels."""
    style = hair.style
    wide = 1.03 + style.sides * 1.15
    skull = head.skull(style.top * 0.6, style.sides * 0.95, 0.3)
    half = skull[: len(skull) // 2] if side < 0 else skull[len(skull) // 2 :][::-1]
    outer = head.place(half[: len(half) - 4])
    rows = np.linspace(0.9, style.curtains, 5)
    far = head.body(np.stack([side * wide * (1 + style.wave * np.sin(rows * 6)), rows], 1))
    inner_rows = np.linspace(min(style.curtains, 2.0), 1.0, 4)
    overlap = 0.92 - 0.1 * style.sides
    near = head.body(np.stack([side * (overlap + 0.06 * np.sin(inner_rows * 3)), inner_rows], 1))
    top = hair.parting * 0.8
    edge = np.array(
        [
            (side * 0.95, 0.55, 0.15),
            (side * 0.94, 0.1, 0.25),
            (side * 0.84, -0.45, 0.6),
            (side * 0.5 + 0.5 * top, -0.86, 0.95),
            (top, HAIRLINE - 0.08, 1.05),
        ]
    )
    inner = np.concatenate([near, head.place(edge)])
    outline = np.concatenate([outer[::-1], far, inner])
    return rough_edge(rng, smooth(outline, 4), (0.008 + 0.5 * style.rough) * head.unit, 4.0)


def fringe(head: Head, hair: Hair, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the outlines of the hair that falls onto the forehead, in pixels."""
    top = HAIRLINE - hair.style.high + head.person.build.hairline
    kind, parting = hair.style.fringe, hair.parting
    roots = np.linspace(-0.78, 0.78, 22 if kind == "bangs" else 16)
    if kind == "bangs":
        tips = np.stack([roots * 1.06, np.full(len(roots), rng.uniform(-0.42, -0.3))], 1)
        tips[:, 1] += 0.12 * roots**2 + rng.normal(0, 0.025, len(roots))
    elif kind == "sweep":
        away = np.sign(roots - parting)
        reach = np.abs(roots - parting)
        tips = np.stack([roots + away * (0.10 + 0.18 * reach), np.full(len(roots), top)], 1)
        tips[:, 1] += 0.10 + 0.42 * np.clip(reach, 0, 1) ** 1.2 + rng.normal(0, 0.02, len(roots))
    else:
        lean = rng.uniform(-0.15, 0.15)
        tips = np.stack([roots + lean, top + rng.uniform(0.04, 0.22, len(roots))], 1)
    tips[:, 0] = np.clip(tips[:, 0], -0.97, 0.97)
    width = 0.075 if kind != "tufts" else 0.06
    base = np.full(len(roots), top - 0.1) + 0.22 * roots**2
    tufts = []
    for root, start, tip in zip(roots, base, tips, strict=True):
        bend = (root * 0.6 + tip[0] * 0.4, start + 0.55 * (tip[1] - start))
        fall = lift(np.array([(root, start), bend, tip]))
        line = smooth(head.place(head.hug(fall)), 4)
        span = head.unit * width * np.linspace(1.5, 0.15, len(line)) ** 0.7
        across = np.stack([span, np.zeros(len(line))], 1)
        tufts.append(np.concatenate([line - across, (line + across)[::-1]]))
    return tufts
