"""``python -m pkdn upscale``: run a trained student on the user's own faces."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pkdn import detector
from pkdn.data.photos.decoding import SOFTWARE, writer
from pkdn.data.photos.framing import Framing, read_faces
from pkdn.data.photos.photo import Box, UnreadablePhotoError
from pkdn.data.photos.reading import content, list_images
from pkdn.errors import UserError
from pkdn.faces import HR_SIZE, LR_SIZE
from pkdn.files import WRITER, atomic_file

HELP = "upscale faces to 128×128 with the trained student"

WRITTEN = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
BATCH_SIZE = 16
MAX_NAMED = 20
"""Images skipped that are named one by one."""
MOST_ROWS = 40
"""Faces on the sheet: the first ones."""
NUMBER = re.compile(r"-[1-9]\d{0,2}(?=\.\w+$)")
"""Of one of several faces, in the name of its file; no photo has a thousand."""
COLUMNS = ("16×16 input", "bicubic", "result", "photo")


class Face(NamedTuple):
    """A face to upscale.

    Attributes:
        target: Where the result goes.
        pixels: uint8 RGB, (16, 16, 3), or (128, 128, 3) to be degraded.
    """

    target: Path
    pixels: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "input", metavar="IN", type=Path, help="an image, or a folder of images and such folders"
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        type=Path,
        help="a file for an image, such as sr.png; a folder for a folder",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        help="a student's file, from a stage or from `export-weights`, or the name of one that was "
        "trained here, such as helen-full-0; by default the full student "
        "that was trained here on photographs, else the one in weights/",
    )
    parser.add_argument(
        "--degrade",
        action="store_true",
        help="take larger photos: find the largest face, unless its landmarks lie beside the photo "
        "in a .pts file, cut it, and degrade it to 16×16, as the training data were made; each of "
        "the options below implies it",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--all-faces", action="store_true", help="every face of a photo: OUT-1.png, OUT-2.png, …"
    )
    where.add_argument(
        "--box",
        metavar="X,Y,W,H",
        help="the face of a single photo, from the brows to the chin and from ear to ear: its left "
        "top corner, width and height in pixels",
    )
    where.add_argument(
        "--framed",
        action="store_true",
        help="the photos are faces as they are: cut their centre squares, look for no faces",
    )


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
    if target.is_file():
        raise UserError(f"expected a folder for OUT, since IN is one, got the file {target}")
    if target.exists() and target.samefile(source):
        raise UserError(f"expected another folder for OUT than IN, got {target}: name a new one")
    images = list_images(source, subfolders=True, but=(target, _sheet_of(target)))
    return [(file, target / f"{name}.png") for name, file in images.items()]


def check_places(pairs: list[tuple[Path, Path]], sheet: Path, *, numbered: bool) -> None:
    """Refuse to write over what is read, over a folder, or over what others have written.

    Args:
        pairs: Images, and the files that they become.
        sheet: Where the sheet goes.
        numbered: An image becomes a file for each of its faces, with a number in the name.

    Raises:
        UserError: Something lies where something is to be written, other than earlier results.
    """
    images = {os.path.realpath(file): file for file, _ in pairs}
    at_faces = images
    if numbered:
        some = (place for place in images if NUMBER.search(place))
        at_faces = {NUMBER.sub("", place): images[place] for place in some}
    for place, known in (*((target, at_faces) for _, target in pairs), (sheet, images)):
        if image := known.get(os.path.realpath(place)):
            raise UserError(
                f"expected an OUT that leaves the photos as they are, got one where {image} would "
                "be written over: name another"
            )
        if place.is_dir():
            raise UserError(f"expected to write the file {place}, got a folder: name another OUT")
    written = [target for _, target in pairs]
    if numbered:
        written = [file for target in written for file in _numbered(target)]
    for place in (*written, sheet):
        if place.is_file() and not _is_result(place):
            raise UserError(
                f"expected an OUT that leaves other files as they are, got one where {place} would "
                "be written over, which does not say that it is a result of `upscale`: name "
                "another OUT, or move that file"
            )


def _is_result(file: Path) -> bool:
    try:
        return writer(content(file.parent, file.name)) == WRITER
    except UnreadablePhotoError:
        return False


def _numbered(target: Path) -> list[Path]:
    """Return the files that lie where faces of one photo would be written."""
    if not target.parent.is_dir():
        return []
    named = (file for file in target.parent.iterdir() if file.suffix == target.suffix)
    return sorted(f for f in named if NUMBER.sub("", f.name) == target.name != f.name)


def framing(arguments: argparse.Namespace) -> Framing | None:
    """Return what the user says of where faces are; None where photos may not be larger.

    Raises:
        UserError: The box is none, or said of several photos.
    """
    if arguments.box is None:
        some = arguments.degrade or arguments.all_faces or arguments.framed
        return Framing(arguments.framed, None, arguments.all_faces) if some else None
    if arguments.input.is_dir():
        raise UserError("--box: expected a single photo for IN, got a folder: name one photo")
    try:
        left, top, width, height = (int(part) for part in arguments.box.split(","))
    except ValueError:
        raise UserError(
            f"--box: expected four whole numbers such as 40,30,100,100, got {arguments.box}"
        ) from None
    return Framing(box=Box(left, top, left + width, top + height))


def main(arguments: argparse.Namespace) -> None:
    """Upscale every face that can be read, and name the photos that cannot.

    Raises:
        UserError: None can.
    """
    where = framing(arguments)
    pairs = plan(arguments.input, arguments.output)
    folder = arguments.output if arguments.input.is_dir() else None
    sheet = _sheet_of(folder or pairs[0][1].with_suffix(""))
    check_places(pairs, sheet, numbered=arguments.all_faces)
    skipped: list[str] = []
    faces = _readable(pairs, skipped, where)
    first = list(islice(faces, BATCH_SIZE))  # a mistake in all of them is told at once
    if not first:
        if len(pairs) == 1:
            raise UserError(skipped[0])
        raise UserError(
            f"0 faces written to {arguments.output}, {len(skipped)} of {len(pairs)} photos "
            f"skipped, such as: {skipped[0]}"
        )
    num_faces = _upscale(first, faces, arguments.weights, sheet)
    if detector.was_used():
        print(f"note: {detector.TERMS}")
    left_out = f"; {len(skipped)} of {len(pairs)} photos skipped" if skipped else ""
    count = "1 face" if num_faces == 1 else f"{num_faces} faces"
    where_to = arguments.output
    if arguments.all_faces and folder is None:
        where_to = where_to.with_name(f"{where_to.stem}-1{where_to.suffix}")
        count += "" if num_faces == 1 else ", the first of them"
    print(f"{count} written to {where_to}, compared in {sheet}{left_out}")


def _sheet_of(target: Path) -> Path:
    """Return where the sheet goes, beside a folder of results, or a file without its suffix."""
    named = target if target.name not in ("", "..") else target.resolve()
    return named.with_name(f"{named.name}-sheet.png")


def _readable(
    pairs: list[tuple[Path, Path]], skipped: list[str], framing: Framing | None
) -> Iterator[Face]:
    """Yield the faces that can be read, and note why the others cannot."""
    from pkdn.progress import track

    for file, target in track(pairs, "upscale", len(pairs)) if len(pairs) > 1 else pairs:
        try:
            faces = read_faces(file, framing)
        except detector.NoDetectorError:
            raise
        except UserError as error:
            skipped.append(str(error))
            if len(pairs) > 1 and len(skipped) <= MAX_NAMED:
                print(f"skipped: {error}", file=sys.stderr)
            continue
        for number, face in enumerate(faces, start=1):
            several = framing is not None and framing.all_faces
            name = f"{target.stem}-{number}{target.suffix}" if several else target.name
            yield Face(target.with_name(name), face)


def _upscale(first: list[Face], others: Iterator[Face], weights: Path | None, sheet: Path) -> int:
    """Write what the network makes of the faces, batch after batch; return how many they are."""
    import pkdn
    from pkdn import upscaling
    from pkdn.training import memory

    memory.follow(memory.KEEPING)
    student = pkdn.load(weights)
    print(student.about)
    if student.warning:
        print(f"warning: {student.warning}", file=sys.stderr)
    part, num_faces = first, 0
    rows: list[tuple[str, list[np.ndarray]]] = []
    while part:
        lr_images = np.stack([_small(face.pixels) for face in part])
        sr_images = student(lr_images)
        for face, *images in zip(
            part, lr_images, upscaling.bicubic(lr_images), sr_images, strict=True
        ):
            _write(images[-1], face.target)
            if len(rows) < MOST_ROWS:
                rows.append((face.target.name, [*images, face.pixels]))
        num_faces += len(part)
        part = list(islice(others, BATCH_SIZE))
    _write_sheet(rows, sheet)
    return num_faces


def _small(face: np.ndarray) -> np.ndarray:
    from pkdn import upscaling

    return face if len(face) == LR_SIZE else upscaling.degraded(face[None])[0]


def _write_sheet(rows: list[tuple[str, list[np.ndarray]]], sheet: Path) -> None:
    """Show faces side by side; the photo only where there is more of it than the input."""
    from pkdn.reports.faces import Grid, Tile

    tiles = []
    for name, (lr_image, *images, photo) in rows:
        times = HR_SIZE // LR_SIZE
        pixels = lr_image.repeat(times, axis=0).repeat(times, axis=1)
        last = photo if len(photo) == HR_SIZE else None
        tiles.append([Tile(pixels, _caption(name)), *(Tile(image) for image in [*images, last])])
    with atomic_file(sheet) as temporary:
        Grid(COLUMNS, tiles).draw(temporary)


def _caption(name: str) -> str:
    """Return the end of a file's name as Matplotlib can write it."""
    from pkdn.reports.faces import LONGEST_NAME

    return name[-LONGEST_NAME:].encode("utf-8", "replace").decode("utf-8")


def _write(image: np.ndarray, target: Path) -> None:
    format_name, exif = Image.registered_extensions()[target.suffix.lower()], Image.Exif()
    exif[SOFTWARE] = WRITER
    with atomic_file(target) as temporary:
        Image.fromarray(image).save(temporary, format=format_name, exif=exif)
