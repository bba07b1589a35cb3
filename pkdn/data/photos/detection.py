"""Where faces lie in a photo: found by dlib, with the 68 landmarks of each.

The detector looks for upright faces that look towards the camera, by histograms of gradients. Its
landmarks are in the order of 300-W's. Both come with the extra ``faces`` and need no network.
"""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from pkdn.data.photos.crops import is_inside, middle
from pkdn.data.photos.photo import Box
from pkdn.errors import UserError

TERMS = (
    "faces are found by dlib; its model of the 68 landmarks was trained on iBUG 300-W, whose terms "
    "allow non-commercial use alone"
)
MOST_DOUBLED = 4_000_000
"""Pixels of a photo that is looked at in twice its size where no face is found. Not stated
anywhere; chosen because that takes two seconds then, and larger photos of small faces are rare."""


class NoDetectorError(UserError):
    """What finds faces is not installed."""


def find_faces(image: np.ndarray) -> list[np.ndarray]:
    """Return the landmarks of every face in a photo, those of the largest face first.

    dlib finds faces of 80 pixels a side or more. Where it finds none, the photo is looked at in
    twice its size: looking so at every photo found no more of Helen's faces, and more that are
    none. A face whose middle lies outside the photo is none.

    Args:
        image: RGB, uint8, (H, W, 3).

    Returns:
        For each face float32 (68, 2), x and y in pixels of the photo; the centre of its top left
        pixel is (0.5, 0.5). Landmarks may lie outside the photo. The same photo always gives the
        same.

    Raises:
        NoDetectorError: the extra ``faces`` is not installed.
    """
    found = _found(image)
    height, width = image.shape[:2]
    if not found and width * height <= MOST_DOUBLED:
        twice = Image.fromarray(image).resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
        found = [face / 2 for face in _found(np.array(twice))]
    return [face for face in found if is_inside(face, width, height)]


def find_face(image: np.ndarray, near: Box | None = None) -> np.ndarray | None:
    """Return the landmarks of one face, as :func:`find_faces` does.

    Args:
        image: RGB, uint8, (H, W, 3).
        near: where the face is said to be: the one nearest to its middle is meant, and none that
            lies outside. Without it the largest face is meant.

    Returns:
        None where no such face is found.
    """
    found = find_faces(image)
    if near is None or not found:
        return found[0] if found else None
    corners = np.array(near).reshape(2, 2)
    middles = np.array([middle(face) for face in found])
    inside = ((middles >= corners[0]) & (middles <= corners[1])).all(axis=1)
    distances = np.linalg.norm(middles - corners.mean(axis=0), axis=1)
    nearest = int(np.where(inside, distances, np.inf).argmin())
    return found[nearest] if inside[nearest] else None


def version() -> str:
    """Return what finds faces, and in which versions.

    Raises:
        NoDetectorError: the extra ``faces`` is not installed.
    """
    dlib, models = _packages()
    return f"dlib {dlib.__version__}, models {models.__version__}"


def was_used() -> bool:
    """Return whether this process has looked for faces."""
    return _models.cache_info().currsize > 0


def _found(image: np.ndarray) -> list[np.ndarray]:
    detector, predictor = _models()
    pixels = np.ascontiguousarray(image)
    found = sorted(detector(pixels), key=lambda rectangle: -rectangle.width())
    return [_landmarks(predictor(pixels, rectangle)) for rectangle in found]


def _landmarks(shape: Any) -> np.ndarray:
    """Return dlib's points, which count pixels, as places in the photo."""
    return np.array([(point.x, point.y) for point in shape.parts()], np.float32) + 0.5


@cache
def _models() -> tuple[Any, Any]:
    """Load the detector and the model of the landmarks: 100 MB, in half a second."""
    dlib, models = _packages()
    predictor = dlib.shape_predictor(models.pose_predictor_model_location())
    return dlib.get_frontal_face_detector(), predictor


def _packages() -> tuple[Any, Any]:
    try:
        import dlib
        import face_recognition_models
    except ImportError as error:
        raise NoDetectorError(
            f"expected dlib and its models to find faces, got: {error}; install them by "
            "`pip install -e '.[faces]'`"
        ) from None
    return dlib, face_recognition_models
