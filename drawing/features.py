"""The 68 landmarks of a head before it is posed.

Coordinates are in face units (half the width of the face at the ears): x to the image's right,
y down, z to the viewer; the origin lies between the eyes, on the line between the ears.
The order is iBUG 300-W's. Proportions follow the mean of real photos annotated in that order.
"""

from typing import Final

import numpy as np

from drawing.curves import moved
from drawing.traits import Build, Expression, Person

JAW: Final = np.array(
    [
        (1.00, 0.00, 0.00),
        (0.985, 0.27, 0.08),
        (0.95, 0.54, 0.18),
        (0.88, 0.80, 0.30),
        (0.755, 1.04, 0.48),
        (0.59, 1.26, 0.70),
        (0.405, 1.43, 0.95),
        (0.21, 1.555, 1.15),
        (0.00, 1.60, 1.22),
    ]
)
"""Landmarks 16 down to 8: from the ear on the image's right to the chin."""

MOUTH_LINE: Final = 0.90
NOSE_BASE: Final = 0.66
EYE_CENTRE: Final = 0.43
EYE_HALF_WIDTH: Final = 0.18
BROW_LINE: Final = -0.25
FROWN: Final = np.array((1.0, 0.5, 0.1, 0.0, 0.0))
"""How far a frown lowers the five points of a brow, from the inner to the outer end."""


