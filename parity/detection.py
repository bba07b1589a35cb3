"""``python -m parity.detection HELEN``: the faces that dlib finds, beside Helen's own landmarks.

HELEN is the 300-W distribution, with ``trainset`` and ``testset``. The landmarks' model was trained
on 300-W, which has photos of Helen: their errors say little of photos that it has not seen.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import pkdn
from pkdn import command, metrics, upscaling
from pkdn.data.datasets import DatasetSettings, helen
from pkdn.data.photos.crops import crop_image, landmarks_box
from pkdn.data.photos.detection import find_faces
from pkdn.data.photos.photo import Box
from pkdn.data.photos.reading import read_photo
from pkdn.faces import SPLITS
from pkdn.intervals import paired_difference
from pkdn.progress import track

OUTER_CORNERS = (36, 45)
"""Of the eyes: the distance by which errors of landmarks are divided (300-W)."""
SAME_FACE = 0.5
"""Overlap from which a found face is the one that Helen has landmarks of."""


class Found(NamedTuple):
    """What was found in a photo of Helen.

    Attributes:
        split: Of the photo.
        num_faces: Found in it.
        is_largest: The first of them is the face that Helen has landmarks of.
        error: Of that face's landmarks, on average, in distances of the eyes; NaN if not found.
        overlap: Of the crops by found and by true landmarks: their common part of both.
        crops: By true and by found landmarks, (2, 128, 128, 3).
    """

    split: str
    num_faces: int
    is_largest: bool
    error: float
    overlap: float
    crops: np.ndarray


def overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share, as a part of the area of both."""
    both = np.array([one, other])
    sides = (both[:, 2:].min(axis=0) - both[:, :2].max(axis=0)).clip(0)
    areas = (both[:, 2:] - both[:, :2]).prod(axis=1)
    return float(sides.prod() / (areas.sum() - sides.prod()))


def look(split: str, image: np.ndarray, true: np.ndarray) -> Found:
    """Find the faces of a photo and compare them with Helen's landmarks, (68, 2)."""
    height, width = image.shape[:2]
    expected = landmarks_box(true, width, height)
    found = find_faces(image)
    boxes = [landmarks_box(landmarks, width, height) for landmarks in found]
    overlaps = [overlap(box, expected) for box in boxes]
    best = int(np.argmax(overlaps)) if found else 0
    if not found or overlaps[best] < SAME_FACE:
        return Found(split, len(found), False, np.nan, np.nan, np.empty(0))
    eyes = np.linalg.norm(np.subtract(*true[list(OUTER_CORNERS)]))
    error = np.linalg.norm(found[best] - true, axis=1).mean() / eyes
    crops = np.stack([crop_image(image, box) for box in (expected, boxes[best])])
    return Found(split, len(found), best == 0, float(error), overlaps[best], crops)


def scores(crops: np.ndarray, sr_images: np.ndarray) -> np.ndarray:
    """Return PSNR in dB and SSIM of each face, (N, 2)."""
    rows = [
        metrics.score_all(sr_image / 255, hr_image)[metrics.PRIMARY]
        for sr_image, hr_image in zip(sr_images, crops, strict=True)
    ]
    return np.array([(row["psnr"], row["ssim"]) for row in rows])


def told(found: Sequence[Found]) -> list[str]:
    """Return a line of the table of faces."""
    same = [one for one in found if one.crops.size]
    errors, overlaps = (np.array([getattr(o, name) for o in same]) for name in ("error", "overlap"))
    return [
        str(len(found)),
        str(sum(one.num_faces > 0 for one in found)),
        str(len(same)),
        str(sum(one.is_largest for one in found)),
        f"{errors.mean():.2%}, {np.median(errors):.2%}, {np.quantile(errors, 0.95):.2%}",
        f"{overlaps.mean():.3f}, {np.quantile(overlaps, 0.05):.3f}",
    ]


def main() -> None:
    """Print how many faces are found, how well, and what that changes in the scores."""
    parser = argparse.ArgumentParser("python -m parity.detection", description=__doc__)
    parser.add_argument("helen", metavar="HELEN", type=Path)
    root = parser.parse_args().helen
    found = []
    entries = helen.catalogue(root, DatasetSettings())
    for entry in track(entries, "detection", len(entries)):
        photo = read_photo(root, entry)
        assert photo.landmarks is not None
        found.append(look(entry.split, photo.image, photo.landmarks))
    faces = Table(
        "split", "photos", "with a face", "the face", "is the largest", "error", "overlap"
    )
    for split in SPLITS:
        faces.add_row(split, *told([one for one in found if one.split == split]))
    faces.add_row("all", *told(found))
    tests = np.stack([one.crops for one in found if one.split == "test" and one.crops.size])
    Console().print(faces, *upscaled(tests))


def upscaled(crops: np.ndarray) -> tuple[Table, str]:
    """Return the table of the scores of the faces, (N, 2, 128, 128, 3), and a line."""
    student = pkdn.load(upscaling.SHIPPED)
    table = Table("test faces, cut by", "bicubic", "student", "gain")
    of_student = []
    for title, faces in zip(
        ("true landmarks", "found landmarks"), crops.swapaxes(0, 1), strict=True
    ):
        bicubic = scores(faces, upscaling.bicubic(upscaling.degraded(faces)))
        ours = scores(faces, student(faces))
        of_student.append(ours[:, 0])
        cells = [f"{psnr:.2f} dB, {ssim:.4f}" for psnr, ssim in (bicubic.mean(0), ours.mean(0))]
        table.add_row(title, *cells, f"{(ours - bicubic)[:, 0].mean():+.2f} dB")
    moved = paired_difference(of_student[1], of_student[0])
    low, high = moved.low, moved.high
    return table, f"student, found less true: {moved.mean:+.3f} dB ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    command.run(main)
