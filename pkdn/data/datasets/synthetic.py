"""Drawn faces with exact label maps and landmarks: nothing to download, any number of them.

A face depends on the seed and its index alone. Every split has its own range of indices, so
that asking for more training faces changes no other face and no split.
"""

from pathlib import Path
from typing import Final

import numpy as np

from drawing.face import draw_face
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photos.photo import Entry, Photo
from pkdn.errors import UserError
from pkdn.faces import SPLITS

TERMS: Final = "the faces were drawn by this project: no terms of others apply"
DRAWN: Final = True
HAS_LANDMARKS: Final = True
HAS_LABELS: Final = True
INDICES: Final = {
    "train": range(0, 800_000),
    "val": range(800_000, 900_000),
    "test": range(900_000, 1_000_000),
}
"""The indices that each split draws its faces from, in this order."""


def locate(settings: DatasetSettings) -> Path:  # noqa: ARG001
    """Return the current folder: drawn faces have no files."""
    return Path()


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return the faces of all splits, ``settings.counts`` of each.

    Raises:
        UserError: More faces, or fewer than none, are asked for than a split has indices.
    """
    entries = []
    for split in SPLITS:
        indices, count = INDICES[split], settings.counts.get(split, 0)
        if not 0 <= count <= len(indices):
            raise UserError(
                f"expected 0 to {len(indices)} synthetic {split} faces; got {count}: "
                f"correct `synthetic`"
            )
        for index in indices[:count]:
            photo = f"seed{settings.seed}/{index:06d}"
            entries.append(Entry(f"synthetic-{index:06d}", split, photo))
    return entries


def read(root: Path, entry: Entry) -> Photo:  # noqa: ARG001
    """Draw one face."""
    seed, index = entry.photo.removeprefix("seed").split("/")
    face = draw_face(np.random.default_rng([int(seed), int(index)]))
    return Photo(face.image, face.landmarks, face.labels)
