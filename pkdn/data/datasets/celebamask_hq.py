"""CelebAMask-HQ: 30,000 photos of 1024×1024, each part of a face in a mask file of its own.

Its photos are CelebA's: every one belongs to the split of the photo that it was made from, so
that no CelebA test face trains anything here.
"""

from pathlib import Path

import numpy as np

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.decoding import decode_image
from pkdn.data.photos.photo import Entry, Photo, UnreadablePhotoError
from pkdn.data.photos.reading import content, fitted, read_photo
from pkdn.data.photos.splits import PARTITION, celeba_partition, list_lines
from pkdn.errors import UserError
from pkdn.faces.classes import CLASS_NAMES

TERMS = "CelebAMask-HQ is for non-commercial research and teaching alone, as its authors say"
HAS_LABELS = True
FOLDER = "CelebAMask-HQ"
PHOTOS = f"{FOLDER}/CelebA-HQ-img"
MASKS = f"{FOLDER}/CelebAMask-HQ-mask-anno"
MAPPING = f"{FOLDER}/CelebA-HQ-to-CelebA-mapping.txt"
MASKS_PER_FOLDER = 2_000
PARTS = (
    PARTITION,  # the small one first: whoever lacks it learns so at once
    RemoteFile(
        "CelebAMask-HQ.zip",
        None,
        "",
        ("gdrive:1badu11NqxGf6qM3PTTooQDJvQbejgbTv",),
        "https://github.com/switchablenorms/CelebAMask-HQ",
        FOLDER,
    ),
)

MASK_NAMES = CLASS_NAMES[1:]
"""Parts in the order of their labels, from 1: where masks overlap the later part is on top."""


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return all photos of the mapping file with their CelebA splits.

    Raises:
        UserError: The mapping is not in the official layout, or CelebA's list lacks a photo.
    """
    splits = celeba_partition(root)
    entries = []
    for line in list_lines(root / MAPPING)[1:]:
        number, _, original = (*line.split(), "", "", "")[:3]
        if not number.isdecimal() or original not in splits:
            raise UserError(
                f"expected `NUMBER ID NAME.jpg` with a photo of {PARTITION.name} in each line "
                f"of {root / MAPPING}; got {line[:80]!r}: fetch both again"
            )
        index = int(number)
        entries.append(
            Entry(
                name=f"{index:05d}",
                split=splits[original],
                photo=f"{PHOTOS}/{index}.jpg",
                labels=f"{MASKS}/{index // MASKS_PER_FOLDER}/{index:05d}",
            )
        )
    return entries


def annotation_files(root: Path, entry: Entry) -> list[str]:
    """Return the mask files of a photo that exist, in the order of their labels."""
    files = [f"{entry.labels}_{part}.png" for part in MASK_NAMES]
    return [file for file in files if (root / file).is_file()]


def read(root: Path, entry: Entry) -> Photo:
    """Read one photo and lay its masks over each other."""
    photo = read_photo(root, entry._replace(labels=""))
    files = annotation_files(root, entry)
    if not files:
        raise UnreadablePhotoError(f"has no mask {entry.labels}_*.png")
    masks = [decode_image(content(root, file)).max(axis=-1) for file in files]
    labels = np.zeros_like(masks[0])
    for file, mask in zip(files, masks, strict=True):
        if mask.shape != labels.shape:
            raise UnreadablePhotoError(f"its masks differ in size: {file}")
        part = file.removeprefix(f"{entry.labels}_").removesuffix(".png")
        labels[mask > 0] = MASK_NAMES.index(part) + 1
    return photo._replace(labels=fitted(labels, photo.image))
