"""One drawn face: the order in which its layers are painted."""

from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from drawing.background import draw_background
from drawing.body import draw_neck, draw_necklace
from drawing.canvas import SIZE, Canvas, Mask, blurred, planes
from drawing.clothes import draw_clothes
from drawing.colours import METALS
from drawing.ears import EARRINGS, draw_ear, draw_earring
from drawing.eyes import draw_brows, draw_eyes
from drawing.glasses import draw_glasses
from drawing.hair import HairPainter
from drawing.hairstyles import sample_hair
from drawing.hats import draw_hat
from drawing.head import Head
from drawing.mouth import draw_mouth
from drawing.person import sample_person
from drawing.shading import Lighting
from drawing.skin import draw_age_lines, draw_beard, draw_nose, draw_skin, light_skin
from drawing.traits import Light

SIDES: Final = (-1, 1)
"""The image's left and right."""

GLASSES_SHARE: Final = 0.16
HAT_SHARE: Final = 0.1
GREY_SHARE: Final = 0.04
"""How many faces wear something, and how many photos are black and white."""

LUMINANCE: Final = np.array((0.3, 0.59, 0.11), np.float32)


class DrawnFace(NamedTuple):
    """A drawn photo and what is known about it.

    Attributes:
        image: RGB, uint8, (SIZE, SIZE, 3).
        labels: uint8 (SIZE, SIZE), classes 0..18 in BiSeNet's order.
        landmarks: float32 (68, 2), x and y in pixels, iBUG 300-W's order; the centre of the
            top left pixel is (0.5, 0.5).
    """

    image: np.ndarray
    labels: np.ndarray
    landmarks: np.ndarray


def draw_face(rng: np.random.Generator) -> DrawnFace:
    """Draw a face that depends on the generator alone."""
    canvas, head = Canvas(), Head(sample_person(rng))
    lighting, hair = Lighting(head), sample_hair(rng, head)
    painter = HairPainter(canvas, head, hair, rng)
    far = [side for side in SIDES if head.is_far(side)]
    near = [side for side in SIDES if not head.is_far(side)]
    draw_background(canvas, rng)
    painter.draw_back()
    neck = draw_neck(canvas, head)
    if rng.random() < 0.1 + 0.25 * head.person.femininity:
        draw_necklace(canvas, head, neck, rng)
    draw_clothes(canvas, head, neck, rng)
    for side in far:
        draw_ear(canvas, head, side, lighting)
        if hair.style.curtains:
            painter.draw_curtain(side, None)
    face = _draw_features(canvas, head, lighting, rng)
    if hair.name != "bald":
        painter.draw_cap(lighting, face)
    _draw_near_ears(canvas, head, near, lighting, rng)
    for side in near:
        if hair.style.curtains:
            painter.draw_curtain(side, face)
    if rng.random() < GLASSES_SHARE:
        draw_glasses(canvas, head, face, rng)
    if rng.random() < HAT_SHARE:
        draw_hat(canvas, head, lighting, face, rng)
    image = _photograph(canvas, head.person.light, rng)
    return DrawnFace(image, canvas.labels, head.landmarks.astype(np.float32))


def _draw_features(
    canvas: Canvas, head: Head, lighting: Lighting, rng: np.random.Generator
) -> Mask:
    face = draw_skin(canvas, head, rng)
    draw_nose(canvas, head, face)
    draw_age_lines(canvas, head)
    draw_beard(canvas, head, rng, face)
    draw_mouth(canvas, head, face, rng)
    draw_eyes(canvas, head, face, rng)
    draw_brows(canvas, head, face, rng)
    light_skin(canvas, head, lighting, face)
    return face


def _draw_near_ears(
    canvas: Canvas, head: Head, near: list[int], lighting: Lighting, rng: np.random.Generator
) -> None:
    wears = rng.random() < 0.06 + 0.5 * head.person.femininity
    kind, size = EARRINGS[rng.integers(len(EARRINGS))], rng.random()
    metal = METALS[rng.integers(len(METALS))] * np.float32(rng.uniform(0.7, 1))
    for side in near:
        draw_ear(canvas, head, side, lighting)
        if wears:
            draw_earring(canvas, head, side, kind, metal, size)


def _photograph(canvas: Canvas, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Return the canvas as a camera sees it: tint, tone curve, slight blur and noise."""
    image = canvas.image
    image *= planes(light.tint * np.float32(rng.uniform(0.9, 1.08)))
    contrast = np.float32(rng.uniform(0.9, 1.12))
    image *= contrast
    image += (1 - contrast) / 2
    if rng.random() < GREY_SHARE:
        image[:] = np.tensordot(LUMINANCE, image, 1)
    image += np.float32(rng.uniform(0.002, 0.01)) * rng.standard_normal((SIZE, SIZE), np.float32)
    np.clip(image, 0, 1, out=image)
    image *= 255
    image += 0.5
    pixels = image.astype(np.uint8)
    blur = float(rng.uniform(0.0, 0.7))
    if blur > 0.25:
        bands = [blurred(Image.fromarray(plane), blur) for plane in pixels]
        pixels = np.stack([np.asarray(band) for band in bands])
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
