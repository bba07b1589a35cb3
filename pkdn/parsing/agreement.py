"""A parser over a data set's faces: its maps, and how far they agree with true ones."""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.faces.classes import CLASS_NAMES, NUM_CLASSES
from pkdn.faces.shards import INDEX, MANIFEST, Shards, ShardWriter
from pkdn.files import atomic_file, atomic_folder
from pkdn.parsing.augmentation import cut
from pkdn.parsing.maps import Parser
from pkdn.training.resampling import quantize, to_float
from pkdn.training.rows import chunks

CHUNK_SIZE = 64
"""Faces in memory at once."""

CLOSE_UP = 0.625
"""Share of the side that a close-up shows. Our choice: by eye, a crop around the landmarks, as
Helen's, shows about as much of an aligned photo of CelebAMask-HQ."""

FACES_MANIFEST = "faces.json"
FACES_INDEX = "faces.csv"

IOU_DECIMALS = 6


def labelled(faces: Path, split: str, dataset: str) -> Shards:
    """Open a split of faces that have true label maps.

    Args:
        faces: folder of the data set's face shards.
        split: ``train``, ``val`` or ``test``.
        dataset: the data set's name, for the message.

    Raises:
        UserError: the data set has no label maps.
    """
    shards = Shards(faces, split)
    if "labels" not in shards.arrays:
        raise UserError(
            f"the parser is trained on faces with label maps, and {dataset} has none: set "
            "parser_dataset to synthetic, or to folder with a folder of images/ and labels/"
        )
    return shards


def confusion(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Count pixels by their true class (rows) and their predicted one: int64 (19, 19).

    Args:
        truth: integers 0 to 18, of any shape.
        prediction: the same.

    Raises:
        ValueError: the shapes differ, or a label is 19 or more.
    """
    if truth.shape != prediction.shape:
        raise ValueError(
            f"parsing maps to compare must have one shape, got {truth.shape} as truth "
            f"and {prediction.shape} as prediction"
        )
    highest = max(truth.max(initial=0), prediction.max(initial=0))
    if highest >= NUM_CLASSES:
        raise ValueError(f"labels must lie in 0 to {NUM_CLASSES - 1}, got {highest}")
    pairs = truth.astype(np.int64).ravel() * NUM_CLASSES + prediction.ravel()
    return np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)


def ious(counts: np.ndarray) -> np.ndarray:
    """Return the IoU of each class in [0, 1] from :func:`confusion`: (19,), NaN without truth."""
    truth, intersection = counts.sum(axis=1), counts.diagonal()
    union = truth + counts.sum(axis=0) - intersection
    return np.where(truth > 0, intersection / np.maximum(union, 1), np.nan)


def figures(counts: np.ndarray) -> dict[str, float]:
    """Return ``miou``, ``pixel_accuracy`` and ``iou_CLASS`` of each class that truth has.

    The mean IoU is over the classes that truth has. Both are NaN where there is no pixel.
    """
    found = {
        f"iou_{name}": iou
        for name, iou in zip(CLASS_NAMES, ious(counts).tolist(), strict=True)
        if not math.isnan(iou)
    }
    miou, accuracy = math.nan, math.nan
    if found:
        miou = float(np.mean(list(found.values())))
        accuracy = float(counts.trace() / counts.sum())
    return {"miou": miou, "pixel_accuracy": accuracy, **found}


def agreement(parser: Parser, faces: Shards, *, shown: float = 1.0) -> np.ndarray:
    """Compare the parser's maps with the true ones, face by face in one stream.

    Args:
        parser: the parser to judge.
        faces: shards with the arrays ``faces`` and ``labels``.
        shown: share of a face's side that the parser gets to see, around its centre, enlarged to
            the whole face's size.

    Returns:
        The sum of their :func:`confusion`.
    """
    counts = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    for indices in chunks(len(faces), CHUNK_SIZE):
        photos, truth = faces.read("faces", indices), faces.read("labels", indices)
        if shown != 1:
            photos, truth = _enlarged(photos, truth, shown)
        counts += confusion(truth, parser(photos).cpu().numpy())
    return counts


def _enlarged(photos: np.ndarray, truth: np.ndarray, shown: float) -> tuple[np.ndarray, np.ndarray]:
    images = to_float(torch.from_numpy(photos).permute(0, 3, 1, 2))
    shares = torch.full((len(photos),), shown)
    images, labels = cut(images, torch.from_numpy(truth), shares, centred=True)
    return quantize(images).permute(0, 2, 3, 1).numpy(), labels.numpy()


def miou_on(faces: Shards, parser: Parser) -> Callable[[], dict[str, float]]:
    """Return a function that gives ``val_miou`` of a parser while its network is trained."""

    def validate() -> dict[str, float]:
        return {"val_miou": figures(agreement(parser, faces))["miou"]}

    return validate


def parse_faces(
    parser: Parser, faces: Path, folder: Path, *, advance: Callable[[int], None] = lambda _: None
) -> dict[str, np.ndarray]:
    """Write a parsing map for every face, in the order of the faces.

    Args:
        parser: gives the maps.
        faces: folder of face shards.
        folder: gets shards with the array ``labels``; appears whole or not at all.
        advance: told how many faces were done.

    Returns:
        The :func:`confusion` with the true maps for each split that has faces; empty without
        true maps.
    """
    counts: dict[str, np.ndarray] = {}
    with atomic_folder(folder) as temporary, ShardWriter(temporary) as writer:
        # Whoever depends on the maps depends on the faces that they are of.
        shutil.copy(faces / MANIFEST, temporary / FACES_MANIFEST)
        shutil.copy(faces / INDEX, temporary / FACES_INDEX)
        for split in SPLITS:
            shards = Shards(faces, split)
            for indices in chunks(len(shards), CHUNK_SIZE):
                maps = parser(shards.read("faces", indices)).cpu().numpy()
                for index, labels in zip(indices, maps, strict=True):
                    writer.append(split, {"labels": labels}, {"name": shards.names[index]})
                if "labels" in shards.arrays:
                    found = confusion(shards.read("labels", indices), maps)
                    counts[split] = counts.get(split, 0) + found
                advance(len(indices))
    return counts


def write_iou(counts: np.ndarray, path: Path) -> None:
    """Write ``class, name, iou, pixels`` as CSV; the IoU is empty where truth has no pixel."""
    pixels = counts.sum(axis=1).tolist()
    rows = zip(CLASS_NAMES, ious(counts).tolist(), pixels, strict=True)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["class", "name", "iou", "pixels"])
        for label, (name, iou, count) in enumerate(rows):
            writer.writerow([label, name, round(iou, IOU_DECIMALS) if count else "", count])
