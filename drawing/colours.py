"""Colours of skin, hair, eyes and everything else: RGB in [0, 1], float32."""

from typing import Final

import numpy as np


def _table(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


SKIN_TONES: Final = _table(
    (0.98, 0.85, 0.77),
    (0.95, 0.78, 0.67),
    (0.90, 0.70, 0.57),
    (0.83, 0.61, 0.47),
    (0.73, 0.51, 0.37),
    (0.61, 0.40, 0.28),
    (0.47, 0.30, 0.21),
    (0.35, 0.22, 0.16),
)
"""From light to dark."""

HAIR_COLOURS: Final = _table(
    (0.07, 0.06, 0.06),
    (0.16, 0.11, 0.09),
    (0.27, 0.17, 0.11),
    (0.40, 0.26, 0.16),
    (0.47, 0.23, 0.11),
    (0.66, 0.33, 0.14),
    (0.64, 0.48, 0.28),
    (0.82, 0.68, 0.45),
)
"""From black over brown and red to blond."""

IRIS_COLOURS: Final = _table(
    (0.20, 0.11, 0.06),
    (0.34, 0.20, 0.10),
    (0.45, 0.33, 0.15),
    (0.35, 0.42, 0.25),
    (0.32, 0.48, 0.62),
    (0.45, 0.55, 0.62),
)

METALS: Final = _table(
    (0.86, 0.72, 0.38), (0.80, 0.80, 0.83), (0.93, 0.90, 0.86), (0.85, 0.62, 0.5)
)

GREY_HAIR: Final = np.array((0.68, 0.67, 0.66), np.float32)


def skin_tone(darkness: float, warmth: float) -> np.ndarray:
    """Return the skin's colour; ``darkness`` in [0, 1], ``warmth`` about 0."""
    depth = darkness * (len(SKIN_TONES) - 1)
    low = int(min(depth, len(SKIN_TONES) - 2))
    tone = SKIN_TONES[low] + np.float32(depth - low) * (SKIN_TONES[low + 1] - SKIN_TONES[low])
    return np.minimum(tone * np.array((1 + warmth, 1.0, 1 - warmth), np.float32), 1)


def sample_colour(
    rng: np.random.Generator, low: float = 0.1, high: float = 0.85, vivid: float = 1.0
) -> np.ndarray:
    """Return a colour of brightness ``low`` to ``high``; most are muted, a few are strong."""
    value, hue = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
    chroma = vivid * rng.beta(1.0, 3.2)
    colour = value * (1 + chroma * np.cos(hue + np.array((0, 2.1, 4.2))))
    return np.clip(colour, 0.02, 0.98).astype(np.float32)
