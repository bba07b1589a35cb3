"""A posed head: landmarks, contours and the light on its skin, in pixels.

Before it is posed, coordinates are in face units (half the width of the face at the ears): x to
the image's right, y down, z to the viewer; the origin lies between the eyes, on the line between
the ears. Proportions follow the mean of real photos annotated in iBUG 300-W's order.
"""

from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from drawing.canvas import SHADOW, SIZE, X, Y, ellipse, mirrored, planes, smooth
from drawing.person import Person, Traits

SIDES: Final = (-1, 1)
"""The image's left and right."""

JAW: Final = (
    (1.00, 0.985, 0.95, 0.88, 0.755, 0.59, 0.405, 0.21, 0.00),
    (0.00, 0.27, 0.54, 0.80, 1.04, 1.26, 1.43, 1.555, 1.60),
    (0.30, 0.30, 0.32, 0.38, 0.50, 0.70, 0.90, 1.05, 1.10),
)
"""x, y and z of landmarks 16 down to 8: from the ear on the image's right to the chin."""

BROW: Final = ((0.175, -0.25), (0.33, -0.295), (0.50, -0.325), (0.67, -0.32), (0.83, -0.25))
EYE: Final = ((-1, 0.2), (-0.36, -1), (0.36, -1.06), (1, -0.11), (0.36, 0.45), (-0.36, 0.5))
"""On the image's right, from the inner end; the eye's in halves of its width and height."""

NOSE: Final = (
    *((0, 0, 1.3), (0, 0.16, 1.42), (0, 0.32, 1.56), (0, 0.49, 1.7), (-0.19, 0.61, 1.36)),
    *((-0.095, 0.645, 1.44), (0, 0.665, 1.48), (0.095, 0.645, 1.44), (0.19, 0.61, 1.36)),
)
"""Landmarks 27 to 35 in three dimensions."""

BUMPS: Final = (
    # x, y, spread in x, spread in y, height
    (0.00, 0.20, 0.90, 1.20, 0.50),  # the whole face
    (0.00, 0.20, 0.10, 0.17, 0.04),  # the nose's bridge, tip and wings
    (0.00, 0.46, 0.13, 0.13, 0.09),
    (0.19, 0.58, 0.07, 0.08, 0.05),
    (0.42, -0.01, 0.22, 0.13, -0.07),  # the eyes' sockets
    (0.60, 0.40, 0.24, 0.20, 0.07),  # the cheeks
    (0.00, 1.18, 0.24, 0.06, -0.03),  # the hollow below the lips, and the chin
    (0.00, 1.38, 0.22, 0.14, 0.03),
)
"""The relief of skin in face units, drawn on both sides: in the middle a bump is there twice."""


def lift(points: np.ndarray, height: float = 0.0) -> np.ndarray:
    """Return (n, 3) points ``height`` above the face's surface, which has no nose, from (n, 2)."""
    x, y = np.asarray(points, np.float64).T
    z = 0.25 + 1.05 * np.sqrt(np.maximum(1 - (x / 1.06) ** 2, 0.02)) + height
    z -= 0.16 * np.maximum(-0.3 - y, 0) ** 2 + 0.25 * np.maximum(y - 1.1, 0)
    return np.stack([x, y, z], 1)


def _jaw(traits: Traits, gap: float) -> np.ndarray:
    """Return landmarks 16 down to 8 in three dimensions."""
    points = np.array(JAW).T
    down = points[:, 1] / 1.6
    points[:, 0] *= 1 + (traits.jaw - 1) * np.interp(down, (0.2, 0.7, 1), (0, 1.6, 1))
    points[:, 1] *= 1 + down * (traits.length - 1)
    points[:, 1] += 0.62 * gap * np.interp(down, (0.3, 0.9), (0, 1))
    return points


def _mouth(traits: Traits, gap: float) -> np.ndarray:
    """Return landmarks 48 to 67 as (x, y)."""
    lips, top, bottom = traits.lips * (1 - 0.2 * traits.smile), -0.15 * gap, 0.85 * gap
    high, low = top - 0.082 * lips, bottom + 0.125 * lips
    upper = mirrored([(1, 0), (0.62, 0.55 * high), (0.22, high - 0.012), (0, high + 0.012)])
    lower = mirrored([(1, 0), (0.66, 0.6 * low), (0.28, 0.95 * low), (0, low)])
    inside = [mirrored([(0.9, 0), (0.36, 0.88 * y), (0, y)]) for y in (top, bottom)]
    points = np.concatenate([upper, lower[-2:0:-1], inside[0], inside[1][-2:0:-1]])
    points[:, 1] += (0.25 * gap - 0.085 * traits.smile) * np.abs(points[:, 0]) ** 1.7
    points *= (0.39 * traits.mouth + 0.085 * traits.smile, 1)
    return points + np.array((0, 0.9 + 0.45 * (traits.length - 1)))


