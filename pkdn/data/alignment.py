"""A data set's photos to packed 128×128 faces, with an index that lets others cut the same."""

import csv
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pkdn import detector
from pkdn.data import datasets
from pkdn.data.catalogue import Listed, Summary, fingerprint, read_catalogue
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photos.crops import (
    MIN_SOURCE_SIDE,
    centre_box,
    crop_image,
    crop_labels,
    crop_landmarks,
    landmarks_box,
)
from pkdn.data.photos.detection import find_face
from pkdn.data.photos.photo import Box, Entry, Photo, UnreadablePhotoError
from pkdn.data.photos.pool import num_cores, ordered_map
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS, SPLITS
from pkdn.faces.classes import CLASS_NAMES, NUM_CLASSES
from pkdn.faces.shards import ShardWriter
from pkdn.files import atomic_folder
from pkdn.progress import track

LEFT_OUT = "left_out.csv"
SMALL = "too small"
UNREADABLE = "unreadable"
NO_FACE = "without a face"
ONE_COLOUR = "of one colour"
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
    detect: bool = False,
    num_workers: int | None = None,
) -> dict[str, float]:
    """Cut the faces of a data set and pack them.

    Memory does not depend on the number of photos.

    Args:
        name: Of the data set.
        settings: Where its files are.
        photos: Its catalogue, as :func:`pkdn.data.catalogue.write_catalogue` left it.
        folder: Where shards, index and the list of photos left out go; replaced as a whole.
        detect: Find 68 landmarks where a photo comes without them, and cut the face by these;
            photos in which no face is found are left out.
        num_workers: Processes; by default one per core.

    Returns:
        Counts, seconds, and faces per second in all and per core.

    Raises:
        UserError: Files changed since the catalogue, a label map has an unknown class, too few
            faces are left for training and testing, or what finds faces is not installed.
    """
    if detect:
        print(f"{name}: {detector.TERMS}")
    started = time.monotonic()
    workers = num_workers or num_cores()
    num_photos = sum(1 for _ in read_catalogue(photos))
    root = datasets.locate(name, settings)
    cut = partial(cut_face, name, root, detect=detect)
    results = ordered_map(cut, read_catalogue(photos), num_workers=workers)
    with atomic_folder(folder) as temporary:
        counts = _pack(name, track(results, f"align {name}", num_photos), temporary)
    num_faces = sum(counts[split] for split in SPLITS)
    seconds = time.monotonic() - started
    return {
        "photos": num_photos,
        **{f"{split}_faces": counts[split] for split in SPLITS},
        "dropped_small": counts[SMALL],
        "skipped_unreadable": counts[UNREADABLE],
        "skipped_without_face": counts[NO_FACE],
        "skipped_of_one_colour": counts[ONE_COLOUR],
        "seconds": round(seconds, 2),
        "faces_per_second": round(num_faces / seconds, 1),
        "faces_per_second_per_core": round(num_faces / seconds / workers, 2),
    }


def cut_face(name: str, root: Path, listed: Listed, *, detect: bool = False) -> Face | LeftOut:
    """Read one photo of the data set ``name`` and cut out its face; see :func:`align`."""
    entry = listed.entry
    if fingerprint(name, root, entry) != listed:
        raise UserError(
            f"expected the files of {entry.name} as catalogued; they have changed since: "
            f"run `dvc repro -f download@{name}`, then `dvc repro`"
        )
    try:
        photo = datasets.load(name).read(root, entry)
        _check_photo(photo, entry, f"pkdn/data/datasets/{name}.py")
        if detect and photo.landmarks is None:
            # A box that is known otherwise says which face is meant; then the landmarks frame it.
            photo = photo._replace(landmarks=find_face(photo.image, photo.box), box=None)
            if photo.landmarks is None:
                return LeftOut(listed, NO_FACE, "none was found")
        box = _box(photo)
    except UnreadablePhotoError as error:
        return LeftOut(listed, UNREADABLE, str(error))
    _check_labels(photo, entry)
    if box.source_side < MIN_SOURCE_SIDE:
        reason = f"{box.source_side} of {MIN_SOURCE_SIDE} pixels per side"
        return LeftOut(listed, SMALL, reason)
    arrays = _arrays(photo, box)
    if (arrays["faces"] == arrays["faces"][0, 0]).all():
        # Any method has it exactly right, at an infinite PSNR.
        return LeftOut(listed, ONE_COLOUR, "the same in every pixel")
    return Face(listed, box, arrays)


def _box(photo: Photo) -> Box:
    height, width = photo.image.shape[:2]
    if photo.box is not None:
        return photo.box
    if photo.landmarks is None:
        return centre_box(width, height)
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


