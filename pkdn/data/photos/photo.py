"""What a data set is made of: entries in its catalogue, and the photos behind them."""

from typing import NamedTuple

import numpy as np


class Entry(NamedTuple):
    """One photo of a data set, known by name before any file is opened.

    ``photo``, ``landmarks`` and ``labels`` are paths relative to the data set's root, with
    ``/`` between folders on every platform, and empty where there is no such file. ``points``
    are landmarks other than the 68, as numbers in words, for the data set's own file to read.
    """

    name: str
    split: str
    photo: str
    landmarks: str = ""
    labels: str = ""
    points: str = ""


class Box(NamedTuple):
    """A rectangle of whole pixels of a photo; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def source_side(self) -> int:
        """Pixels along the shorter side: how much the photo knows of the face."""
        return min(self.right - self.left, self.bottom - self.top)


class Photo(NamedTuple):
    """One photo as read or drawn.

    Attributes:
        image: RGB, uint8, (H, W, 3).
        landmarks: float32 (68, 2), x and y in pixels of ``image``, or None. The centre of the
            top left pixel is (0.5, 0.5).
        labels: uint8 (H, W), classes 0..18 in BiSeNet's order, or None.
        box: What to cut out, where the data set knows it otherwise than by 68 landmarks.
    """

    image: np.ndarray
    landmarks: np.ndarray | None
    labels: np.ndarray | None
    box: Box | None = None


class UnreadablePhotoError(Exception):
    """A photo, its landmarks or its label map cannot be used; the message says why."""
