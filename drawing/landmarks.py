"""The 68 landmarks of a head before it is posed.

Coordinates are in face units (half the width of the face at the ears): x to the image's right,
y down, z to the viewer; the origin lies between the eyes, on the line between the ears.
The order is iBUG 300-W's. Proportions follow the mean of real photos annotated in that order.
"""

from typing import Final

import numpy as np

from drawing.person import Build, Expression, Person

JAW: Final = (
    (1.00, 0.985, 0.95, 0.88, 0.755, 0.59, 0.405, 0.21, 0.00),
    (0.00, 0.27, 0.54, 0.80, 1.04, 1.26, 1.43, 1.555, 1.60),
    (0.00, 0.08, 0.18, 0.30, 0.48, 0.70, 0.95, 1.15, 1.22),
)
"""x, y and z of landmarks 16 down to 8: from the ear on the image's right to the chin."""

MOUTH_LINE: Final = 0.90
EYE_CENTRE: Final = 0.43
EYE_HALF_WIDTH: Final = 0.18
BROW_LINE: Final = -0.25
MIRROR: Final = np.array((-1.0, 1.0))


def lift(points: np.ndarray, height: float = 0.0) -> np.ndarray:
    """Return (n, 3) points on the face's surface (plus ``height``) above (n, 2) ones.

    The nose is no part of the surface.
    """
    x, y = np.asarray(points, np.float64).T
    z = 0.25 + 1.05 * np.sqrt(np.maximum(1 - (x / 1.06) ** 2, 0.02)) + height
    z -= 0.16 * np.maximum(-0.3 - y, 0) ** 2 + 0.25 * np.maximum(y - 1.1, 0)
    return np.stack([x, y, z], 1)


def jaw_right(person: Person) -> np.ndarray:
    """Return the nine jaw points (3-D) of the image's right side, ear to chin."""
    build, points = person.build, np.array(JAW).T
    down = points[:, 1] / 1.6
    points[:, 0] *= 1 + (build.jaw - 1) * np.interp(down, (0.2, 0.6, 1), (0, 1.6, 1))
    points[:, 0] *= 1 + (build.chin - 1) * np.interp(down, (0.7, 0.9, 1), (0, 0.6, 1))
    points[:, 1] *= 1 + down * (build.length - 1)
    points[:, 1] += 0.62 * person.expression.gap * np.interp(down, (0.3, 0.9), (0, 1))
    return points


def _brow(build: Build, raised: float) -> np.ndarray:
    """Return five points (x, y) from the inner to the outer end, on the image's right."""
    x = np.array((0.175, 0.33, 0.50, 0.67, 0.83)) * build.eye_spacing
    arch = build.brow_arch * np.array((0.0, -0.045, -0.075, -0.07, 0.0))
    return np.stack([x, BROW_LINE - build.brow_height - 0.07 * raised + arch], 1)


def _eye(build: Build, opening: float) -> np.ndarray:
    """Return inner corner, upper inner, upper outer, outer corner, lower outer, lower inner."""
    half, up = EYE_HALF_WIDTH * build.eye_size, 0.098 * build.eye_size * opening
    down = 0.5 * up
    x = np.array((-1, -0.36, 0.36, 1, 0.36, -0.36)) * half
    y = np.array((0.018, -up, -up - 0.006, -0.011, down - 0.005, down))
    return np.stack([x + EYE_CENTRE * build.eye_spacing, y], 1)


def _nose(build: Build) -> np.ndarray:
    """Return landmarks 27 to 35 in three dimensions."""
    x = np.array((0, 0, 0, 0, -0.19, -0.095, 0, 0.095, 0.19)) * build.nose_width
    y = np.array((0.0, 0.16, 0.32, 0.49, 0.61, 0.645, 0.665, 0.645, 0.61)) * build.nose_length
    z = np.array((1.30, 1.42, 1.56, 1.70, 1.36, 1.44, 1.48, 1.44, 1.36))
    return np.stack([x, y, z], 1)


def _mouth(build: Build, expression: Expression) -> np.ndarray:
    """Return landmarks 48 to 67 as (x, y)."""
    smile, gap = expression.smile, expression.gap
    corner = 0.39 * build.mouth_width + 0.085 * smile - 0.12 * max(gap - 0.2, 0)
    lips = build.lips * (1 - 0.2 * max(smile, 0))
    inner_top, inner_bottom = -0.15 * gap, 0.85 * gap
    top, bottom = inner_top - 0.082 * lips, inner_bottom + 0.125 * lips
    outer = [(0.0, top + 0.012), (0.22, top - 0.012), (0.62, 0.55 * top), (1.0, 0.0)]
    outer += [(0.66, 0.6 * bottom), (0.28, 0.95 * bottom), (0.0, bottom)]
    inner = [(0.0, inner_top + 0.004), (0.36, 0.88 * inner_top - 0.004), (0.9, 0.0)]
    inner += [(0.36, 0.88 * inner_bottom - 0.002), (0.0, inner_bottom + 0.006)]
    right = np.array(outer + inner)
    right[:, 1] += (0.25 * gap - 0.085 * smile) * right[:, 0] ** 1.7
    right[:, 1] += MOUTH_LINE + 0.5 * (build.nose_length - 1) + 0.45 * (build.length - 1)
    right[:, 0] *= corner
    left = right * MIRROR
    return np.concatenate(
        [left[3:0:-1], right[:7], left[5:3:-1], left[9:7:-1], right[7:12], left[10:11]]
    )


def landmarks_in_space(person: Person) -> np.ndarray:
    """Return the 68 landmarks (68, 3), the jaw's for a face seen from the front."""
    build, expression = person.build, person.expression
    jaw, brow = jaw_right(person), _brow(build, expression.brows_up)
    left_eye, right_eye = (_eye(build, opening) for opening in expression.eyes_open)
    parts = [jaw * (-1, 1, 1), jaw[-2::-1]]
    parts += [lift((brow * MIRROR)[::-1]), lift(brow), _nose(build)]
    parts += [lift((left_eye * MIRROR)[[3, 2, 1, 0, 5, 4]], -0.06), lift(right_eye, -0.06)]
    parts += [lift(_mouth(build, expression), 0.03)]
    return np.concatenate(parts)
