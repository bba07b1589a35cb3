"""Eyes and brows."""

from typing import Final, NamedTuple

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes, softened
from drawing.curves import ellipse, moved, normals, resample, ribbon, smooth, taper
from drawing.features import EYE_CENTRE
from drawing.head import Head
from drawing.noise import line_table, look_up

RIGHT_BROW, LEFT_BROW, RIGHT_EYE, LEFT_EYE = 3, 2, 5, 4
"""Left and right are the person's: their right eye lies on the image's left."""

IRIS_RADIUS: Final = 0.105


class Eye(NamedTuple):
    """One eye in pixels.

    ``upper`` and ``lower`` run from the image's left corner to the right one; ``outwards`` is
    +1 where the outer corner is at their end; ``side`` is 0 in the image's left half; ``up`` is
    the head's upward direction, one face unit long.
    """

    upper: np.ndarray
    lower: np.ndarray
    side: int
    outwards: int
    up: np.ndarray


def eye_of(head: Head, side: int) -> Eye:
    """Return the eye in the image's left (0) or right (1) half."""
    points = head.landmarks[36 + 6 * side : 42 + 6 * side]
    upper = smooth(points[:4], 8)
    lower = smooth(points[[0, 5, 4, 3]], 8)
    low, high = head.place(np.array([(0, 0.5, 1.2), (0, -0.5, 1.2)]))
    return Eye(upper, lower, side, 1 if side else -1, high - low)