def _check_photo(photo: Photo, entry: Entry, file: str) -> None:
    """Refuse what a data set's file should not have read.

    Raises:
        UserError: it is no photo, or has something of another type or shape.
    """
    _check_kind(entry.name, photo, Photo, file)
    _check_kind(f"the image of {entry.name}", photo.image, np.ndarray, file)
    for what, value, kind in (
        ("landmarks", photo.landmarks, np.ndarray),
        ("labels", photo.labels, np.ndarray),
        ("box", photo.box, Box),
    ):
        if value is not None:
            _check_kind(f"the {what} of {entry.name}", value, kind, file)
    size = photo.image.shape[:2]
    for what, array, is_one, expected in (
        ("image", photo.image, photo.image.shape == (*size, 3), "(H, W, 3)"),
        ("labels", photo.labels, photo.labels is None or photo.labels.shape == size, f"{size}"),
    ):
        if array is not None and (not is_one or array.dtype != np.uint8):
            raise UserError(
                f"{file}: expected of read the {what} of {entry.name} as uint8 {expected}, got "
                f"{array.dtype} {array.shape}: mend it"
            )
    if photo.box is not None:
        _check_box(photo.box, size, f"{file}: expected of read the box of {entry.name}")
    if photo.landmarks is not None and photo.landmarks.shape != (NUM_LANDMARKS, 2):
        raise UserError(
            f"{file}: expected of read the landmarks of {entry.name} as ({NUM_LANDMARKS}, 2), got "
            f"{photo.landmarks.shape}: mend it, or leave them out"
        )


def _check_box(box: Box, size: tuple[int, ...], what: str) -> None:
    """Refuse a box that leaves the photo, of which another part would be cut out."""
    height, width = size
    are_whole = all(isinstance(side, Integral) for side in box)
    if not are_whole or not (
        0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
    ):
        raise UserError(
            f"{what} in whole pixels inside its {width}×{height}, got {tuple(box)}: move it, cut "
            "it, or leave the photo out by an UnreadablePhotoError"
        )


def _check_kind(what: str, value: object, kind: type, file: str) -> None:
    if not isinstance(value, kind):
        raise UserError(
            f"{file}: expected of read {what} as {kind.__name__}, got {type(value).__name__}: mend "
            "it"
        )


def _check_labels(photo: Photo, entry: Entry) -> None:
    if photo.labels is None:
        return
    highest = int(photo.labels.max())
    if highest >= NUM_CLASSES:
        expected = ", ".join(f"{label} {name}" for label, name in enumerate(CLASS_NAMES))
        raise UserError(
            f"expected the {NUM_CLASSES} classes {expected}; got class {highest} in "
            f"{entry.labels or entry.name}: renumber the label map"
        )


def _pack(name: str, results: Iterator[Face | LeftOut], folder: Path) -> Counter[str]:
    """Write the faces; return how many each split has and how many were left out of each kind."""
    counts: Counter[str] = Counter()
    said = Summary(f"{name}: faces")
    with (
        (folder / LEFT_OUT).open("w", encoding="utf-8", newline="") as file,
        ShardWriter(folder) as writer,
    ):
        left_out = csv.writer(file, lineterminator="\n")
        left_out.writerow(("name", "split", "kind", "reason"))
        for result in results:
            entry = result.listed.entry
            if isinstance(result, Face):
                writer.append(entry.split, result.arrays, _index_row(result))
                counts[entry.split] += 1
                landmarks = np.isfinite(result.arrays["landmarks"]).all()
                said.add(entry.split, landmarks=landmarks, labels="labels" in result.arrays)
                continue
            left_out.writerow((entry.name, entry.split, result.kind, result.reason))
            counts[result.kind] += 1
            said.left_out(result.kind, f"{entry.name}: {result.reason}")
    said.show()
    _check_counts(name, counts, said)
    return counts


def _check_counts(name: str, counts: Counter[str], said: Summary) -> None:
    if all(counts[split] for split in REQUIRED_SPLITS):
        return
    found = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    why = "".join(f"; {line}" for line in said.lines())
    raise UserError(
        f"expected faces to train and to test on in {name}; got {found}{why}: add photos, and let "
        f"them be listed: `dvc repro -f download@{name}` (or `-f labelled`)"
    )


def _index_row(face: Face) -> Mapping[str, object]:
    return {
        "name": face.listed.entry.name,
        "source": face.listed.entry.photo,
        **face.box._asdict(),
        "source_side": face.box.source_side,
        "sha256": face.listed.sha256,
    }
