"""From a photo to a 128×128 face: where the box lies and what is cut out of it.

Coordinates are continuous: pixel i spans i to i + 1, and (0, 0) is the photo's top left corner.
"""

import numpy as np
from PIL import Image

from pkdn.data.photos.photo import Box, UnreadablePhotoError
from pkdn.faces import HR_SIZE

WIDENING = 0.3
"""Share of the side by which the box of the landmarks is widened, half on each side (DIC)."""
MIN_SOURCE_SIDE = 64
"""Source pixels per side below which a face would be mostly invented: half of the HR face's."""


def middle(landmarks: np.ndarray) -> np.ndarray:
    """Return the middle (2,) of the box around landmarks (n, 2)."""
    found: np.ndarray = (landmarks.min(axis=0) + landmarks.max(axis=0)) / 2
    return found


def is_inside(landmarks: np.ndarray, width: int, height: int) -> bool:
    """Return whether the middle of landmarks (n, 2) lies in a photo of this size."""
    place = middle(landmarks)
    return bool(((place >= 0) & (place < (width, height))).all())


def landmarks_box(landmarks: np.ndarray, width: int, height: int) -> Box:
    """Return the box of a face: DIC's rule, which the paper follows.

    The box of the landmarks is made square by shrinking its longer side around the centre, and
    widened. Where it leaves the photo at the left or the top it is moved inside; at the right and
    the bottom it is cut off, so that those faces are stretched when they are resized.

    Args:
        landmarks: (n, 2), x and y in pixels of the photo, finite.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.

    Raises:
        UnreadablePhotoError: The centre of the landmarks lies outside the photo.
    """
    if not is_inside(landmarks, width, height):
        raise UnreadablePhotoError("its landmarks lie outside the photo")
    left, top = (int(value) for value in np.floor(landmarks.min(axis=0)))
    face_width, face_height = (int(value) for value in np.ptp(landmarks, axis=0))
    side = min(face_width, face_height)
    left += (face_width - side) // 2
    top += (face_height - side) // 2
    margin = int(side * WIDENING / 2)
    left, top, side = max(0, left - margin), max(0, top - margin), side + 2 * margin
    return Box(left, top, min(left + side, width), min(top + side, height))


def centre_box(width: int, height: int, *, share: float = 1.0) -> Box:
    """Return the square around a photo's centre whose side is ``share`` of the shorter one."""
    side = round(share * min(width, height))
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left, top, left + side, top + side)


def crop_image(image: np.ndarray, box: Box) -> np.ndarray:
    """Cut out a face and resize it by Pillow's bicubic filter.

    Args:
        image: RGB uint8, (H, W, 3).
        box: Inside the image.

    Returns:
        RGB uint8, (128, 128, 3).
    """
    return _resized(image, box, Image.Resampling.BICUBIC)


def crop_labels(labels: np.ndarray, box: Box) -> np.ndarray:
    """Cut out a label map and resize it to the nearest labels: uint8 (H, W) to (128, 128)."""
    return _resized(labels, box, Image.Resampling.NEAREST)


def crop_landmarks(landmarks: np.ndarray, box: Box) -> np.ndarray:
    """Move landmarks from the photo's pixels to the face's: (n, 2) to float32 (n, 2)."""
    scale = HR_SIZE / np.array([box.right - box.left, box.bottom - box.top])
    return ((landmarks - np.array([box.left, box.top])) * scale).astype(np.float32)


def _resized(pixels: np.ndarray, box: Box, resample: Image.Resampling) -> np.ndarray:
    # cut first: a resize with Pillow's `box` lets pixels around the box bleed into its border
    cut = Image.fromarray(pixels[box.top : box.bottom, box.left : box.right])
    return np.asarray(cut.resize((HR_SIZE, HR_SIZE), resample))
