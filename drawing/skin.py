"""The face's skin: colour, blemishes, beard, lines of age, light and shadow."""

import numpy as np

from drawing.canvas import Canvas, Mask, planes, shape, shapes, softened
from drawing.curves import ellipse, moved, resample, ribbon, smooth, taper
from drawing.head import Head
from drawing.noise import smooth_noise
from drawing.shading import Lighting

SKIN, NOSE = 1, 10


def draw_skin(canvas: Canvas, head: Head, rng: np.random.Generator) -> Mask:
    """Paint the bare head with its blemishes and return its mask."""
    look = head.person.complexion
    mask = shape(head.outline())
    size = mask.alpha.shape
    tone = 1 + 0.02 * smooth_noise(rng, size, 22) + 0.01 * smooth_noise(rng, size, 2)
    canvas.paint(mask, planes(look.skin) * tone, SKIN)
    cheeks = [head.on_face(ellipse((side * 0.6, 0.42), (0.26, 0.2))) for side in (-1, 1)]
    red = 1 + look.blush * np.array((0.02, -0.13, -0.11))
    canvas.shade(shapes(cheeks, 5).within(mask), red)
    canvas.shade(shape(head.on_face(ellipse((0, 0.52), (0.2, 0.16))), 3), 0.4 + 0.6 * red)
    if look.freckles > 0.1:
        _freckles(canvas, head, rng, mask)
    if rng.random() < 0.12:
        spot = head.on_face(np.array([(rng.uniform(-0.7, 0.7), rng.uniform(0.3, 1.2))]))[0]
        canvas.shade(shape(ellipse(spot, (1.1, 1.1), 10)), (0.5, 0.4, 0.4))
    return mask


def _freckles(canvas: Canvas, head: Head, rng: np.random.Generator, mask: Mask) -> None:
    count = int(120 * head.person.complexion.freckles)
    places = np.stack([rng.normal(0, 0.42, count), rng.normal(0.35, 0.16, count)], 1)
    places = places[np.abs(places[:, 0]) < 0.85]
    dots = head.on_face(places)
    radii = rng.uniform(0.3, 0.75, len(dots))
    spots = [ellipse(dot, (r, r), 6) for dot, r in zip(dots, radii, strict=True)]
    canvas.shade(shapes(spots).within(mask), (0.82, 0.7, 0.62))


def nose_outline(head: Head) -> np.ndarray:
    """Return the contour of the nose in pixels."""
    nose = head.landmarks[27:36]
    width = head.person.build.nose_width
    bridge = np.array([(0.085, -0.03), (0.085, 0.15), (0.12, 0.36)]) * (width, 1)
    height = 0.16 * head.person.build.nose_depth
    flip = np.array((-1.0, 1.0))
    wing = np.array([(0.2 * width, 0.5), (0.215 * width, 0.57)])
    right = np.concatenate([head.on_face(bridge, height / 2), head.on_face(wing, 0.1)])
    left = np.concatenate([head.on_face(bridge * flip, height / 2), head.on_face(wing * flip, 0.1)])
    return smooth(np.concatenate([left, nose[4:9], right[::-1]]), 4)


def draw_nose(canvas: Canvas, head: Head, face: Mask) -> None:
    """Paint nostrils, wings and the shadow under the nose, and mark the nose."""
    build, light = head.person.build, head.person.light
    canvas.mark(shape(nose_outline(head)).within(face), NOSE)
    nose = head.landmarks[31:36]
    down = head.place(np.array([(0, 0.7, 1.4), (0, 0.5, 1.4)]))
    below = (down[0] - down[1]) / np.linalg.norm(down[0] - down[1])
    shadow = np.concatenate([nose, nose[::-1] + below * head.unit * 0.1]) - (
        light.direction[0] * head.unit * 0.12,
        0.0,
    )
    canvas.shade(shape(smooth(shadow, 3), 1.8).times(0.55), (0.66, 0.54, 0.52))
    nostrils = []
    for side in (-1, 1):
        hole = np.array([(0.045, 0.625), (0.09, 0.6), (0.135, 0.61), (0.125, 0.64), (0.07, 0.65)])
        hole = (hole * (side * build.nose_width, build.nose_length)).astype(float)
        nostrils.append(smooth(head.on_face(np.concatenate([hole, hole[:1]]), 0.14), 3))
    canvas.shade(shapes(nostrils).times(0.9), (0.34, 0.24, 0.24))
    wings = []
    for side in (-1, 1):
        wing = np.array([(0.185, 0.49), (0.228, 0.54), (0.222, 0.605), (0.17, 0.63)])
        line = smooth(head.on_face(wing * (side * build.nose_width, build.nose_length), 0.08), 4)
        wings.append(ribbon(line, head.unit * 0.03 * taper(len(line))))
    canvas.shade(shapes(wings, 0.6).times(0.7), (0.68, 0.56, 0.54))


