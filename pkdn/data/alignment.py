"""A data set's photos to packed 128×128 faces, with an index that lets others cut the same."""

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pkdn.data import datasets
from pkdn.data.catalogue import MAX_NAMED, Listed, read_catalogue, with_progress
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photos.crops import (
    MIN_SOURCE_SIDE,
    centre_box,
    crop_image,
    crop_labels,
    crop_landmarks,
    landmarks_box,
)
from pkdn.data.photos.photo import Box, Photo
from pkdn.data.photos.pool import num_cores, ordered_map
from pkdn.data.photos.reading import UnreadablePhotoError
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS, SPLITS
from pkdn.faces.classes import CLASS_NAMES, NUM_CLASSES
from pkdn.faces.shards import ROWS_PER_SHARD, ShardWriter
from pkdn.files import atomic_folder

LEFT_OUT = "left_out.csv"
SMALL = "too small"
UNREADABLE = "unreadable"
REQUIRED_SPLITS = ("train", "test")


class Face(NamedTuple):
    """One face as packed: its place in the photo and its arrays."""

    listed: Listed
    box: Box
    arrays: dict[str, np.ndarray]


class LeftOut(NamedTuple):
    """One photo that gives no face."""

    listed: Listed
    kind: str
    reason: str


def align(
    name: str,
    settings: DatasetSettings,
    photos: Path,
    folder: Path,
    *,
    num_workers: int | None = None,
) -> dict[str, float]:
    """Cut the faces of a data set and pack them.

    Memory does not depend on the number of photos.

    Args:
        name: Of the data set.
        settings: Where its files are.
        photos: Its catalogue, as :func:`pkdn.data.catalogue.write_catalogue` left it.
        folder: Where shards, index and the list of photos left out go; replaced as a whole.
        num_workers: Processes; by default one per core.

    Returns:
        Counts, seconds, and faces per second in all and per core.

    Raises:
        UserError: Files changed since the catalogue, a label map has an unknown class, or too
            few faces are left for training and testing.
    """
    started = time.monotonic()
    workers = num_workers or num_cores()
    num_photos = sum(1 for _ in read_catalogue(photos))
    root = datasets.load(name).locate(settings)
    cut = partial(cut_face, name, root)
    results = ordered_map(cut, read_catalogue(photos), num_workers=workers)
    with atomic_folder(folder) as temporary:
        tally = _pack(with_progress(results, f"align {name}", num_photos), temporary)
        tally.check(name)
    seconds = time.monotonic() - started
    return {
        "photos": num_photos,
        **{f"{split}_faces": tally.faces[split] for split in SPLITS},
        "dropped_small": tally.left_out[SMALL],
        "skipped_unreadable": tally.left_out[UNREADABLE],
        "seconds": round(seconds, 2),
        "faces_per_second": round(tally.faces.total() / seconds, 1),
        "faces_per_second_per_core": round(tally.faces.total() / seconds / workers, 2),
    }


def cut_face(name: str, root: Path, listed: Listed) -> Face | LeftOut:
    """Read one photo of the data set ``name`` and cut out its face."""
    try:
        photo = datasets.load(name).read(root, listed.entry)
        _check_unchanged(photo, listed, name)
        box = _box(photo)
    except UnreadablePhotoError as error:
        return LeftOut(listed, UNREADABLE, str(error))
    _check_labels(photo)
    if box.source_side < MIN_SOURCE_SIDE:
        reason = f"{box.source_side} of {MIN_SOURCE_SIDE} pixels per side"
        return LeftOut(listed, SMALL, reason)
    return Face(listed, box, _arrays(photo, box))


def _box(photo: Photo) -> Box:
    height, width = photo.image.shape[:2]
    if photo.box is not None:
        return photo.box
    if photo.landmarks is None:
        return centre_box(width, height)
    centre = (photo.landmarks.min(axis=0) + photo.landmarks.max(axis=0)) / 2
    if not ((centre >= 0) & (centre < (width, height))).all():
        raise UnreadablePhotoError("its landmarks lie outside the photo")
    return landmarks_box(photo.landmarks, width, height)


def _arrays(photo: Photo, box: Box) -> dict[str, np.ndarray]:
    landmarks = photo.landmarks
    if landmarks is None:
        landmarks = np.full((NUM_LANDMARKS, 2), np.nan)
    arrays = {
        "faces": crop_image(photo.image, box),
        "landmarks": crop_landmarks(landmarks, box),
    }
    if photo.labels is not None:
        arrays["labels"] = crop_labels(photo.labels, box)
    return arrays


def _check_unchanged(photo: Photo, listed: Listed, name: str) -> None:
    if (photo.sha256, photo.annotations_sha256) != (listed.sha256, listed.annotations_sha256):
        raise UserError(
            f"expected the files of {listed.entry.name} as catalogued; they have changed since: "
            f"run `dvc repro -f download@{name}`, then `dvc repro`"
        )


def _check_labels(photo: Photo) -> None:
    if photo.labels is None:
        return
    highest = int(photo.labels.max())
    if highest >= NUM_CLASSES:
        expected = ", ".join(f"{label} {name}" for label, name in enumerate(CLASS_NAMES))
        raise UserError(
            f"expected the {NUM_CLASSES} classes {expected}; got class {highest} in "
            f"{photo.entry.labels or photo.entry.name}: renumber the label map"
        )


class _Tally:
    """What became of the photos."""

    def __init__(self) -> None:
        self.faces: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.named: list[str] = []

    def leave_out(self, photo: LeftOut) -> None:
        self.left_out[photo.kind] += 1
        if len(self.named) < MAX_NAMED:
            self.named.append(f"{photo.listed.entry.name}: {photo.kind}, {photo.reason}")
            print(f"left out: {self.named[-1]}", file=sys.stderr)

    def check(self, name: str) -> None:
        """Raise a :class:`UserError` when there is nothing to train or to test on."""
        more = self.left_out.total() - len(self.named)
        if more:
            print(f"left out: {more} more, all listed in {LEFT_OUT}", file=sys.stderr)
        empty = [split for split in REQUIRED_SPLITS if not self.faces[split]]
        if not empty:
            return
        found = ", ".join(f"{self.faces[split]} {split}" for split in SPLITS)
        why = f"; left out {self.left_out.total()}, such as {self.named[0]}" if self.named else ""
        raise UserError(
            f"expected faces to train and to test on in {name}; got {found}{why}: add photos"
        )


def _pack(results: Iterator[Face | LeftOut], folder: Path) -> _Tally:
    tally = _Tally()
    with (
        (folder / LEFT_OUT).open("w", encoding="utf-8", newline="") as file,
        ShardWriter(folder, ROWS_PER_SHARD) as writer,
    ):
        left_out = csv.writer(file, lineterminator="\n")
        left_out.writerow(("name", "split", "kind", "reason"))
        for result in results:
            entry = result.listed.entry
            if isinstance(result, Face):
                writer.append(entry.split, result.arrays, _index_row(result))
                tally.faces[entry.split] += 1
            else:
                tally.leave_out(result)
                left_out.writerow((entry.name, entry.split, result.kind, result.reason))
    return tally


def _index_row(face: Face) -> Mapping[str, object]:
    return {
        "name": face.listed.entry.name,
        "source": face.listed.entry.photo,
        **face.box._asdict(),
        "source_side": face.box.source_side,
        "sha256": face.listed.sha256,
    }
