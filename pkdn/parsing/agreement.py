"""A parser over a data set's faces: its maps, and how far they agree with true ones."""

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.faces.classes import CLASS_NAMES
from pkdn.faces.shards import INDEX, MANIFEST, Shards, ShardWriter
from pkdn.files import atomic_file, atomic_folder
from pkdn.parsing.augmentation import cut
from pkdn.parsing.iou import ConfusionMatrix
from pkdn.parsing.maps import Parser
from pkdn.training.resampling import quantize, to_float

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


def agreement(parser: Parser, faces: Shards, *, shown: float = 1.0) -> ConfusionMatrix:
    """Compare the parser's maps with the true ones, face by face in one stream.

    Args:
        parser: the parser to judge.
        faces: shards with the arrays ``faces`` and ``labels``.
        shown: share of a face's side that the parser gets to see, around its centre, enlarged to
            the whole face's size.
    """
    confusion = ConfusionMatrix()
    for indices in _chunks(faces):
        photos, truth = faces.read("faces", indices), faces.read("labels", indices)
        if shown != 1:
            photos, truth = _enlarged(photos, truth, shown)
        confusion.update(truth, parser(photos).cpu().numpy())
    return confusion


def _enlarged(photos: np.ndarray, truth: np.ndarray, shown: float) -> tuple[np.ndarray, np.ndarray]:
    images = to_float(torch.from_numpy(photos).permute(0, 3, 1, 2))
    shares = torch.full((len(photos),), shown)
    images, labels = cut(images, torch.from_numpy(truth), shares, centred=True)
    return quantize(images).permute(0, 2, 3, 1).numpy(), labels.numpy()


def miou_on(faces: Shards, parser: Parser) -> Callable[[], dict[str, float]]:
    """Return a function that gives ``val_miou`` of a parser while its network is trained."""

    def validate() -> dict[str, float]:
        return {"val_miou": agreement(parser, faces).miou()}

    return validate


def parse_faces(
    parser: Parser, faces: Path, folder: Path, *, advance: Callable[[int], None] = lambda _: None
) -> dict[str, ConfusionMatrix]:
    """Write a parsing map for every face, in the order of the faces.

    Args:
        parser: gives the maps.
        faces: folder of face shards.
        folder: gets shards with the array ``labels``; appears whole or not at all.
        advance: told how many faces were done.

    Returns:
        The agreement with the true maps for each split that has faces; empty without true maps.
    """
    confusions: dict[str, ConfusionMatrix] = {}
    with atomic_folder(folder) as temporary, ShardWriter(temporary) as writer:
        # Whoever depends on the maps depends on the faces that they are of.
        shutil.copy(faces / MANIFEST, temporary / FACES_MANIFEST)
        shutil.copy(faces / INDEX, temporary / FACES_INDEX)
        for split in SPLITS:
            shards = Shards(faces, split)
            for indices in _chunks(shards):
                maps = parser(shards.read("faces", indices)).cpu().numpy()
                for index, labels in zip(indices, maps, strict=True):
                    writer.append(split, {"labels": labels}, {"name": shards.names[index]})
                if "labels" in shards.arrays:
                    confusion = confusions.setdefault(split, ConfusionMatrix())
                    confusion.update(shards.read("labels", indices), maps)
                advance(len(indices))
    return confusions


def figures(confusion: ConfusionMatrix) -> dict[str, float]:
    """Return ``miou``, ``pixel_accuracy`` and ``iou_CLASS`` of each class that truth has."""
    classes = zip(CLASS_NAMES, confusion.iou().tolist(), confusion.pixels(), strict=True)
    return {
        "miou": confusion.miou(),
        "pixel_accuracy": confusion.pixel_accuracy(),
        **{f"iou_{name}": iou for name, iou, pixels in classes if pixels},
    }


def write_iou(confusion: ConfusionMatrix, path: Path) -> None:
    """Write ``class, name, iou, pixels`` as CSV; the IoU is empty where truth has no pixel."""
    rows = zip(CLASS_NAMES, confusion.iou().tolist(), confusion.pixels().tolist(), strict=True)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["class", "name", "iou", "pixels"])
        for label, (name, iou, pixels) in enumerate(rows):
            writer.writerow([label, name, round(iou, IOU_DECIMALS) if pixels else "", pixels])


def _chunks(shards: Shards) -> Iterator[range]:
    for start in range(0, len(shards), CHUNK_SIZE):
        yield range(start, min(start + CHUNK_SIZE, len(shards)))