def draw_age_lines(canvas: Canvas, head: Head) -> None:
    """Paint the folds from nose to mouth, bags under the eyes and lines on the forehead."""
    look, expression, unit = head.person.complexion, head.person.expression, head.unit
    depth = 0.15 + 0.5 * look.age + 0.45 * max(expression.smile, 0)
    mouth = head.landmarks
    folds, bags, lines = [], [], []
    for side, wing, corner in ((-1, 31, 48), (1, 35, 54)):
        out = (mouth[corner] - mouth[51]) * 0.24
        start = mouth[wing] + out * 0.35 - (mouth[33] - mouth[30]) * 0.35
        middle = (start + mouth[corner]) / 2 + out * (0.8 + 0.5 * max(expression.smile, 0))
        fold = smooth(np.array([start, middle, mouth[corner] + out * 1.05]), 8)
        folds.append(ribbon(fold, unit * 0.05 * taper(len(fold), peak=0.4)))
        bag = np.array([(0.26, 0.1), (0.36, 0.175), (0.47, 0.185), (0.58, 0.12)])
        curve = smooth(head.on_face(bag * (side, 1)), 5)
        bags.append(ribbon(curve, unit * 0.03 * taper(len(curve))))
        if look.age > 0.6:
            for ray in (-0.06, 0.02, 0.1):
                feet = np.array([(0.67, ray * 0.6), (0.72, ray), (0.79, ray * 1.7)])
                lines.append(ribbon(smooth(head.on_face(feet * (side, 1)), 4), 0.7))
    canvas.shade(shapes(folds, 1.1).times(min(depth, 1) * 0.6), (0.74, 0.62, 0.60))
    canvas.shade(shapes(bags, 0.9).times((0.15 + 0.7 * look.age) * 0.5), (0.74, 0.64, 0.66))
    if look.age > 0.45:
        for level in (-0.48, -0.6, -0.72):
            wave = np.array([(-0.5, 0.03), (-0.25, -0.01), (0, 0.02), (0.25, -0.01), (0.5, 0.03)])
            lines.append(ribbon(smooth(head.on_face(moved(wave, 0, level)), 4), 0.9))
    if lines:
        canvas.shade(shapes(lines).times(0.5 * look.age), (0.74, 0.64, 0.62))


def draw_beard(canvas: Canvas, head: Head, rng: np.random.Generator, mask: Mask) -> None:
    """Paint stubble or a beard: hair colour, but still the class of skin."""
    look = head.person.complexion
    if not look.beard and look.stubble < 0.05:
        return
    area = _beard_area(head, look.beard or "full")
    soft = softened(area, 1.2 if look.beard else 3.0).within(mask)
    size = soft.alpha.shape
    grain = smooth_noise(rng, size, (2.4, 1.1))
    if look.beard:
        tufts = np.clip(0.9 + 0.35 * grain, 0, 1)
        colour = planes(look.hair) * np.clip(1 + 0.32 * smooth_noise(rng, size, (4, 1.3)), 0.4, 2)
        canvas.paint(soft.times(tufts * 0.92), colour)
    else:
        dark = np.clip(0.5 + 0.35 * grain, 0, 1) * look.stubble
        canvas.paint(soft.times(0.45 * dark), 0.35 * look.skin + 0.35 * look.hair)


def _beard_area(head: Head, kind: str) -> Mask:
    points, jaw = head.landmarks, head.jaw
    length = len(jaw)
    down = (points[8] - points[33]) * 0.06
    moustache = np.concatenate(
        [
            points[[48]] + (points[48] - points[54]) * 0.05 + down,
            points[[31]] + (points[48] - points[31]) * 0.3,
            points[[32, 33, 34]] + down * 0.8,
            points[[35]] + (points[54] - points[35]) * 0.3,
            points[[54]] + (points[54] - points[48]) * 0.05 + down,
            points[52:49:-1],
        ]
    )
    parts = [smooth(moustache, 3)]
    if kind == "goatee":
        low = jaw[int(length * 0.4) : int(length * 0.6) + 1]
        parts.append(np.concatenate([points[[48]], low, points[[54]], points[55:60]]))
    if kind == "full":
        cheek_right = head.on_face(np.array([(0.95, 0.12), (0.82, 0.55), (0.6, 0.75)]))
        cheek_left = head.on_face(np.array([(-0.6, 0.75), (-0.82, 0.55), (-0.95, 0.12)]))
        inner = [points[[54]], points[55:60], points[[48]]]
        low = jaw[int(length * 0.04) : int(length * 0.96) + 1]
        parts.append(np.concatenate([low, cheek_right, *inner, cheek_left]))
    lips = shape(smooth(np.concatenate([points[48:60], points[48:49]]), 3))
    return shapes(parts).without(lips)


def light_skin(canvas: Canvas, head: Head, lighting: Lighting, mask: Mask) -> None:
    """Apply diffuse light and gloss to the painted face."""
    canvas.shade(mask, lighting.diffuse[mask.window])
    shine = 0.24 * head.person.complexion.shine * (1 - 0.3 * head.person.complexion.stubble)
    canvas.glow(mask, shine * lighting.gloss[mask.window])
    rim = resample(head.jaw, 40)
    edge = shape(ribbon(rim, head.unit * 0.1), 2.0).within(mask)
    canvas.shade(edge.times(0.35), (0.78, 0.68, 0.66))
