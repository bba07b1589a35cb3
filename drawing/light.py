"""Light and shadow: a relief of soft bumps over an ellipsoid, lit by one lamp."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from drawing.canvas import EVERYWHERE, Canvas, Mask, planes, shapes
from drawing.colours import SHADOW
from drawing.head import SIDES, Head

ELLIPSOID: Final = (1.25, 1.95)
"""Half-axes across and down, in face units."""

REDDER: Final = (-0.14, 0.04, 0.12)
"""How much faster each channel falls than the light on skin."""

BUMPS: Final = np.array(
    [
        # x, y, spread in x, spread in y, height
        (0.00, 0.20, 0.10, 0.17, 0.08),  # the nose's bridge, tip and wings
        (0.00, 0.46, 0.13, 0.13, 0.18),
        (0.19, 0.58, 0.07, 0.08, 0.05),
        (0.42, -0.01, 0.22, 0.13, -0.07),  # the eyes' sockets
        (0.14, -0.02, 0.08, 0.14, -0.05),
        (0.45, -0.24, 0.28, 0.08, 0.045),  # the brows
        (0.60, 0.40, 0.24, 0.20, 0.07),  # the cheeks
        (0.43, 0.74, 0.09, 0.17, -0.025),  # the folds to the mouth
        (0.00, 0.84, 0.22, 0.05, 0.035),  # the lips, and the hollow below
        (0.00, 1.03, 0.22, 0.06, 0.045),
        (0.00, 1.16, 0.24, 0.06, -0.045),
        (0.00, 1.38, 0.22, 0.14, 0.06),  # the chin
        (0.88, -0.20, 0.14, 0.30, -0.05),  # the temples
    ]
)
"""The relief, on the image's right and in the middle, in face units."""


def light_on_skin(head: Head) -> np.ndarray:
    """Return the factor on the head's skin, float32 (3, SIZE, SIZE), 1 where it is well lit."""
    light, unit = head.person.light, np.float32(head.unit)
    middle = head.place(np.array([(0.0, 0.2, 0.3)]))[0].astype(np.float32)
    slopes = np.gradient(_relief(head) * unit)[::-1]
    normal = np.empty((3, *EVERYWHERE.alpha.shape), np.float32)
    for axis, at in enumerate(EVERYWHERE.grid()):
        ball = np.clip((at - middle[axis]) / (ELLIPSOID[axis] * unit), -0.96, 0.96)
        normal[axis] = ball - slopes[axis]
    squared = (normal[:2] ** 2).sum(0)
    normal[2] = np.sqrt(np.maximum(1 - squared, 0.07))
    facing = np.tensordot(light.direction, normal, 1) / np.sqrt(squared + normal[2] ** 2)
    bright = light.ambient + (1 - light.ambient) * np.maximum(facing, 0)
    bright /= light.ambient + (1 - light.ambient) * 0.85
    factor: np.ndarray = bright * (1 + planes(REDDER) * (bright - 1))
    return factor


def _relief(head: Head) -> np.ndarray:
    """Return the relief's height in face units, float32 (SIZE, SIZE)."""
    bumps = np.concatenate([BUMPS * (side, 1, 1, 1, 1) for side in SIDES])
    bumps[bumps[:, 0] == 0, 4] /= 2  # those in the middle are there twice
    below = bumps[:, 1] > 1
    bumps[below, 1] *= head.person.build.length
    bumps[below, 1] += 0.8 * head.person.expression.gap
    centres, spreads = head.on_face(bumps[:, :2]), head.unit * bumps[:, 2:4]
    across, down = (
        np.exp(-0.5 * ((at.ravel() - centres[:, [axis]]) / spreads[:, [axis]]) ** 2)
        for axis, at in enumerate(EVERYWHERE.grid())
    )
    relief: np.ndarray = ((down.T * bumps[:, 4]) @ across).astype(np.float32)
    return relief


def light_across(head: Head, mask: Mask) -> np.ndarray:
    """Return the factor (1, w) on hair and body: brighter towards the lamp."""
    x, _ = mask.grid()
    u = (x - head.landmarks[8, 0]) / head.unit
    return np.clip(0.95 + 0.25 * head.person.light.direction[0] * u, 0.5, 1.25)


def cast(
    canvas: Canvas, head: Head, outlines: Sequence[np.ndarray], onto: Mask, height: float
) -> None:
    """Paint the soft shadow of what stands ``height`` face units above the skin."""
    right, down, _ = head.person.light.direction
    shift = head.unit * height * np.array((-right, max(-down, 0.1)))
    shadow = shapes([outline + shift for outline in outlines], 1 + 6 * height)
    canvas.shade(shadow.within(onto).times(0.65), SHADOW)
