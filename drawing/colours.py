"""Colours of skin, hair, eyes and everything else: RGB in [0, 1], float32."""

from typing import Final

import numpy as np


def _table(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


SKIN: Final = _table((0.98, 0.85, 0.77), (0.9, 0.7, 0.57), (0.61, 0.4, 0.28), (0.35, 0.22, 0.16))
"""From light to dark."""

HAIR: Final = _table((0.07, 0.06, 0.06), (0.3, 0.19, 0.12), (0.55, 0.3, 0.14), (0.82, 0.68, 0.45))
"""Black, brown, red, blond."""

IRISES: Final = _table((0.2, 0.11, 0.06), (0.34, 0.2, 0.1), (0.35, 0.42, 0.25), (0.32, 0.48, 0.62))
"""From brown over green to blue."""

METALS: Final = _table((0.86, 0.72, 0.38), (0.80, 0.80, 0.83), (0.93, 0.90, 0.86))
"""Gold, silver, pearl."""

GREY: Final = np.array((0.68, 0.67, 0.66), np.float32)

SHADOW: Final = (0.66, 0.55, 0.53)
"""What skin in a shadow is multiplied by: it turns redder."""


def between(table: np.ndarray, share: float) -> np.ndarray:
    """Return the colour at a share of the way through a table, [0, 1]."""
    places = np.linspace(0, 1, len(table))
    return np.array([np.interp(share, places, channel) for channel in table.T], np.float32)


def sample_colour(rng: np.random.Generator, low: float = 0.1, high: float = 0.85) -> np.ndarray:
    """Return a colour of brightness ``low`` to ``high``; most are muted, a few are strong."""
    value, hue, chroma = rng.uniform(low, high), rng.uniform(0, 2 * np.pi), rng.beta(1.0, 3.2)
    colour = value * (1 + chroma * np.cos(hue + np.array((0, 2.1, 4.2))))
    return np.clip(colour, 0.02, 0.98).astype(np.float32)
