"""One drawn face: the order in which its layers are painted."""

from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from drawing.background import draw_background
from drawing.canvas import Canvas, blurred, planes
from drawing.clothes import draw_clothes, draw_neck
from drawing.features import draw_ear, draw_features
from drawing.hair import Hair
from drawing.head import SIDES, Head
from drawing.light import light_on_skin
from drawing.person import Person
from drawing.worn import draw_earrings, draw_glasses, draw_hat, draw_necklace

GLASSES_SHARE: Final = 0.16
HAT_SHARE: Final = 0.1
GREY_SHARE: Final = 0.04
"""How many faces wear something, and how many photos are black and white."""


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
    canvas, head = Canvas(), Head(Person(rng))
    light, hair = light_on_skin(head), Hair(canvas, head, rng)
    far = [side for side in SIDES if head.is_far(side)]
    near = [side for side in SIDES if not head.is_far(side)]
    femininity = head.person.femininity
    draw_background(canvas, rng)
    hair.draw_back()
    neck = draw_neck(canvas, head)
    if rng.random() < 0.1 + 0.25 * femininity:
        draw_necklace(canvas, head, neck, rng)
    draw_clothes(canvas, head, rng)
    for side in far:
        draw_ear(canvas, head, side, light)
        hair.draw_curtain(side, neck)
    face = draw_features(canvas, head, light, rng)
    hair.draw_cap(face)
    for side in near:
        draw_ear(canvas, head, side, light)
    if rng.random() < 0.06 + 0.5 * femininity:
        draw_earrings(canvas, head, near, rng)
    for side in near:
        hair.draw_curtain(side, face)
    if rng.random() < GLASSES_SHARE:
        draw_glasses(canvas, head, face, rng)
    if rng.random() < HAT_SHARE:
        draw_hat(canvas, head, face, rng)
    image = _photograph(canvas, head, rng)
    return DrawnFace(image, canvas.labels, head.landmarks.astype(np.float32))


def _photograph(canvas: Canvas, head: Head, rng: np.random.Generator) -> np.ndarray:
    """Return the canvas as a camera sees it: tint, contrast, slight blur and noise."""
    contrast = rng.uniform(0.9, 1.12)
    image = canvas.image * planes(contrast * head.person.light.tint) + (1 - contrast) / 2
    if rng.random() < GREY_SHARE:
        image[:] = image.mean(0)
    image += np.float32(rng.uniform(0.002, 0.01)) * rng.standard_normal(image.shape[1:], np.float32)
    pixels = np.clip(255 * image + 0.5, 0, 255).astype(np.uint8)
    photo = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return np.array(blurred(photo, float(rng.uniform(0.0, 0.7))))
