"""CelebA as DIC has it: photos in the wild, cut and split by the lists that DIC's authors publish.

Their lists are pickled: ``{NAME: {"bbox": [left, top, right, bottom], "landmark": 68 × [x, y]}}``
for training and validation. That of the test faces has landmarks alone, on faces that they
publish ready cut, in ``CelebA_test/HR``.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.photo import Box, Entry, Photo
from pkdn.data.photos.plain_pickle import numbers, read_plain
from pkdn.data.photos.reading import UnreadablePhotoError, read_photo
from pkdn.data.photos.splits import CELEBA_PAGE, CELEBA_TERMS
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS

TERMS = CELEBA_TERMS
HAS_LANDMARKS = True
FOLDER = "img_celeba"
READY = "CelebA_test"
LISTS = {"train": "CelebA_train.pkl", "val": "CelebA_val.pkl", "test": "CelebA_test.pkl"}
PAPER = {"train": 168_854, "val": 100, "test": 1_000}
"""How many photos of each split the paper has (§4.1)."""

DRIVE = "gdrive:1Q1T1smMDRMO1NcjkxbZvotOX93YIVp5e"
PAGE = "https://github.com/Maclory/Deep-Iterative-Collaboration (README, Google Drive)"
# No lengths or checksums are published of any of them.
PARTS = (
    RemoteFile(
        "img_celeba.7z",
        None,
        "",
        ("gdrive:0B7EVK8r0v71peklHb0pGdDl6R28/img_celeba.7z",),
        CELEBA_PAGE.replace("Align&Cropped", "In-The-Wild"),
        FOLDER,
        num_volumes=14,
    ),
    *(
        RemoteFile(name, None, "", (f"{DRIVE}/annotations/{name}",), f"{PAGE}, annotations/")
        for name in LISTS.values()
    ),
    RemoteFile(f"{READY}.zip", None, "", (f"{DRIVE}/{READY}.zip",), f"{PAGE}, testing sets", READY),
)

NAME = re.compile(r"[\w-]+\.(jpg|png)", re.ASCII)
NUM_SIDES = len(Box._fields)


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return the photos of the lists; say whether they are as many as the paper's.

    A photo that is in two lists is held out.

    Raises:
        UserError: A list is in another layout.
    """
    found = {entry.name: entry for split in LISTS for entry in _entries(root / LISTS[split], split)}
    counts = Counter(entry.split for entry in found.values())
    here, theirs = (" / ".join(f"{n[split]:,}" for split in LISTS) for n in (counts, PAPER))
    verdict = "as many as the paper has" if here == theirs else f"the paper has {theirs}"
    print(f"celeba_dic lists {here} photos to train / validate / test: {verdict}", file=sys.stderr)
    return [*found.values()]


def read(root: Path, entry: Entry) -> Photo:
    """Read one photo with its landmarks and box; a face that is ready cut is its box."""
    photo = read_photo(root, entry)
    height, width = photo.image.shape[:2]
    values = np.array([float(value) for value in entry.points.split()])
    sides, points = values[: -2 * NUM_LANDMARKS], values[-2 * NUM_LANDMARKS :]
    box = Box(*(int(side) for side in sides)) if len(sides) else Box(0, 0, width, height)
    if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
        raise UnreadablePhotoError(f"its box {tuple(box)} leaves its {width}×{height} pixels")
    return photo._replace(landmarks=points.reshape(-1, 2).astype(np.float32), box=box)


def _entries(path: Path, split: str) -> Iterator[Entry]:
    listed = read_plain(path)
    if not isinstance(listed, dict):
        raise _other_layout(path, f"a {type(listed).__name__}")
    for name, told in listed.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise _other_layout(path, f"the name {name!a:.80}")
        try:
            folder, points = _told(told)
        except ValueError as error:
            raise _other_layout(path, f"{error} of {name}") from error
        yield Entry(Path(name).stem, split, f"{folder}/{name}", points=points)


def _told(told: object) -> tuple[str, str]:
    """Return the folder of a photo, and its numbers in words: its box, if any, its landmarks."""
    if isinstance(told, dict):
        folder, box, landmarks = FOLDER, numbers(told.get("bbox"), NUM_SIDES), told.get("landmark")
    else:
        folder, box, landmarks = f"{READY}/HR", [], told
    values = box + numbers(landmarks, NUM_LANDMARKS, 2)
    return folder, " ".join(f"{value:.9g}" for value in values)


def _other_layout(path: Path, got: str) -> UserError:
    return UserError(
        f"expected {{NAME.jpg: {{bbox, landmark}}}} with {NUM_SIDES} and {NUM_LANDMARKS}×2 "
        f"numbers, or {{NAME.png: landmark}}, in {path}; got {got}: fetch DIC's list again"
    )
