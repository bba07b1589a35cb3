"""What is worn above the clothes: earrings, a necklace, glasses, a hat."""

from typing import Final

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes, smooth_noise
from drawing.colours import METALS, sample_colour
from drawing.curves import ellipse, moved, resample, ribbon, smooth
from drawing.features import on_ear
from drawing.head import SIDES, Head
from drawing.light import cast, light_across

GLASSES, EARRING, NECKLACE, HAT = 6, 9, 15, 18

SEEN_THROUGH: Final = (0, 1, 7, 8, 17)
"""Background, skin, ears and hair: in hand-made label maps a clear lens hides them, while the eye,
brow and nose behind it keep their classes."""

LENSES: Final = (
    ((-26, 0), (-18, -17), (0, -22), (18, -17), (26, 0), (18, 18), (0, 25), (-18, 18)),
    ((-28, -13), (-20, -18), (20, -19), (30, -15), (28, 8), (20, 18), (-16, 18), (-27, 9)),
    ((-25, -12), (-10, -18), (20, -18), (31, -9), (27, 14), (9, 30), (-9, 24), (-22, 6)),
    ((-26, -8), (-10, -12), (20, -12), (28, -7), (26, 7), (10, 13), (-14, 13), (-25, 6)),
)
"""On the image's right: outwards and down from the middle, in hundredths of a face unit."""

LENS_MIDDLE: Final = (0.43, 0.03)
LENS_HEIGHT: Final = 0.1

BRIMS: Final = (
    (),
    ((-0.86, 0.06, 0.75), (-0.7, 0.14, 1.45), (0, 0.13, 1.85), (0, -0.06, 1.2), (-0.86, 0.04, 0.8)),
    ((-1.75, 0.02, -0.1), (-0.95, 0.16, 1.1), (0, 0.14, 1.6), (0, -0.08, 1.2), (-1.3, -0.12, 0.0)),
)
"""None, a cap's, a wide one: on the image's left, y from the hat's line; three points of the lower
edge, two of the upper one."""


def draw_earrings(canvas: Canvas, head: Head, sides: list[int], rng: np.random.Generator) -> None:
    """Paint hoops, or beads that hang more or less low."""
    metal = METALS[rng.integers(len(METALS))] * np.float32(rng.uniform(0.7, 1))
    is_hoop, size = rng.random() < 0.4, rng.random()
    for side in sides:
        lobe = on_ear(head, np.array([(0.075, 0.48)]), side)[0]
        radius = head.unit * (0.12 + 0.16 * size if is_hoop else 0.06 + 0.02 * size)
        end = moved(lobe, 0, radius if is_hoop else head.unit * max(0.6 * size - 0.3, 0))
        chain = ribbon(np.stack([lobe, end]), 1.8)
        hole = [ellipse(end, radius - head.unit * 0.045)] if is_hoop else []
        canvas.paint(shapes([chain, ellipse(end, radius)], holes=hole), metal, EARRING)


def draw_necklace(canvas: Canvas, head: Head, neck: Mask, rng: np.random.Generator) -> None:
    """Paint a chain or a string of beads around the neck."""
    half, low = head.person.build.neck, rng.uniform(1.72, 2.05)
    right = np.array([(half, 1.5), (half * 0.6, low - 0.08), (0, low)])
    line = smooth(head.body(np.concatenate([right, right[1::-1] * (-1, 1)])), 10)
    beads = [ellipse(bead, head.unit * 0.048) for bead in resample(line, 24)]
    parts = beads if rng.random() < 0.5 else [ribbon(line, head.unit * 0.05)]
    cast(canvas, head, parts, neck, 0.05)
    canvas.paint(shapes(parts).within(neck), METALS[rng.integers(len(METALS))], NECKLACE)


def draw_glasses(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint glasses; dark lenses hide what is behind them."""
    thickness = head.unit * rng.uniform(0.02, 0.075)
    outline = np.array(LENSES[rng.integers(len(LENSES))]) / 100 * rng.uniform(0.95, 1.15)
    outline += LENS_MIDDLE
    bridge = np.array([(-0.18, -0.02), (-0.08, -0.075), (0.08, -0.075), (0.18, -0.02)])
    bars = [smooth(head.on_face(bridge, LENS_HEIGHT + 0.05), 4)]
    lenses = []
    for side in SIDES:
        lenses.append(head.on_face(smooth(outline * (side, 1), closed=True), LENS_HEIGHT))
        if not head.is_far(side):
            hinge = head.on_face(np.array([(side * outline[:, 0].max(), -0.06)]), LENS_HEIGHT)
            ear = head.place(np.array([(side * 1.0, -0.05, 0.35), (side * 1.02, -0.03, 0.0)]))
            bars.append(np.concatenate([hinge, ear]))
    rims = [ribbon(np.concatenate([lens, lens[:2]]), thickness) for lens in lenses]
    frame = rims + [ribbon(bar, thickness * 0.85) for bar in bars]
    cast(canvas, head, frame, face, 0.08)
    _draw_glass(canvas, shapes(lenses), rng)
    colour = sample_colour(rng, 0.02, 0.16 if rng.random() < 0.65 else 0.7)
    canvas.paint(shapes(frame), colour, GLASSES)


def _draw_glass(canvas: Canvas, glass: Mask, rng: np.random.Generator) -> None:
    """Paint clear or dark lenses with slanting streaks of light."""
    dark = rng.random() < 0.25
    canvas.paint(glass.times(0.94 if dark else 0.05), rng.uniform(0.02, 0.14, 3))
    x, y = glass.grid()
    streak = np.clip(1 - np.abs((x + rng.uniform(-0.6, 0.6) * y) % 46 - 20) / 8, 0, 1)
    canvas.paint(glass.times(streak * rng.uniform(0, 0.15)), (1, 1, 1))
    canvas.mark(glass, GLASSES, () if dark else SEEN_THROUGH)


def draw_hat(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint a beanie, cap or hat with a brim over hair and forehead."""
    line, colour = float(rng.uniform(-0.72, -0.52)), sample_colour(rng, 0.08, 0.8)
    outer = head.place(head.skull(rng.uniform(0.18, 0.3), 0.14, line + 0.16))
    left = np.array([(-0.98, line + 0.1), (-0.6, line), (0, line - 0.05)])
    edge = head.on_face(np.concatenate([left, left[1::-1] * (-1, 1)]), 0.1)
    crown = np.concatenate([smooth(outer, 3), smooth(edge)[::-1]])
    cast(canvas, head, [crown], face, 0.3)
    mask = shape(crown)
    tone = 1 + rng.uniform(0.03, 0.15) * smooth_noise(rng, mask.alpha.shape, 2, rng.uniform(1, 20))
    canvas.paint(mask, planes(colour) * tone * light_across(head, mask), HAT)
    brim = BRIMS[rng.integers(len(BRIMS))]
    if brim:
        left = np.array(brim) - (0, -line, 0)
        right = left * (-1, 1, 1)
        lower, upper = [*left[:3], *right[1::-1]], [right[4], *left[3:]]
        outline = np.concatenate([smooth(head.place(np.array(e))) for e in (lower, upper)])
        cast(canvas, head, [outline], face, 0.3)
        canvas.paint(shape(outline), colour * 0.82, HAT)