def landmarks_in_space(traits: Traits, gap: float) -> np.ndarray:
    """Return the 68 landmarks (68, 3), with ``gap`` face units between the lips."""
    right = np.array(BROW) - (0, traits.brows)
    eye = np.array(EYE) * (0.18, 0.098 * traits.eyes) + np.array((0.43, 0))
    left_brow, left_eye = (right * (-1, 1))[::-1], (eye * (-1, 1))[[3, 2, 1, 0, 5, 4]]
    parts = [mirrored(_jaw(traits, gap)), lift(left_brow), lift(right)]
    parts += [np.array(NOSE) * (traits.nose, 1, 1), lift(left_eye, -0.06), lift(eye, -0.06)]
    return np.concatenate([*parts, lift(_mouth(traits, gap), 0.03)])


class Head:
    """A person's head in the photo.

    Attributes:
        person: Whose head it is.
        landmarks: float64 (68, 2), pixels, iBUG 300-W order.
        unit: Pixels per face unit.
    """

    def __init__(self, person: Person, rng: np.random.Generator) -> None:
        self.person = person
        yaw, pitch, roll, *_ = person.traits
        self._turn = Rotation.from_euler("yxz", (yaw, -pitch, roll))
        self.unit, self._offset = 1.0, np.zeros(2)
        points = landmarks_in_space(person.traits, person.gap)
        flat = self.place(points)
        low, high = flat.min(0), flat.max(0)
        middle = SIZE * rng.uniform((0.41, 0.49), (0.59, 0.6))
        self.unit = rng.uniform(98, 120) / float((high - low).min())
        self._offset = middle - (low + high) / 2 * self.unit
        self.landmarks = self.place(points)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Return where (n, 3) points in face units lie in the photo, (n, 2) pixels."""
        placed: np.ndarray = self._turn.apply(points)[:, :2] * self.unit + self._offset
        return placed

    def on_face(self, points: np.ndarray, height: float = 0.0) -> np.ndarray:
        """Return where (n, 2) points of the face's surface lie, in pixels."""
        return self.place(lift(points, height))

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return where (n, 2) points of the body lie: upright, hanging below the head's base."""
        base = self.place(np.array([(0.0, 1.2, 0.05)]))[0]
        return base + (np.asarray(points, np.float64) - (0.0, 1.2)) * self.unit

    def skull(self, top: float = 0.0, sides: float = 0.0, bottom: float = 0.05) -> np.ndarray:
        """Return the skull's contour in pixels, grown and down to y ``bottom``, left to right."""
        over = ellipse((0, -0.15), 1.02 + sides, 1.42 + top, power=0.87)[12:]
        x, y = np.pad(over[:, 0], 1, "edge"), [bottom, *over[:, 1], bottom]
        return self.place(np.stack([x, y, np.full(len(x), 0.1)], 1))

    def outline(self) -> np.ndarray:
        """Return the whole head's outline in pixels, without ears."""
        return np.concatenate([smooth(self.landmarks[:17]), self.skull()[::-1]])

    def light_on_skin(self) -> np.ndarray:
        """Return the factor on the head's skin, (3, SIZE, SIZE), 1 where it is well lit."""
        bumps = np.concatenate([BUMPS * np.array((side, 1, 1, 1, 1)) for side in SIDES])
        centres, spreads = self.on_face(bumps[:, :2]), self.unit * bumps[:, 2:4]
        across, down = (
            np.exp(-0.5 * ((at.ravel() - centres[:, [axis]]) / spreads[:, [axis]]) ** 2)
            for axis, at in enumerate((X, Y))
        )
        slope_down, slope_right = np.gradient(self.unit * (down.T * bumps[:, 4]) @ across)
        normal = np.stack([-slope_right, -slope_down, np.ones_like(slope_down)])
        facing = np.tensordot(self.person.lamp, normal, 1) / np.linalg.norm(normal, axis=0)
        bright = self.person.ambient + (1 - self.person.ambient) * facing.clip(0)
        factor: np.ndarray = planes(SHADOW) ** (2 * (1.05 - bright)).astype(np.float32)
        return factor

    def light_across(self) -> np.ndarray:
        """Return the factor (1, SIZE) on hair and body: brighter towards the lamp."""
        u = (X - self.landmarks[8, 0]) / self.unit
        return np.clip(0.95 + 0.25 * self.person.lamp[0] * u, 0.5, 1.25)
