"""What surrounds a head: background, neck, clothes, earrings, a necklace, glasses, a hat."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from drawing.canvas import SIZE, Layer, X, Y, ellipse, mirrored, noise, planes, ribbon, smooth
from drawing.features import FACE, SKIN
from drawing.head import SIDES, Head
from drawing.person import sample_colour

GLASSES, EARRING, NECK, NECKLACE, CLOTH, HAT = 6, 9, 14, 15, 16, 18

SEEN_THROUGH: Final = (0, 1, 7, 8, 17)
"""Background, skin, ears and hair: in hand-made label maps a clear lens hides them, while the eye,
brow and nose behind it keep their classes."""

METALS: Final = ((0.86, 0.72, 0.38), (0.80, 0.80, 0.83), (0.93, 0.90, 0.86))

NECK_WIDTH: Final = 0.66
SHOULDER: Final = ((3.2, 4.2), (2.9, 3.1), (2.5, 2.4), (1.7, 2.12), (1.0, 1.93))
NECKLINES: Final = ((1.84, 1.98), (1.84, 2.35), (1.7, 1.8))
"""How high they reach at the neck's sides, and their lowest point: y."""


def background(rng: np.random.Generator) -> Iterator[Layer]:
    """Yield two colours that flow into each other, and now and then shapes out of focus."""
    everywhere = np.array([(0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE)])
    right, down = rng.normal(0, 0.5, 2)
    flow = 0.5 + right * (2 * X / SIZE - 1) + down * (2 * Y / SIZE - 1)
    flow += 1.2 * noise(rng, rng.uniform(16, 50))
    yield Layer([everywhere], sample_colour(rng))
    yield Layer([everywhere], sample_colour(rng), opacity=np.clip(flow, 0, 1))
    blur = rng.uniform(0, 2)
    for _ in range(rng.integers(12) * (rng.random() < 0.5)):
        disc = ellipse(rng.uniform(0, SIZE, 2), *rng.uniform(10, 60, 2))
        yield Layer([disc[:: rng.choice((1, 6))]], sample_colour(rng), blur=blur)


def neck(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield the neck with the head's shadow, and sometimes a necklace."""
    half = NECK_WIDTH * head.person.traits.jaw
    side = [(2.3, 4.2), (2.2, 2.5), (1.5, 2.15), (half * 1.12, 1.85), (half, 1.6), (half, 0.5)]
    skin = planes(head.person.skin * (0.95, 0.92, 0.9)) * (1 + 0.015 * noise(rng, 3))
    outline = head.body(mirrored([*smooth(side), (0, 0.5)]))
    yield Layer([outline], skin * head.light_across(), NECK)
    yield shadow(head, [head.outline()], 0.35, NECK)
    if rng.random() < 0.1 + 0.25 * head.person.femininity:
        low = rng.uniform(1.72, 2.05)
        line = smooth(head.body(mirrored([(half, 1.5), (half * 0.6, low - 0.08), (0, low)])))
        beads = [ellipse(bead, head.unit * rng.uniform(0.03, 0.06)) for bead in line]
        yield Layer(beads, METALS[rng.integers(3)], NECKLACE, (NECK,))


def clothes(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield shoulders with a neckline; the cloth is plain, striped or chequered, with folds."""
    rise, depth = NECKLINES[rng.integers(len(NECKLINES))]
    width, depth = NECK_WIDTH * head.person.traits.jaw * 1.08, depth + rng.uniform(-0.08, 0.1)
    collar = [(width, rise), (width * 0.75, (rise + depth) / 2), (0, depth)]
    period, (bars, rows) = rng.uniform(14, 40), rng.random(2) < 0.3
    x, y = (at % period < period / 2 for at in (X, Y))
    first, second = (planes(sample_colour(rng, 0.08, 0.9)) for _ in range(2))
    colour = first + 0.5 * ((x & bars) * 1.0 + (y & rows)) * (second - first)
    folds = (1 + 0.08 * noise(rng, 16, 2)) * head.light_across()
    yield Layer([head.body(mirrored([*smooth(SHOULDER), *collar]))], colour * folds, CLOTH)


def earrings(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield hoops, from a bead to a wide ring."""
    radius, thickness = head.unit * rng.uniform((0.06, 0.04), (0.25, 0.1))
    metal = METALS[rng.integers(3)]
    for side in SIDES:
        lobe = head.place(np.array([(side * 1.03, 0.5, 0.2)]))
        ring = ellipse(lobe + np.array((0, radius)), radius)
        yield Layer([ribbon(ring, thickness)], metal, EARRING)


def glasses(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield glasses; dark lenses hide what is behind them."""
    thickness, height = head.unit * rng.uniform(0.02, 0.075), 0.1
    radii = rng.uniform((0.24, 0.14), (0.3, 0.25))
    outline = ellipse((0.43, 0.03), *radii, power=rng.uniform(0.4, 1))
    lenses = [head.on_face(outline * (side, 1), height) for side in SIDES]
    bars = [np.array([(side * 0.68, -0.06), (side * 1.02, -0.05)]) for side in SIDES]
    bars.append(np.array([(-0.18, -0.02), (0, -0.09), (0.18, -0.02)]))
    frame = [ribbon(lens, thickness) for lens in lenses]
    frame += [ribbon(head.on_face(bar, height), thickness) for bar in bars]
    yield shadow(head, frame, 0.08)
    dark = rng.random() < 0.25
    yield Layer(lenses, rng.uniform(0.02, 0.14, 3), opacity=0.94 if dark else 0.05)
    yield Layer(lenses, label=GLASSES, over=() if dark else SEEN_THROUGH, opacity=0)
    yield Layer(frame, sample_colour(rng, 0.02, 0.16 if rng.random() < 0.65 else 0.7), GLASSES)


def hat(head: Head, rng: np.random.Generator) -> Iterator[Layer]:
    """Yield a hat over hair and forehead, with or without a brim."""
    line, colour = rng.uniform(-0.72, -0.52), planes(sample_colour(rng, 0.08, 0.8))
    edge = smooth(head.on_face(mirrored([(0.98, line + 0.1), (0.6, line), (0, line - 0.05)]), 0.1))
    crown = np.concatenate([head.skull(rng.uniform(0.18, 0.3), 0.14, line + 0.16), edge[::-1]])
    knitted = 1 + rng.uniform(0.03, 0.15) * noise(rng, 2, rng.uniform(1, 20))
    yield shadow(head, [crown], 0.3)
    yield Layer([crown], colour * knitted * head.light_across(), HAT)
    if rng.random() < 0.6:
        brim = ellipse(
            (edge[0] + edge[-1]) / 2, head.unit * rng.uniform(1.1, 1.7), head.unit * 0.14
        )
        yield shadow(head, [brim], 0.3)
        yield Layer([brim], colour * 0.82, HAT)


def shadow(head: Head, outlines: list[np.ndarray], height: float, label: int = SKIN) -> Layer:
    """Return the soft shadow of what stands ``height`` face units above the skin."""
    right, down, _ = head.person.lamp
    shift = head.unit * height * np.array((-right, max(-down, 0.1)))
    moved, over = [outline + shift for outline in outlines], FACE if label == SKIN else (label,)
    return Layer(moved, over=over, opacity=0.65, blur=1 + 6 * height, shades=True)
