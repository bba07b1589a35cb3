"""Light on a head: a relief of soft bumps over an ellipsoid, lit by one lamp."""

from typing import Final

import numpy as np
from PIL import Image

from drawing.canvas import SIZE, planes
from drawing.features import lift
from drawing.head import Head

SHARPNESS: Final = 5
"""How often the mirrored light is squared: the higher, the smaller the gloss."""

CELLS: Final = (104, 96)
"""The light's grid, down and across: it varies slowly and is enlarged afterwards."""

GRID_LEFT, GRID_TOP, CELL = -2.4, -2.3, 0.05
"""The grid's upper left corner and the size of its cells, in face units along the tilted head."""

SHADOW_TINT: Final = np.array((-0.14, 0.04, 0.12), np.float32)
"""Skin in the shade is redder: how much faster each channel falls than the light."""

CHEEK_Y: Final = 0.40

BUMPS: Final = np.array(
    [
        # x, y, spread in x, spread in y, height, mirrored
        (0.00, 0.20, 0.10, 0.17, 0.075, 0),
        (0.00, 0.41, 0.12, 0.14, 0.10, 0),
        (0.00, 0.52, 0.13, 0.10, 0.10, 0),
        (0.19, 0.58, 0.07, 0.08, 0.05, 1),
        (0.42, -0.01, 0.22, 0.13, -0.07, 1),
        (0.43, 0.00, 0.13, 0.08, 0.025, 1),
        (0.14, -0.02, 0.08, 0.14, -0.05, 1),
        (0.45, -0.24, 0.28, 0.08, 0.045, 1),
        (0.60, CHEEK_Y, 0.24, 0.20, 0.06, 1),
        (0.43, 0.74, 0.09, 0.17, -0.025, 1),
        (0.00, 0.84, 0.22, 0.05, 0.035, 0),
        (0.00, 1.03, 0.22, 0.06, 0.045, 0),
        (0.00, 1.16, 0.24, 0.06, -0.045, 0),
        (0.00, 1.38, 0.22, 0.14, 0.06, 0),
        (0.88, -0.20, 0.14, 0.30, -0.05, 1),
    ]
)


class Lighting:
    """How bright a head's surface is in every pixel.

    Attributes:
        diffuse: float32 (3, SIZE, SIZE), the factor on skin, about 1 where light falls straight.
        plain: float32 (SIZE, SIZE), the same without the relief and the shadows' red.
        gloss: float32 (SIZE, SIZE), light mirrored to the viewer, [0, 1].
    """

    def __init__(self, head: Head) -> None:
        light, roll = head.person.light, head.person.pose.roll
        u = GRID_LEFT + CELL * (np.arange(CELLS[1], dtype=np.float32) + 0.5)
        v = GRID_TOP + CELL * (np.arange(CELLS[0], dtype=np.float32) + 0.5)
        middle = head.place(np.array([(0.0, 0.2, 0.3)]))
        across, along = head.local(middle[:, 0], middle[:, 1])
        flat = np.empty((2, *CELLS), np.float32)
        flat[0] = np.clip((u - across) / 1.25, -0.96, 0.96)
        flat[1] = np.clip((v - along) / 1.95, -0.96, 0.96)[:, None]
        turn = np.array([(np.cos(roll), np.sin(roll)), (-np.sin(roll), np.cos(roll))])
        lamp = np.append(turn @ light.direction[:2], light.direction[2]).astype(np.float32)
        bent = _unit(flat - _relief_slope(head, u, v))
        half = lamp + np.array((0, 0, 1), np.float32)
        half /= np.linalg.norm(half)
        bright = _spread(head, _lambert(bent, lamp, light.ambient))
        self.diffuse = bright * (1 + planes(SHADOW_TINT) * (bright - 1))
        self.plain = _spread(head, _lambert(_unit(flat), lamp, light.ambient))
        mirrored = np.maximum(np.tensordot(half, bent, 1), 0)
        for _ in range(SHARPNESS):
            mirrored *= mirrored
        self.gloss = _spread(head, mirrored)


def _lambert(normal: np.ndarray, lamp: np.ndarray, ambient: float) -> np.ndarray:
    """Return brightness (h, w), 1 where the light falls nearly straight."""
    reference = ambient + (1 - ambient) * 0.85
    facing = np.maximum(np.tensordot(lamp, normal, 1), 0)
    result: np.ndarray = (ambient + (1 - ambient) * facing) / np.float32(reference)
    return result


def _unit(flat: np.ndarray) -> np.ndarray:
    """Return unit normals (3, h, w) facing the viewer from their x and y, (2, h, w)."""
    squared = (flat * flat).sum(0)
    forwards = np.maximum(1 - squared, np.float32(0.07))
    normal = np.concatenate([flat, np.sqrt(forwards)[None]])
    normal /= np.sqrt(squared + forwards)
    return normal


def _relief_slope(head: Head, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the relief's slopes (2, h, w) where rows have v (h,) and columns u (w,)."""
    build, expression = head.person.build, head.person.expression
    bumps = BUMPS[np.concatenate([np.arange(len(BUMPS)), np.flatnonzero(BUMPS[:, 5])])]
    bumps[len(BUMPS) :, 0] *= -1
    below = bumps[:, 1] > 1
    bumps[below, 1] = bumps[below, 1] * build.length + 0.8 * expression.gap
    height = bumps[:, 4].copy()
    height[:4] *= build.nose_depth
    cheek = (bumps[:, 1] == CHEEK_Y) & (np.abs(bumps[:, 0]) > 0.3)
    height[cheek] *= 1 + 0.5 * max(expression.smile, 0)
    raised = np.where(np.abs(bumps[:, 0]) < 0.15, 0.08, 0.0)
    pixels = head.place(lift(bumps[:, :2], raised))
    across, along = head.local(pixels[:, 0], pixels[:, 1])
    wide = bumps[:, 2] * np.maximum(head.cos - 0.5 * head.sin * bumps[:, 0], 0.4)
    x = ((u - across[:, None]) / wide[:, None]).astype(np.float32)
    y = ((v - along[:, None]) / bumps[:, 3:4]).astype(np.float32)
    bell_x, bell_y = np.exp(-0.5 * x**2), np.exp(-0.5 * y**2)
    rise = -height[:, None].astype(np.float32)
    slope = np.empty((2, len(v), len(u)), np.float32)
    slope[0] = bell_y.T @ (rise * bell_x * x / wide[:, None].astype(np.float32))
    slope[1] = (rise * bell_y * y / bumps[:, 3:4].astype(np.float32)).T @ bell_x
    return slope


def _spread(head: Head, field: np.ndarray) -> np.ndarray:
    """Return a field on the light's grid as (SIZE, SIZE) in the photo's pixels."""
    u, v = head.local(np.array((0.0, 2.0, 0.0)), np.array((0.0, 0.0, 2.0)))
    columns, rows = (u - GRID_LEFT) / CELL, (v - GRID_TOP) / CELL
    affine = []
    for start, right, down in (columns, rows):
        affine += [float(right - start), float(down - start), float(start)]
    image = Image.fromarray(np.ascontiguousarray(field, np.float32))
    half = (SIZE // 2, SIZE // 2)
    turned = image.transform(
        half, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR, fillcolor=1
    )
    return np.asarray(turned.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
