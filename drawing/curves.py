"""Curves through control points, in the plane or in space."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

Points = np.ndarray
"""Points as rows: float64, (n, 2) or (n, 3)."""

SMOOTH_STEPS: Final = 6


@lru_cache(maxsize=256)
def _catmull_rom(count: int, steps: int, closed: bool) -> np.ndarray:
    """Return the matrix that turns ``count`` control points into a Catmull-Rom curve."""
    segments = count if closed else count - 1
    t = np.arange(steps) / steps
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], 1
    )
    matrix = np.zeros((segments * steps + (not closed), count))
    for segment in range(segments):
        rows = slice(segment * steps, (segment + 1) * steps)
        for offset, weight in zip((-1, 0, 1, 2), weights.T, strict=True):
            index = segment + offset
            index = index % count if closed else min(max(index, 0), count - 1)
            matrix[rows, index] += weight
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def smooth(points: Points | Sequence[Sequence[float]], steps: int = SMOOTH_STEPS) -> Points:
    """Return an open smooth curve through the points, ``steps`` samples per segment."""
    array = np.asarray(points, np.float64)
    return _catmull_rom(len(array), steps, False) @ array


def smooth_closed(points: Points | Sequence[Sequence[float]], steps: int = SMOOTH_STEPS) -> Points:
    """Return a closed smooth curve through the points, without repeating the first."""
    array = np.asarray(points, np.float64)
    return _catmull_rom(len(array), steps, True) @ array


def normals(points: Points) -> Points:
    """Return unit normals (pointing right of the direction of travel, y down) of a 2-D curve."""
    tangents = np.empty_like(points)
    tangents[1:-1] = points[2:] - points[:-2]
    tangents[0], tangents[-1] = points[1] - points[0], points[-1] - points[-2]
    length = np.hypot(tangents[:, 0], tangents[:, 1]) + 1e-9
    result = np.empty_like(points)
    result[:, 0], result[:, 1] = -tangents[:, 1] / length, tangents[:, 0] / length
    return result


def ribbon(points: Points, widths: float | np.ndarray) -> Points:
    """Return the outline of a stroke along a curve with the given width(s)."""
    half = normals(points) * (0.5 * np.reshape(widths, (-1, 1)))
    return np.concatenate([points + half, (points - half)[::-1]])


def moved(points: Points, right: float, down: float) -> Points:
    """Return one or more 2-D points moved to the right and down."""
    result: Points = points + np.array((right, down))
    return result


def resample(points: Points, count: int) -> Points:
    """Return ``count`` points at equal distances along a polyline."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, column) for column in points.T], 1)


@lru_cache(maxsize=256)
def taper(count: int, start: float = 0.15, end: float = 0.15, peak: float = 0.5) -> np.ndarray:
    """Return relative widths that swell from ``start`` to 1 at ``peak`` and fall to ``end``."""
    t = np.linspace(0, 1, count)
    rising = start + (1 - start) * np.sin(np.clip(t / peak, 0, 1) * np.pi / 2)
    falling = end + (1 - end) * np.sin(np.clip((1 - t) / (1 - peak + 1e-9), 0, 1) * np.pi / 2)
    widths = np.minimum(rising, falling)
    widths.setflags(write=False)
    return widths


@lru_cache(maxsize=64)
def _circle(count: int) -> Points:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def ellipse(
    centre: Sequence[float] | np.ndarray, radii: Sequence[float], count: int = 24
) -> Points:
    """Return points on an axis-parallel ellipse."""
    points: Points = _circle(count) * radii + centre
    return points
