"""What a data set is made of: entries in its catalogue, and the photos behind them."""

from typing import Final, NamedTuple

import numpy as np

SPLITS: Final = ("train", "val", "test")


class Entry(NamedTuple):
    """One photo of a data set, known by name before any file is opened.

    ``photo``, ``landmarks`` and ``labels`` are paths relative to the data set's root, with
    ``/`` between folders on every platform, and empty where there is no such file.
    """

    name: str
    split: str
    photo: str
    landmarks: str
    labels: str


class Photo(NamedTuple):
    """One photo as read or drawn.

    Attributes:
        entry: The catalogue's line for it.
        image: RGB, uint8, (H, W, 3).
        landmarks: float32 (68, 2), x and y in pixels of ``image``, or None. The centre of the
            top left pixel is (0.5, 0.5).
        labels: uint8 (H, W), classes 0..18 in BiSeNet's order, or None.
        sha256: Of the photo's file as decoded; empty for a drawn photo.
        annotations_sha256: Of the landmarks' and the label map's bytes, in this order; empty
            where there are none.
    """

    entry: Entry
    image: np.ndarray
    landmarks: np.ndarray | None
    labels: np.ndarray | None
    sha256: str = ""
    annotations_sha256: str = ""
