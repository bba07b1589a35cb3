"""Who is drawn: what is sampled of a person before the first stroke; RGB in [0, 1]."""

from typing import Final, NamedTuple

import numpy as np

SKIN: Final = ((0.98, 0.85, 0.77), (0.9, 0.7, 0.57), (0.61, 0.4, 0.28), (0.35, 0.22, 0.16))
HAIR: Final = ((0.07, 0.06, 0.06), (0.3, 0.19, 0.12), (0.55, 0.3, 0.14), (0.82, 0.68, 0.45))
IRISES: Final = ((0.2, 0.11, 0.06), (0.34, 0.2, 0.1), (0.35, 0.42, 0.25), (0.32, 0.48, 0.62))
"""Skin from light to dark; black, brown, red and blond hair; brown to blue eyes."""


class Traits(NamedTuple):
    """Angles in radians (> 0 to the image's right, and downwards), else shares or face units."""

    yaw: float
    pitch: float
    roll: float
    length: float
    jaw: float
    eyes: float
    gaze: float
    brows: float
    nose: float
    mouth: float
    lips: float
    smile: float
    hairline: float


WOMAN: Final = Traits(0, 0.02, 0, 1, 0.94, 1.07, 0, 0.04, 0.95, 1, 1.1, 0.5, 0)
MAN: Final = Traits(0, 0.02, 0, 1, 1.04, 0.95, 0, 0, 1.05, 1, 0.9, 0.4, -0.15)
SPREAD: Final = (0.16, 0.09, 0.1, 0.045, 0.05, 0.09, 0.35, 0.03, 0.08, 0.08, 0.2, 0.4, 0.1)
"""Means and standard deviations."""


class Person:
    """Everything sampled about a head; what it wears is sampled where it is drawn.

    Attributes:
        femininity: [0, 1].
        traits: Of the head.
        gap: Between the lips, face units; 0 for a closed mouth.
        skin: Its colour, as ``hair``, ``iris`` and ``lips``.
        lamp: Unit vector towards the light: x right, y down, z to the viewer.
        ambient: The share of light that comes from everywhere.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.femininity = float(rng.random())
        mean = np.array(MAN) + self.femininity * (np.array(WOMAN) - MAN)
        drawn = rng.standard_normal(len(mean)).clip(-2, 2)
        self.traits = Traits(*(mean + drawn * SPREAD).tolist())
        self.gap = float(rng.uniform(0.08, 0.32)) if rng.random() < 0.55 else 0.0
        darkness = rng.beta(1.1, 1.6)
        self.skin = between(SKIN, darkness)
        self.hair = between(HAIR, rng.random() * max(1 - 1.3 * darkness, 0.2))
        if rng.random() < 0.1:
            self.hair += rng.uniform(0.4, 0.9) * (rng.uniform(0.55, 0.8) - self.hair)
        self.iris = between(IRISES, rng.random() * (1 - darkness))
        made_up = self.femininity * rng.random()
        self.lips = self.skin * (0.88, 0.62 - 0.3 * made_up, 0.62 - 0.2 * made_up)
        lamp = np.array((rng.normal(0, 0.5), -rng.uniform(0.2, 1), 1), np.float32)
        self.lamp = lamp / np.linalg.norm(lamp)
        self.ambient = float(rng.uniform(0.4, 0.8))


def between(table: tuple[tuple[float, ...], ...], share: float) -> np.ndarray:
    """Return the colour at a share of the way through a table, [0, 1]."""
    places = np.linspace(0, 1, len(table))
    return np.array([np.interp(share, places, channel) for channel in zip(*table, strict=True)])


def sample_colour(rng: np.random.Generator, low: float = 0.1, high: float = 0.85) -> np.ndarray:
    """Return a colour of brightness ``low`` to ``high``; most are muted, a few are strong."""
    value, hue, chroma = rng.uniform(low, high), rng.uniform(0, 2 * np.pi), rng.beta(1.0, 3.2)
    colour = value * (1 + chroma * np.cos(hue + np.array((0, 2.1, 4.2))))
    return np.clip(colour, 0.02, 0.98)
