"""One drawn face: the order in which its layers are painted."""

from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from drawing.canvas import Canvas, planes
from drawing.features import features
from drawing.hair import hair
from drawing.head import Head
from drawing.person import Person
from drawing.worn import background, clothes, earrings, glasses, hat, neck

WORN: Final = ((earrings, 0.35), (glasses, 0.16), (hat, 0.14))
"""How many faces wear something; necklaces come with the neck."""


class DrawnFace(NamedTuple):
    """A drawn photo and what is known about it.

    Attributes:
        image: RGB, uint8, (SIZE, SIZE, 3).
        labels: uint8 (SIZE, SIZE), classes 0..18 in BiSeNet's order.
        landmarks: float32 (68, 2), x and y, iBUG 300-W's order; (0.5, 0.5) is a pixel's centre.
    """

    image: np.ndarray
    labels: np.ndarray
    landmarks: np.ndarray


def draw_face(rng: np.random.Generator) -> DrawnFace:
    """Draw a face that depends on the generator alone."""
    canvas, head = Canvas(), Head(Person(rng), rng)
    strands = hair(head, rng)
    canvas.paint(background(rng))
    canvas.paint(strands[:1])
    canvas.paint(neck(head, rng))
    canvas.paint(clothes(head, rng))
    canvas.paint(features(head, rng))
    canvas.paint(strands[1:])
    for thing, share in WORN:
        if rng.random() < share:
            canvas.paint(thing(head, rng))
    return DrawnFace(_photograph(canvas, rng), canvas.labels, head.landmarks.astype(np.float32))


def _photograph(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Return the canvas as a camera sees it: tint, slight blur and noise."""
    tint = rng.uniform(0.88, 1.06) * rng.uniform((0.98, 1, 0.94), (1.06, 1, 1.02))
    image = canvas.image * planes(tint)
    image += np.float32(rng.uniform(0.002, 0.01)) * rng.standard_normal(image.shape[1:], np.float32)
    pixels = np.clip(255 * image + 0.5, 0, 255).astype(np.uint8)
    photo = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return np.array(photo.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8))))
