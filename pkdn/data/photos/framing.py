"""Which parts of a photo of the user's own are faces, and what is cut out of it there."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pkdn.data.photos.crops import centre_box, crop_image, landmarks_box
from pkdn.data.photos.detection import find_faces
from pkdn.data.photos.photo import Box, UnreadablePhotoError
from pkdn.data.photos.reading import LARGEST_TEXT, content, parse_points, read_image
from pkdn.errors import UserError
from pkdn.faces import LR_SIZE

POINTS = ".pts"


class Framing(NamedTuple):
    """What the user says of the faces in photos; by default the largest that is found is meant.

    Landmarks in a ``.pts`` file beside a photo say where its face is, unless one of these does.

    Attributes:
        framed: The photos are faces as they are: their centre squares are cut.
        box: Around the face, from the brows to the chin, as its landmarks would have it.
        all_faces: Every face that is found is meant.
    """

    framed: bool = False
    box: Box | None = None
    all_faces: bool = False


def read_faces(path: Path, framing: Framing | None) -> list[np.ndarray]:
    """Read the faces of a photo.

    Args:
        path: Of the photo.
        framing: Where they are in photos of more than 16×16 pixels; None refuses these.

    Returns:
        The photo itself where it has 16×16 pixels: (16, 16, 3). Else (128, 128, 3) for each face,
        which were cut as those of the data sets are, from the left to the right. uint8, RGB.

    Raises:
        UserError: The photo cannot be read, shows no face, has too few pixels of it, or has
            16×16 where a box is said.
    """
    image = read_image(path)
    height, width = image.shape[:2]
    if (width, height) == (LR_SIZE, LR_SIZE):
        if framing is not None and framing.box is not None:
            raise UserError(
                f"--box: expected a photo of more than {LR_SIZE}×{LR_SIZE} pixels, got {path}, "
                "which is taken as a face as it is: leave --box out"
            )
        return [image]
    if framing is None:
        raise UserError(
            f"expected a face of {LR_SIZE}×{LR_SIZE} pixels in {path}, got {width}×{height}; "
            "add --degrade to find, cut and degrade the face of a larger photo"
        )
    boxes = sorted(_boxes(path, image, framing))
    smallest = min(box.source_side for box in boxes)
    if smallest < LR_SIZE:
        raise UserError(
            f"expected faces of at least {LR_SIZE}×{LR_SIZE} pixels in {path}, got one of "
            f"{smallest}: leave it out"
        )
    return [crop_image(image, box) for box in boxes]


def _boxes(path: Path, image: np.ndarray, framing: Framing) -> list[Box]:
    height, width = image.shape[:2]
    if framing.framed:
        return [centre_box(width, height)]
    if framing.box is not None:
        left, top, right, bottom = framing.box
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise UserError(
                f"expected a box inside the {width}×{height} pixels of {path}, got one from "
                f"({left}, {top}) to ({right}, {bottom}): correct --box"
            )
        found = [np.array(framing.box, np.float32).reshape(2, 2)]
    else:
        found = _landmarks(path, image, all_faces=framing.all_faces)
    try:
        return [landmarks_box(landmarks, width, height) for landmarks in found]
    except UnreadablePhotoError as error:
        raise UserError(f"cannot use the landmarks of {path}: {error}") from error


def _landmarks(path: Path, image: np.ndarray, *, all_faces: bool) -> list[np.ndarray]:
    places = [path.with_suffix(suffix) for suffix in (POINTS, POINTS.upper())]
    points = next((place for place in places if place.exists()), None)
    if points and not all_faces:
        try:
            return [parse_points(content(points.parent, points.name, LARGEST_TEXT))]
        except UnreadablePhotoError as error:
            raise UserError(f"cannot read the landmarks {points}: {error}") from error
    found = find_faces(image)
    if not found:
        raise UserError(
            f"expected a face in {path}, found none: say where it is with --box, or add --framed "
            "where the photo is a face as it is"
        )
    return found if all_faces else found[:1]
