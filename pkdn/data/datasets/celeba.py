"""CelebA: 202,599 aligned photos of 178×218 with five landmarks and an official partition.

Five landmarks do not tell where a face ends. The box that 68 landmarks would have is estimated
from them by ratios that were measured on Helen, where both are known.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.crops import landmarks_box
from pkdn.data.photos.photo import Entry, Photo, UnreadablePhotoError
from pkdn.data.photos.reading import read_photo
from pkdn.data.photos.splits import (
    CELEBA_PAGE,
    CELEBA_TERMS,
    PARTITION,
    celeba_partition,
    chosen,
    list_lines,
)
from pkdn.errors import UserError
from pkdn.faces import SPLITS

TERMS = CELEBA_TERMS
FOLDER = "img_align_celeba"
LANDMARKS = "list_landmarks_align_celeba.txt"
PARTS = (
    RemoteFile(
        "img_align_celeba.zip",
        1_443_490_838,
        "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
        ("gdrive:0B7EVK8r0v71pZjFTYXZWM3FlRnM",),
        CELEBA_PAGE,
        FOLDER,
    ),
    RemoteFile(
        LANDMARKS,
        12_156_055,
        "md5:cc24ecafdb5b50baae59b03474781f8c",
        ("gdrive:0B7EVK8r0v71pd0FJY3Blby1HUTQ",),
        CELEBA_PAGE,
    ),
    PARTITION,
)

NUM_VAL = 100
NUM_TEST = 1_000
"""As many as PKDN and DIC have (§4.1). Which ones is not published; chosen by the hashes of their
names out of the official validation and test photos, so that nobody's training saw them. The
official rest of both is left unused."""

NUM_COORDINATES = 10
LONGEST_COORDINATE = 6
# Medians over the 1,200 Helen faces at hand, whose 68 landmarks contain the five.
BOX_FROM_FIVE = (-0.54, -0.35, 1.55, 1.63)
"""Left, top, right, bottom: from the five's left and top, in their widths and heights."""


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return the photos in use with their five landmarks.

    Raises:
        UserError: A list is not in the official layout, or lacks photos of the other.
    """
    points = dict(_points(root / LANDMARKS))
    names: dict[str, list[str]] = {split: [] for split in SPLITS}
    for name, split in celeba_partition(root).items():
        if name not in points:
            raise UserError(
                f"expected landmarks of every photo of {PARTITION.name} in {root / LANDMARKS}; "
                f"{name} has none: fetch both lists again"
            )
        names[split].append(name)
    for split, count in (("val", NUM_VAL), ("test", NUM_TEST)):
        if (unused := len(names[split]) - count) > 0:
            print(f"left out: {unused} of CelebA's {split} photos, of which {count} are used")
        names[split] = chosen(names[split], count)
    return [
        Entry(Path(name).stem, split, f"{FOLDER}/{name}", points=points[name])
        for split, of_split in names.items()
        for name in of_split
    ]


def read(root: Path, entry: Entry) -> Photo:
    """Read one photo with the box of its face."""
    photo = read_photo(root, entry)
    height, width = photo.image.shape[:2]
    five = np.array([float(value) for value in entry.points.split()]).reshape(-1, 2)
    corner, size = five.min(axis=0), np.ptp(five, axis=0)
    if not (size > 0).all():
        raise UnreadablePhotoError("its five landmarks lie on one line")
    corners = corner + size * np.array(BOX_FROM_FIVE).reshape(2, 2)
    return photo._replace(box=landmarks_box(corners, width, height))


def _points(path: Path) -> Iterator[tuple[str, str]]:
    # the count, then the columns' names
    for number, line in enumerate(list_lines(path)[2:], start=3):
        name, *values = line.split() or [""]
        if len(values) != NUM_COORDINATES or not all(_is_whole(value) for value in values):
            raise UserError(
                f"expected `NAME.jpg` and {NUM_COORDINATES} whole numbers in line {number} of "
                f"{path}; got {line[:80]!r}: fetch the list again"
            )
        yield name, " ".join(values)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) <= LONGEST_COORDINATE