def surface(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth of the face's surface, without the nose."""
    front = 0.25 + 1.05 * np.sqrt(np.maximum(1 - (x / 1.06) ** 2, 0.02))
    depth: np.ndarray = front - 0.16 * np.maximum(-0.3 - y, 0) ** 2 - 0.25 * np.maximum(y - 1.1, 0)
    return depth


def lift(points: np.ndarray, height: float | np.ndarray = 0.0) -> np.ndarray:
    """Return (n, 3) points on the face's surface (plus ``height``) above (n, 2) ones."""
    z = surface(points[:, 0], points[:, 1]) + height
    return np.concatenate([points, z[:, None]], 1)


def jaw_right(person: Person) -> np.ndarray:
    """Return the nine jaw points (3-D) of the image's right side, ear to chin."""
    build, expression = person.build, person.expression
    points = JAW.copy()
    down = np.clip(points[:, 1] / 1.6, 0, 1)
    points[:, 0] *= 1 + (build.jaw - 1) * np.interp(down, (0.2, 0.6, 1), (0, 1, 0.6)) * 1.6
    points[:, 0] *= 1 + (build.chin - 1) * np.interp(down, (0.7, 0.9, 1), (0, 0.6, 1))
    points[:, 0] *= 1 + 0.035 * build.cheeks * np.interp(down, (0, 0.35, 0.7), (0, 1, 0.2))
    points[:, 1] *= np.interp(down, (0, 1), (1, build.length))
    points[:, 1] += 0.62 * expression.gap * np.interp(down, (0.3, 0.9), (0, 1))
    return points


def _brow(build: Build, raised: float, frown: float) -> np.ndarray:
    """Return five points (x, y) from the inner to the outer end, on the image's right."""
    x = np.array((0.175, 0.33, 0.50, 0.67, 0.83)) * build.eye_spacing
    arch = build.brow_arch * np.array((0.0, -0.045, -0.075, -0.07, 0.0))
    y = BROW_LINE - build.brow_height - 0.07 * raised + arch
    return np.stack([x - frown * np.array((0.03, 0.01, 0, 0, 0)), y + 0.06 * frown * FROWN], 1)


def _eye(build: Build, opening: float, smile: float) -> np.ndarray:
    """Return inner corner, upper inner, upper outer, outer corner, lower outer, lower inner."""
    half = EYE_HALF_WIDTH * build.eye_size
    up = 0.098 * build.eye_size * build.eye_roundness * opening
    down = 0.052 * build.eye_size * build.eye_roundness * (opening - 0.25 * max(smile, 0) + 0.1)
    down = max(down, 0.006)
    tilt = build.eye_tilt
    points = np.array(
        [
            (-half, 0.018),
            (-0.36 * half, -up),
            (0.36 * half, -up - 0.4 * tilt),
            (half, 0.004 - tilt),
            (0.36 * half, down - 0.3 * tilt),
            (-0.36 * half, down),
        ]
    )
    return moved(points, EYE_CENTRE * build.eye_spacing, 0)


def _nose(build: Build) -> np.ndarray:
    """Return landmarks 27 to 35 in three dimensions."""
    length, width, depth = build.nose_length, build.nose_width, build.nose_depth
    y = np.array((0.0, 0.16, 0.32, 0.49, 0.61, 0.645, 0.665, 0.645, 0.61)) * length
    x = np.array((0, 0, 0, 0, -0.19, -0.095, 0, 0.095, 0.19)) * width
    z = np.array((1.30, 1.42, 1.56, 1.70, 1.36, 1.44, 1.48, 1.44, 1.36))
    return np.stack([x, y, 1.3 + (z - 1.3) * depth], 1)


def _mouth(build: Build, expression: Expression) -> np.ndarray:
    """Return landmarks 48 to 67 as (x, y)."""
    smile, gap = expression.smile, expression.gap
    corner_x = 0.39 * build.mouth_width + 0.085 * smile - 0.12 * max(gap - 0.2, 0)
    rise = -0.085 * smile + 0.25 * gap
    top = 0.082 * build.upper_lip * (1 - 0.2 * max(smile, 0))
    bottom = 0.125 * build.lower_lip * (1 - 0.15 * max(smile, 0))
    inner_top, inner_bottom = -0.15 * gap, 0.85 * gap
    right = np.array(
        [
            (0.0, inner_top - top + 0.012),
            (0.22, inner_top - top - 0.012),
            (0.62, 0.55 * (inner_top - top)),
            (1.0, 0.0),
            (0.66, 0.6 * (inner_bottom + bottom)),
            (0.28, 0.95 * (inner_bottom + bottom)),
            (0.0, inner_bottom + bottom),
            (0.9, 0.0),
            (0.36, 0.88 * inner_top - 0.004),
            (0.0, inner_top + 0.004),
            (0.36, 0.88 * inner_bottom - 0.002),
            (0.0, inner_bottom + 0.006),
        ]
    )
    right[:, 1] += rise * right[:, 0] ** 1.7
    right[:, 0] *= corner_x
    left = right * (-1, 1)
    left[:, 1] += 0.05 * expression.smirk * (left[:, 0] / corner_x) ** 2
    right[:, 1] -= 0.05 * expression.smirk * (right[:, 0] / corner_x) ** 2
    outer = [left[3], left[2], left[1], right[0], right[1], right[2], right[3]]
    outer += [right[4], right[5], right[6], left[5], left[4]]
    inner = [left[7], left[8], right[9], right[8], right[7], right[10], right[11], left[10]]
    base = MOUTH_LINE + 0.5 * (build.nose_length - 1) + 0.45 * (build.length - 1)
    return moved(np.array(outer + inner), 0, base)


def landmarks_in_space(person: Person) -> np.ndarray:
    """Return the 68 landmarks (68, 3), except that the jaw's are for a face seen from the front."""
    build, expression = person.build, person.expression
    flip = np.array((-1.0, 1.0))
    brows = [_brow(build, up, expression.frown) for up in expression.brows_up]
    eyes = [_eye(build, opening, expression.smile) for opening in expression.eyes_open]
    jaw = jaw_right(person)
    jaw_left = jaw * (-1, 1, 1)
    points = np.concatenate(
        [
            jaw_left,
            jaw[-2::-1],
            lift((brows[0] * flip)[::-1]),
            lift(brows[1]),
            _nose(build),
            lift((eyes[0] * flip)[[3, 2, 1, 0, 5, 4]], -0.06),
            lift(eyes[1], -0.06),
            lift(_mouth(build, expression), 0.03),
        ]
    )
    points[17:, 0] += build.lopsided * points[17:, 1]
    return points