def draw_eyes(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint both eyes: sockets, white, iris, lids and lashes."""
    fibres = line_table(rng)
    for side in (0, 1):
        eye = eye_of(head, side)
        _paint_socket(canvas, head, eye)
        ball = shape(np.concatenate([eye.upper, eye.lower[::-1]])).within(face)
        canvas.mark(ball, LEFT_EYE if side else RIGHT_EYE)
        _paint_ball(canvas, head, eye, ball, fibres)
        _paint_lids(canvas, head, eye, rng)


def _paint_socket(canvas: Canvas, head: Head, eye: Eye) -> None:
    """Darken the lid above the eye, and the make-up on it."""
    look, up = head.person.complexion, eye.up
    centre = head.on_face(np.array([((1 if eye.side else -1) * EYE_CENTRE, -0.06)]))[0]
    hollow = shape(ellipse(centre, (0.27 * head.unit, 0.13 * head.unit)), 3.2)
    canvas.shade(hollow.times(0.3 + 0.3 * look.age), (0.84, 0.74, 0.72))
    if look.eye_shadow > 0.05:
        lid = np.concatenate([eye.upper, (eye.upper + up * 0.13)[::-1]])
        canvas.shade(shape(lid, 1.0).times(look.eye_shadow), (0.58, 0.48, 0.55))


def _paint_ball(canvas: Canvas, head: Head, eye: Eye, ball: Mask, fibres: np.ndarray) -> None:
    look, expression, unit = head.person.complexion, head.person.expression, head.unit
    canvas.paint(ball, (0.87, 0.84, 0.82))
    middle = (eye.upper[0] + eye.upper[-1]) / 2
    half = (eye.upper[-1] - eye.upper[0]) / 2
    centre = (
        middle + half * 0.42 * expression.gaze[0] + eye.up * (0.022 - 0.035 * expression.gaze[1])
    )
    radius = IRIS_RADIUS * unit * (0.96 + 0.04 * head.person.build.eye_size)
    round_x = radius * (0.93 + 0.07 * head.cos)
    iris = shape(ellipse(centre, (round_x, radius), 28)).within(ball)
    x, y = iris.grid()
    left, top = centre.tolist()
    angle = np.arctan2(y - top, x - left)
    distance = np.hypot(y - top, x - left) / radius
    tone = 1 + 0.22 * look_up(fibres, (angle + 4) * 9) + 0.35 * (y - top) / radius
    tone = tone * np.clip(2.9 - 2.35 * distance, 0.35, 1.1)
    canvas.paint(iris, planes(look.iris) * tone)
    canvas.paint(shape(ellipse(centre, (radius * 0.42,) * 2, 16)).within(ball), (0.03, 0.02, 0.02))
    lid = np.concatenate([eye.upper, (eye.upper - eye.up * 0.055)[::-1]])
    canvas.shade(shape(lid, 0.8).within(ball).times(0.75), (0.45, 0.38, 0.36))
    corners = [ellipse(corner, (unit * 0.06,) * 2, 10) for corner in eye.upper[[0, -1]]]
    canvas.shade(shapes(corners, 1.0).within(ball), (0.8, 0.6, 0.58))
    lamp = head.person.light.direction
    spark = moved(centre, lamp[0] * radius * 0.5, lamp[1] * radius * 0.6)
    canvas.paint(shape(ellipse(spark, (radius * 0.2, radius * 0.24), 10)).within(ball), (1, 1, 1))


def _paint_lids(canvas: Canvas, head: Head, eye: Eye, rng: np.random.Generator) -> None:
    look, unit, up = head.person.complexion, head.unit, eye.up
    count = len(eye.upper)
    heavier = taper(
        count, *((0.25, 0.5) if eye.side else (0.5, 0.25)), peak=0.5 + 0.2 * eye.outwards
    )
    line = ribbon(eye.upper, unit * (0.028 + 0.022 * look.lashes) * heavier)
    lashes = [line, *_lashes(head, eye, rng)]
    canvas.paint(shapes(lashes).times(0.88), look.brows * 0.35)
    under = shape(ribbon(eye.lower, unit * 0.02))
    canvas.shade(under.times(0.45 + 0.3 * look.eye_shadow), (0.6, 0.46, 0.44))
    lift = 0.065 + 0.035 * (1 - look.age)
    crease = eye.upper[2:-2] + up * lift * np.sin(np.linspace(0.5, 2.6, count - 4))[:, None]
    fold = shape(ribbon(crease, unit * 0.022 * taper(count - 4)))
    canvas.shade(fold.times(0.6), (0.62, 0.5, 0.48))


def _lashes(head: Head, eye: Eye, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the outlines of single lashes, thin triangles fanning from the upper lid."""
    number = int(7 + 6 * head.person.complexion.lashes)
    length = 0.085 * head.unit * head.person.complexion.lashes
    roots = resample(eye.upper, number + 2)[1:-1]
    along = (eye.upper[-1] - eye.upper[0]) / np.linalg.norm(eye.upper[-1] - eye.upper[0])
    out = normals(resample(eye.upper, number + 2))[1:-1]
    out *= -np.sign(out @ -eye.up)[:, None]
    fan = np.linspace(-0.7, 0.7, number) + 0.3 * eye.outwards
    lengths = length * rng.uniform(0.7, 1.2, number)
    tips = roots + (out + along * fan[:, None]) * lengths[:, None]
    return [
        np.array([root - along * 0.35, root + along * 0.35, tip])
        for root, tip in zip(roots, tips, strict=True)
    ]


def draw_brows(canvas: Canvas, head: Head, face: Mask, rng: np.random.Generator) -> None:
    """Paint both brows with their single hairs."""
    look, unit = head.person.complexion, head.unit
    for side, label in ((0, RIGHT_BROW), (1, LEFT_BROW)):
        points = head.landmarks[17 + 5 * side : 22 + 5 * side]
        inner_first = points[::-1] if side == 0 else points
        line = smooth(inner_first, 6)
        widths = 0.105 * unit * head.person.build.brow_weight
        profile = widths * np.interp(
            np.linspace(0, 1, len(line)), (0, 0.08, 0.3, 0.65, 1), (0.5, 0.85, 1, 0.8, 0.12)
        )
        brow = shape(ribbon(line, profile)).within(face)
        canvas.mark(brow, label)
        soft = softened(brow, 0.7)
        canvas.paint(soft.times(0.5), look.brows)
        hairs = _brow_hairs(line, profile, rng)
        canvas.paint(shapes(hairs).within(face).times(0.75), look.brows * 0.8)


def _brow_hairs(
    line: np.ndarray, profile: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return thin hairs that leave the brow's line outwards and upwards."""
    number = 34
    at = rng.uniform(0, len(line) - 1.01, number)
    index = at.astype(int)
    across = normals(line)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across *= -np.sign(across[:, 1])[:, None]
    width = profile[index][:, None]
    root = line[index] - across[index] * width * rng.uniform(-0.2, 0.55, (number, 1))
    lean = np.interp(at / len(line), (0, 0.25, 1), (0.25, 1, 1.5))[:, None]
    tip = root + (across[index] * 0.6 + along[index] * lean) * width * rng.uniform(
        0.4, 0.8, (number, 1)
    )
    base = along[index] * 0.32
    return list(np.stack([root - base, root + base, tip], 1))
