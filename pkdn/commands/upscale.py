"""``python -m pkdn upscale``: run a trained student on the user's own faces."""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from pkdn.data.photos.crops import MIN_SOURCE_SIDE, centre_box, crop_image
from pkdn.data.photos.reading import list_images, read_image
from pkdn.errors import UserError
from pkdn.faces import LR_SIZE
from pkdn.files import atomic_file

HELP = "upscale 16×16 faces to 128×128 with the trained student"

WRITTEN = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
BATCH_SIZE = 16
MAX_NAMED = 20
"""Images skipped that are named one by one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("input", metavar="IN", type=Path, help="an image, or a folder of images")
    parser.add_argument(
        "output", metavar="OUT", type=Path, help="a PNG file for an image, a folder for a folder"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        help="of a student, from a stage or from `export-weights`; by default the full student "
        "that was trained here on photographs, else the one in weights/",
    )
    parser.add_argument(
        "--degrade",
        action="store_true",
        help="take larger face photos: cut the centre square, resize it to 128×128 and degrade "
        "that to 16×16, as the training data were made",
    )


def read_face(path: Path, *, degrade: bool) -> np.ndarray:
    """Read one face as (16, 16, 3) or, to be degraded, as (128, 128, 3), uint8 RGB."""
    image = read_image(path)
    height, width = image.shape[:2]
    if degrade:
        if min(width, height) < MIN_SOURCE_SIDE:
            raise UserError(
                f"expected at least {MIN_SOURCE_SIDE}×{MIN_SOURCE_SIDE} pixels in {path}, got "
                f"{width}×{height}: leave it out"
            )
        return crop_image(image, centre_box(width, height))
    if (width, height) != (LR_SIZE, LR_SIZE):
        raise UserError(
            f"expected a face of {LR_SIZE}×{LR_SIZE} pixels in {path}, got {width}×{height}; "
            "add --degrade to cut and degrade larger photos"
        )
    return image


def plan(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Pair every input image with the file that it becomes."""
    if not source.exists():
        raise UserError(f"expected an image or a folder of images in {source}, found nothing")
    if not source.is_dir():
        if target.is_dir():
            return [(source, target / f"{source.stem}.png")]
        if target.suffix.lower() not in WRITTEN:
            raise UserError(f"expected an image file name such as sr.png for OUT, got {target}")
        return [(source, target)]
    images = list_images(source)
    if target.is_file():
        raise UserError(f"expected a folder for OUT, since IN is one, got the file {target}")
    return [(file, target / f"{name}.png") for name, file in images.items()]


def main(arguments: argparse.Namespace) -> None:
    """Upscale every image that can be read.

    Raises:
        UserError: some cannot; the others were upscaled.
    """
    pairs = plan(arguments.input, arguments.output)
    skipped: list[str] = []
    readable = _readable(pairs, skipped, degrade=arguments.degrade)
    first = list(islice(readable, BATCH_SIZE))  # a mistake in all of them is told at once
    if first:
        _upscale(first, readable, arguments.weights)
    num_faces = len(pairs) - len(skipped)
    result = f"{num_faces} faces written to {arguments.output}"
    if len(pairs) == len(skipped) == 1:
        raise UserError(skipped[0])
    if skipped:
        raise UserError(f"{result}, {len(skipped)} of {len(pairs)} skipped, such as: {skipped[0]}")
    print(result)


Face = tuple[Path, np.ndarray]
"""Where an image goes, and the face that was read for it."""


def _readable(
    pairs: list[tuple[Path, Path]], skipped: list[str], *, degrade: bool
) -> Iterator[Face]:
    """Yield the faces that can be read, and note why the others cannot."""
    from pkdn.progress import track

    for file, target in track(pairs, "upscale", len(pairs)) if len(pairs) > 1 else pairs:
        try:
            yield target, read_face(file, degrade=degrade)
        except UserError as error:
            skipped.append(str(error))
            if len(pairs) > 1 and len(skipped) <= MAX_NAMED:
                print(f"skipped: {error}", file=sys.stderr)


def _upscale(first: list[Face], others: Iterator[Face], weights: Path | None) -> None:
    """Write what the network makes of the faces, batch after batch."""
    import pkdn

    student = pkdn.load(weights)
    print(student.about)
    if student.warning:
        print(f"warning: {student.warning}", file=sys.stderr)
    part = first
    while part:
        sr_images = student(np.stack([face for _, face in part]))
        for (target, _), sr_image in zip(part, sr_images, strict=True):
            _write(sr_image, target)
        part = list(islice(others, BATCH_SIZE))


def _write(image: np.ndarray, target: Path) -> None:
    format_name = Image.registered_extensions()[target.suffix.lower()]
    with atomic_file(target) as temporary:
        Image.fromarray(image).save(temporary, format=format_name)
