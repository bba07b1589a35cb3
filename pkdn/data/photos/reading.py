"""Files on disk to arrays: images of any kind, as someone sees them, landmarks and label maps.

Regular files alone, up to a size: a pipe or a device is refused where it would wait, or never end.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from pkdn.data.photos.decoding import LARGEST_PIXELS, decode_image, decode_labels
from pkdn.data.photos.photo import Entry, Photo, UnreadablePhotoError
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS
from pkdn.files import open_regular

LARGEST_BYTES = 4 * LARGEST_PIXELS
"""Of an image's file: as many pixels as are decoded, as they are."""
LARGEST_TEXT = 1 << 20
"""Bytes of a file of landmarks: 68 of them take 2,000."""
LARGEST_COORDINATE = 1e6
"""Pixels from the photo's corner to a landmark."""
# Those that are not read, such as HEIC, are listed too, so that a message says so.
SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".png", ".tif", ".tiff", ".webp"),
)


def read_photo(root: Path, entry: Entry) -> Photo:
    """Read a photo from its files, as :func:`decode_image` sees it.

    Landmarks and label map refer to the photo so turned; a label map of another size but the
    same proportions is scaled to the photo.

    Raises:
        UnreadablePhotoError: A file is missing, truncated or corrupt.
        UserError: The label map is not one channel of 8 bits.
    """
    image = decode_image(content(root, entry.photo))
    landmarks = labels = None
    if entry.landmarks:
        landmarks = parse_points(content(root, entry.landmarks, LARGEST_TEXT))
    if entry.labels:
        labels = fitted(decode_labels(content(root, entry.labels), entry.labels), image)
    return Photo(image, landmarks, labels)


def list_images(
    folder: Path, *, subfolders: bool = False, but: Collection[Path] = ()
) -> dict[str, Path]:
    """Return the images of a folder that the user names, by name without suffix, sorted.

    Args:
        folder: What holds them.
        subfolders: Look into these, too; names are then paths from ``folder`` on.
        but: Folders that are not looked into, and files that are left out there.

    Raises:
        UserError: There are no folder or no images, two differ in their suffix alone, or a
            subfolder cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"expected a folder of images, found no folder {folder}: correct its path")
    found: dict[str, Path] = {}
    for path in _files(folder, but) if subfolders else sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if twin := found.get(name):
            raise UserError(
                f"{twin.name} and {path.name} in {path.parent} differ in their suffix alone: "
                "remove or rename one of them"
            )
        found[name] = path
    if not found:
        searched = "" if subfolders else " (subfolders are not searched)"
        raise UserError(
            f"expected images ({', '.join(SUFFIXES)}) in {folder}, found none: name the folder "
            f"that holds them{searched}"
        )
    return found


def _files(folder: Path, but: Collection[Path]) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, sorted; links to folders are not followed."""

    def refuse(error: OSError) -> NoReturn:
        raise UserError(f"cannot read the folder {error.filename} ({error.strerror}): move it out")

    left_out = [path.resolve() for path in but]
    for place, folders, files in os.walk(folder, onerror=refuse):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() not in left_out
        )
        found = sorted(here / file for file in files)
        yield from (file for file in found if file.resolve() not in left_out)


def read_image(
    path: Path, *, only_8_bit: bool = False, most_pixels: int = LARGEST_PIXELS
) -> np.ndarray:
    """Read an image that the user names, as :func:`decode_image` does.

    Raises:
        UserError: It cannot be read.
    """
    try:
        data = content(path.parent, path.name)
        return decode_image(data, only_8_bit=only_8_bit, most_pixels=most_pixels)
    except UnreadablePhotoError as error:
        raise UserError(f"cannot read the image {path}: it {error}") from error


def parse_points(data: bytes) -> np.ndarray:
    """Parse a 300-W ``.pts`` file: 68 lines ``x y`` between braces, to float32 (68, 2).

    They are taken as they are, as others do. Their authors count pixels from 1, so that the centre
    of the top left one is (1, 1) there: landmarks from files lie half a pixel right and below.
    """
    try:
        _, _, rest = data.decode("utf-8").partition("{")
        inside, brace, _ = rest.partition("}")
        points = np.array([float(value) for value in inside.split()])
    except ValueError as error:
        raise UnreadablePhotoError(f"landmarks that are no numbers ({error})") from error
    if not brace or points.size != 2 * NUM_LANDMARKS:
        raise UnreadablePhotoError(
            f"expected {NUM_LANDMARKS} landmarks between braces, got {points.size} numbers"
        )
    if not (np.abs(points) <= LARGEST_COORDINATE).all():
        raise UnreadablePhotoError(f"landmarks further than {LARGEST_COORDINATE:,.0f} pixels off")
    return points.astype(np.float32).reshape(NUM_LANDMARKS, 2)


def content(root: Path, file: str, most_bytes: int = LARGEST_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises:
        UnreadablePhotoError: It is larger, is no regular file, or cannot be read.
    """
    try:
        with open_regular(root / file) as stream:
            data = stream.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # the latter for a zero byte in its name
        reason = getattr(error, "strerror", None) or error
        raise UnreadablePhotoError(f"{file} cannot be read ({reason})") from error
    if len(data) > most_bytes:
        raise UnreadablePhotoError(f"{file} is larger than {most_bytes:,} bytes: make it smaller")
    return data


def fitted(labels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Scale a label map to its photo.

    Raises:
        UnreadablePhotoError: It has other proportions.
    """
    height, width = image.shape[:2]
    if labels.shape == (height, width):
        return labels
    label_height, label_width = labels.shape
    if abs(label_height * width - label_width * height) > max(width, height):
        raise UnreadablePhotoError(
            f"the photo has {width}×{height} pixels and its label map {label_width}×{label_height}"
        )
    scaled = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(scaled)
