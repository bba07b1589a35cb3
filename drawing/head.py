"""A posed head: landmarks and contours in pixels."""

import math
from typing import Final

import numpy as np

from drawing.curves import smooth
from drawing.landmarks import jaw_right, landmarks_in_space, lift
from drawing.person import Person, Pose

SIDES: Final = (-1, 1)
"""The image's left and right."""

SKULL_CENTRE: Final = -0.15
SKULL_HEIGHT: Final = 1.42
SKULL_WIDTH: Final = 1.02
SKULL_DEPTH: Final = 1.2
SKULL_POWER: Final = 2.3
CHEEK_DEPTH: Final = 0.3
"""Depth of the axis around which the face's cross-sections are ellipses."""

HORIZON: Final = 0.97
"""Half the width of the cheeks, a little less for what lies on them to be seen."""

JAW_STEPS: Final = 6
FAR_YAW: Final = math.radians(7)


def _rotation(pose: Pose) -> np.ndarray:
    """Return the matrix that turns row vectors by yaw, then pitch, then roll."""
    rotation = np.eye(3)
    for angle, axes in ((pose.yaw, (0, 2)), (pose.pitch, (1, 2)), (-pose.roll, (0, 1))):
        turn, sin, cos = np.eye(3), math.sin(angle), math.cos(angle)
        turn[np.ix_(axes, axes)] = (cos, -sin), (sin, cos)
        rotation = rotation @ turn
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
        jaw, points = self._jaw_in_space(), landmarks_in_space(person)
        points[:17] = jaw[::JAW_STEPS]
        flat = self.place(points)
        low, high = flat.min(0), flat.max(0)
        self.unit = pose.side / float((high - low).min())
        self._offset = pose.centre - (low + high) / 2 * self.unit
        self.landmarks, self.jaw = self.place(points), self.place(jaw)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Return where (n, 3) points in face units lie in the photo, (n, 2) pixels."""
        turned = points @ self._rotation
        nearer = self.unit / (1 - self.person.pose.perspective * turned[:, 2:])
        placed: np.ndarray = turned[:, :2] * nearer + self._offset
        return placed

    def on_face(self, points: np.ndarray, height: float = 0.0) -> np.ndarray:
        """Return where (n, 2) points of the face's surface lie in the photo, in pixels."""
        return self.place(lift(points, height))

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
        return side * self.person.pose.yaw > FAR_YAW

    def hug(self, points: np.ndarray) -> np.ndarray:
        """Return (n, 3) points with those hidden behind the far cheek moved to its horizon."""
        side = 1 if self.sin > 0 else -1
        x, y, z = points.T
        half = np.full(len(y), HORIZON)
        horizon = self._silhouette(half, half, side, y)
        horizon[:, 2] += CHEEK_DEPTH - 0.05
        hidden = (x * side > 0) & (z < horizon[:, 2])
        return np.where(hidden[:, None], horizon, points)

    def _silhouette(
        self, width: np.ndarray, depth: np.ndarray, side: int, y: np.ndarray
    ) -> np.ndarray:
        """Return (n, 3): where ellipses of half-axes width and depth at heights y look widest."""
        reach = np.sqrt((width * self.cos) ** 2 + (depth * self.sin) ** 2) + 1e-9
        x, z = width**2 * self.cos / reach, depth**2 * self.sin / reach
        return np.stack([side * x, y, side * z], 1)

    def _jaw_in_space(self) -> np.ndarray:
        """Return the face's lower contour in space, left to right; on the far side its cheek."""
        right = smooth(jaw_right(self.person), JAW_STEPS)
        front = lift(right[:, :2] * (0, 1))[:, 2]
        sides = []
        for side in SIDES:
            points = right * (side, 1, 1)
            widest = self._silhouette(right[:, 0], front - CHEEK_DEPTH, side, right[:, 1])
            widest[:, 2] += CHEEK_DEPTH
            gain = side * ((widest - points) @ (self.cos, 0, self.sin))
            hides = (side * self.sin > 0) & (gain > 0)
            sides.append(np.where(hides[:, None], widest, points))
        return np.concatenate([sides[0], sides[1][-2::-1]])

    def skull(self, top: float = 0.0, sides: float = 0.0, bottom: float = 0.05) -> np.ndarray:
        """Return the skull's contour in space, left to right over the top.

        It is grown by ``top`` and ``sides``, and goes down to y ``bottom``.
        """
        angle, power = np.linspace(0, np.pi / 2, 14), 2 / SKULL_POWER
        width = (SKULL_WIDTH + sides) * np.abs(np.cos(angle)) ** power
        y = SKULL_CENTRE - (SKULL_HEIGHT + top) * np.sin(angle) ** power
        way_down = np.linspace(1, 0, 6)[:-1]
        below = SKULL_CENTRE + max(bottom - SKULL_CENTRE, 0) * way_down
        shrunk = SKULL_WIDTH - 0.1 * (below - SKULL_CENTRE) ** 2
        shrunk += sides * np.sqrt(1 - 0.9 * way_down**2)
        width, y = np.concatenate([shrunk, width]), np.concatenate([below, y])
        left, right = (self._silhouette(width, width * SKULL_DEPTH, side, y) for side in SIDES)
        return np.concatenate([left, right[::-1]]) - (0, 0, 0.05)

    def outline(self) -> np.ndarray:
        """Return the whole head's outline in pixels, without ears."""
        return np.concatenate([self.jaw, self.place(self.skull())[::-1]])
