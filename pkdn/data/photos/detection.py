"""Where faces lie in a photo, with the 68 landmarks of each."""

import numpy as np
from PIL import Image

from pkdn import detector
from pkdn.data.photos.crops import is_inside, middle
from pkdn.data.photos.photo import Box

MOST_DOUBLED = 4_000_000
"""Pixels of a photo that is looked at in twice its size where no face is found. Not stated
anywhere; chosen because that takes two seconds then, and larger photos of small faces are rare."""


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


def _found(image: np.ndarray) -> list[np.ndarray]:
    return [
        detector.points(detector.shape(image, rectangle))
        for rectangle in detector.rectangles(image)
    ]
