"""Files of a data set on disk to arrays: photos, landmarks and label maps."""

import hashlib
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pkdn.data.photos.photo import Entry, Photo
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS

SIXTEEN_BIT_GREY = ("I", "I;16", "I;16L", "I;16B")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
LARGEST_PIXELS = 89_478_485
"""Pillow's own limit of what is no bomb: 256 MiB of RGB, which bounds the memory of a process."""
LABEL_MODES = ("L", "P", "1")
"""Pillow's modes of one channel of at most 8 bits."""


class UnreadablePhotoError(Exception):
    """A photo, its landmarks or its label map cannot be used; the message says why."""


def read_photo(root: Path, entry: Entry) -> Photo:
    """Read a photo from its files, as someone looking at it would see it.

    The orientation in the EXIF data is applied, grey becomes RGB, transparent parts become white,
    and of an animation the first picture is taken.
    Landmarks and label map refer to the photo so turned; a label map of another size but the
    same proportions is scaled to the photo.

    Raises:
        UnreadablePhotoError: A file is missing, truncated or corrupt.
        UserError: The label map is not one channel of 8 bits.
    """
    data = _content(root, entry.photo)
    digest = hashlib.sha256()
    image = decode_image(data)
    landmarks = labels = None
    if entry.landmarks:
        points = _content(root, entry.landmarks)
        digest.update(points)
        landmarks = parse_points(points)
    if entry.labels:
        label_map = _content(root, entry.labels)
        digest.update(label_map)
        labels = fitted(decode_labels(label_map, entry.labels), image)
    has_annotations = bool(entry.landmarks or entry.labels)
    return Photo(
        entry,
        image,
        landmarks,
        labels,
        sha256=hashlib.sha256(data).hexdigest(),
        annotations_sha256=digest.hexdigest() if has_annotations else "",
    )


def decode_image(data: bytes) -> np.ndarray:
    """Decode a photo to RGB uint8, (H, W, 3).

    Raises:
        UnreadablePhotoError: It is broken, too large, or of a kind that is not read.
    """
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        raise UnreadablePhotoError("is HEIC, which is not read here: convert it to JPEG or PNG")
    try:
        with warnings.catch_warnings():
            # the size is judged below, before a pixel is decoded
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data)) as stored:
                return _as_seen(stored)
    except Image.DecompressionBombError as error:
        raise UnreadablePhotoError(f"is too large: {error}: make it smaller") from error
    except UnreadablePhotoError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen kinds for broken files
        raise UnreadablePhotoError(f"cannot be decoded ({error})") from error


def _as_seen(stored: Image.Image) -> np.ndarray:
    width, height = stored.size
    if width * height > LARGEST_PIXELS:
        raise UnreadablePhotoError(
            f"is too large: {width}×{height} pixels, of at most {LARGEST_PIXELS:,}: make it smaller"
        )
    image = stored
    ImageOps.exif_transpose(image, in_place=True)
    image.load()
    if image.mode == "F":
        raise UnreadablePhotoError("has floating-point pixels, whose range is not known")
    if image.mode in SIXTEEN_BIT_GREY:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.new("RGBA", seen.size, "white")
        image.alpha_composite(seen)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def decode_labels(data: bytes, name: str) -> np.ndarray:
    """Decode a label map to uint8, (H, W); colours of a palette are ignored.

    Args:
        data: The file's content.
        name: Of the file, for messages.
    """
    try:
        with Image.open(BytesIO(data)) as stored:
            stored.load()
            mode, labels = stored.mode, np.asarray(stored)
    except Exception as error:  # as above
        raise UnreadablePhotoError(f"{name} cannot be decoded ({error})") from error
    if mode not in LABEL_MODES:
        raise UserError(
            f"expected a label map of one 8-bit channel with class numbers in {name}; got "
            f"Pillow mode {mode}: convert it from colours to class numbers"
        )
    return labels.astype(np.uint8)


def parse_points(data: bytes) -> np.ndarray:
    """Parse a 300-W ``.pts`` file: 68 lines ``x y`` between braces, to float32 (68, 2)."""
    try:
        _, _, rest = data.decode("utf-8").partition("{")
        inside, brace, _ = rest.partition("}")
        points = np.array([float(value) for value in inside.split()], dtype=np.float32)
    except ValueError as error:
        raise UnreadablePhotoError(f"landmarks that are no numbers ({error})") from error
    if not brace or points.size != 2 * NUM_LANDMARKS or not np.isfinite(points).all():
        raise UnreadablePhotoError(
            f"expected {NUM_LANDMARKS} landmarks between braces, got {points.size} numbers"
        )
    return points.reshape(NUM_LANDMARKS, 2)


def _content(root: Path, file: str) -> bytes:
    try:
        return (root / file).read_bytes()
    except OSError as error:
        raise UnreadablePhotoError(f"{file} cannot be read ({error.strerror})") from error


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
