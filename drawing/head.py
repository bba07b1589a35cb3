"""A posed head: landmarks and contours in pixels."""

import math
from typing import Final

import numpy as np

from drawing.curves import SMOOTH_STEPS, smooth
from drawing.features import jaw_right, landmarks_in_space, lift
from drawing.traits import Person, Pose

SKULL_CENTRE: Final = -0.15
SKULL_HEIGHT: Final = 1.42
SKULL_WIDTH: Final = 1.02
SKULL_DEPTH: Final = 1.2
SKULL_POWER: Final = 2.3
PROFILE_Y: Final = (-1.57, -1.35, -1.0, -0.6, 0.0, 0.54, 1.04)
PROFILE_X: Final = (0.2, 0.7, 0.92, 1.0, 1.02, 0.97, 0.8)
"""Half the head's width at some heights."""

CHEEK_DEPTH: Final = 0.3
"""Depth of the axis around which the face's cross-sections are ellipses."""


def _rotation(pose: Pose) -> np.ndarray:
    """Return the matrix that turns row vectors by yaw, then pitch, then roll."""
    (sa, ca), (sb, cb), (sc, cc) = (
        (math.sin(angle), math.cos(angle)) for angle in (pose.yaw, pose.pitch, pose.roll)
    )
    yaw = np.array([(ca, 0, -sa), (0, 1, 0), (sa, 0, ca)])
    pitch = np.array([(1, 0, 0), (0, cb, -sb), (0, sb, cb)])
    roll = np.array([(cc, sc, 0), (-sc, cc, 0), (0, 0, 1)])
    rotation: np.ndarray = yaw @ pitch @ roll
    return rotation


class Head:
    """A person's head in the photo.

    Attributes:
        person: Whose head it is.
        landmarks: float64 (68, 2), pixels, iBUG 300-W order.
        unit: Pixels per face unit.
        jaw: The face's lower contour (n, 2), from the image's left ear over the chin.
    """

    def __init__(self, person: Person) -> None:
        pose = person.pose
        self.person = person
        self.sin, self.cos = math.sin(pose.yaw), math.cos(pose.yaw)
        self.unit, self._offset = 1.0, np.zeros(2)
        self._rotation = _rotation(pose)
        jaw = self._jaw_in_space()
        points = landmarks_in_space(person)
        points[:17] = jaw[::SMOOTH_STEPS]
        flat = self.place(points)
        low, high = flat.min(0), flat.max(0)
        self.unit = pose.side / float((high - low).min())
        self._offset = np.array(pose.centre) - (low + high) / 2 * self.unit
        self.landmarks = self.place(points)
        self.jaw = self.place(jaw)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Return where (n, 3) points in face units lie in the photo, (n, 2) pixels."""
        turned = points @ self._rotation
        nearer = self.unit / (1 - self.person.pose.perspective * turned[:, 2:])
        placed: np.ndarray = turned[:, :2] * nearer + self._offset
        return placed

    def on_face(self, points: np.ndarray, height: float = 0.0) -> np.ndarray:
        """Return where (n, 2) points of the face's surface lie in the photo, in pixels."""
        return self.place(lift(np.asarray(points), height))

    def body(self, points: np.ndarray) -> np.ndarray:
        """Return where (n, 2) points of the body lie: upright, hanging below the head's base."""
        base = self.place(np.array([(0.0, 1.2, 0.05)]))[0]
        return base + (np.asarray(points, np.float64) - (0.0, 1.2)) * self.unit

    def local(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels' coordinates along the tilted head in face units, by broadcasting."""
        roll, (left, top) = self.person.pose.roll, self._offset.tolist()
        tilt, upright = math.sin(roll) / self.unit, math.cos(roll) / self.unit
        right, down = x - left, y - top
        return right * upright + down * tilt, down * upright - right * tilt

    def is_far(self, side: int) -> bool:
        """Say whether a side (-1 left, 1 right in the image) is turned away from the viewer."""
        return side * self.sin > math.sin(math.radians(7))

    def hug(self, points: np.ndarray, inwards: float = 0.0) -> np.ndarray:
        """Return (n, 3) points with those hidden behind the far cheek moved to its horizon.

        ``inwards`` moves them on to the near side of it by so many face units.
        """
        side = 1 if self.sin > 0 else -1
        x, y, z = points.T
        half = np.interp(y, PROFILE_Y, PROFILE_X) - inwards
        horizon = self._silhouette(half, half, side)
        horizon[:, 1] += CHEEK_DEPTH - 0.05
        hidden = (x * side > 0) & (z < horizon[:, 1])
        moved = np.stack([horizon[:, 0], y, horizon[:, 1]], 1)
        return np.where(hidden[:, None], moved, points)

    def _silhouette(self, width: np.ndarray, depth: np.ndarray, side: int) -> np.ndarray:
        """Return (n, 2): x and z where an ellipse of half-axes width, depth looks widest."""
        reach = np.sqrt((width * self.cos) ** 2 + (depth * self.sin) ** 2) + 1e-9
        return np.stack([side * width**2 * self.cos / reach, side * depth**2 * self.sin / reach], 1)

    def _jaw_in_space(self) -> np.ndarray:
        """Return the face's lower contour in space, left to right; on the far side its cheek."""
        right = smooth(jaw_right(self.person))
        sides = []
        for side in (-1, 1):
            points = right * (side, 1, 1)
            if side * self.sin > 0:
                front = lift(points[:, :2] * (0, 1))[:, 2]
                widest = self._silhouette(right[:, 0], front - CHEEK_DEPTH, side)
                widest[:, 1] += CHEEK_DEPTH
                gain = side * ((widest - points[:, ::2]) @ (self.cos, self.sin))
                points[:, ::2] = np.where(gain[:, None] > 0, widest, points[:, ::2])
            sides.append(points)
        return np.concatenate([sides[0], sides[1][-2::-1]])

    def skull(self, top: float = 0.0, sides: float = 0.0, bottom: float = 0.05) -> np.ndarray:
        """Return the skull's contour in space, left to right over the top.

        Args:
            top: How far it is grown at the top, in face units.
            sides: How far it is grown at the sides.
            bottom: Down to which y it goes on both sides.
        """
        angle = np.linspace(0, np.pi / 2, 14)
        power = 2 / SKULL_POWER
        rising = np.sin(angle) ** power
        width = (SKULL_WIDTH + sides) * np.abs(np.cos(angle)) ** power
        y = SKULL_CENTRE - (SKULL_HEIGHT + top) * rising
        if bottom > SKULL_CENTRE:
            below = np.linspace(bottom, SKULL_CENTRE, 6)[:-1]
            way_down = (below - SKULL_CENTRE) / (bottom - SKULL_CENTRE)
            shrunk = SKULL_WIDTH - 0.1 * (below - SKULL_CENTRE) ** 2
            shrunk += sides * np.sqrt(1 - 0.9 * way_down**2)
            width, y = np.concatenate([shrunk, width]), np.concatenate([below, y])
        contour = []
        for side in (-1, 1):
            flat = self._silhouette(width, width * SKULL_DEPTH, side)
            contour.append(np.stack([flat[:, 0], y, flat[:, 1] - 0.05], 1))
        return np.concatenate([contour[0], contour[1][::-1]])

    def outline(self) -> np.ndarray:
        """Return the whole head's outline in pixels, without ears."""
        return np.concatenate([self.jaw, self.place(self.skull())[::-1]])
