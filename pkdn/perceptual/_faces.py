"""What the metrics that begin with the face of HR have in common."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkdn import detector

if TYPE_CHECKING:
    from pkdn.perceptual import Judge


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


def judge_of(key: str, measure: Callable[[np.ndarray, np.ndarray, Found], float]) -> "Judge":
    """Return a metric that measures SR and HR, given the face of HR; NaN where there is none.

    Raises:
        NoDetectorError: the extra ``faces`` is not installed.
    """
    detector.version()

    def score(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
        face = face_of(hr_image)
        return {key: math.nan if face is None else measure(sr_image, hr_image, face)}

    return score
