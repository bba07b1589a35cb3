"""Curves through control points, in the plane or in space: rows, float64, (n, 2) or (n, 3)."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


@lru_cache
def _catmull_rom(steps: int) -> np.ndarray:
    """Return the weights of a segment's four control points at its samples, (4, steps)."""
    t = np.arange(steps) / steps
    return 0.5 * np.array(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    )


def smooth(
    points: np.ndarray | Sequence[Sequence[float]], steps: int = 6, *, closed: bool = False
) -> np.ndarray:
    """Return a smooth curve through the points, ``steps`` samples per segment.

    A closed one does not repeat its first point.
    """
    array = np.asarray(points, np.float64)
    count = len(array) if closed else len(array) - 1
    index = np.arange(count)[:, None] + np.arange(-1, 3)
    index = index % count if closed else index.clip(0, count)
    curve = np.matmul(array[index].swapaxes(1, 2), _catmull_rom(steps))
    curve = curve.swapaxes(1, 2).reshape(-1, array.shape[1])
    return curve if closed else np.concatenate([curve, array[-1:]])


def ribbon(points: np.ndarray, widths: float | np.ndarray) -> np.ndarray:
    """Return the outline of a stroke along a 2-D curve with the given width(s)."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    half = along[:, ::-1] * (-0.5, 0.5) * np.reshape(widths, (-1, 1))
    return np.concatenate([points + half, (points - half)[::-1]])


def moved(points: np.ndarray, right: float, down: float) -> np.ndarray:
    """Return 2-D points moved to the right and down."""
    result: np.ndarray = points + np.array((right, down))
    return result


def resample(points: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` points at equal distances along a polyline."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, column) for column in points.T], 1)


def taper(count: int) -> np.ndarray:
    """Return relative widths that swell from 0.15 to 1 in the middle and fall again."""
    widths: np.ndarray = 0.15 + 0.85 * np.sin(np.linspace(0, np.pi, count))
    return widths


def ellipse(centre: np.ndarray | Sequence[float], *radii: float) -> np.ndarray:
    """Return points on a circle, or an axis-parallel ellipse of two radii."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points: np.ndarray = np.stack([np.cos(angle), np.sin(angle)], 1) * radii + np.asarray(centre)
    return points
