"""The face of an HR image, for the metrics that begin with it."""

from typing import Any, NamedTuple

import numpy as np

from pkdn import detector


class Found(NamedTuple):
    """dlib's rectangle of a face, and its shape of 68 landmarks."""

    rectangle: Any
    shape: Any


def face_of(hr_image: np.ndarray) -> Found | None:
    """Return the largest face of an HR image, (H, W, 3) uint8; None where dlib finds none."""
    rectangles = detector.rectangles(hr_image)
    if not rectangles:
        return None
    return Found(rectangles[0], detector.shape(hr_image, rectangles[0]))
