"""Files on disk to arrays: images of any kind, as someone sees them, landmarks and label maps."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from pkdn.data.photos.photo import Entry, Photo
from pkdn.errors import UserError
from pkdn.faces import NUM_LANDMARKS

SIXTEEN_BIT_GREY = ("I", "I;16", "I;16L", "I;16B")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
LARGEST_PIXELS = 89_478_485
"""Pillow's own limit of what is no bomb: 256 MiB of RGB, which bounds the memory of a process."""
SIXTEEN_BIT_FORMATS = ("PNG", "TIFF")
"""Formats whose colours of 16 bits a channel Pillow silently reduces to 8."""
# HEIC is listed too, so that a message says that it is not read.
SUFFIXES = (".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
LABEL_MODES = ("L", "P", "1")
"""Pillow's modes of one channel of at most 8 bits."""


class UnreadablePhotoError(Exception):
    """A photo, its landmarks or its label map cannot be used; the message says why."""


def read_photo(root: Path, entry: Entry) -> Photo:
    """Read a photo from its files, as :func:`decode_image` sees it.

    Landmarks and label map refer to the photo so turned; a label map of another size but the
    same proportions is scaled to the photo.

    Raises:
        UnreadablePhotoError: A file is missing, truncated or corrupt.
        UserError: The label map is not one channel of 8 bits.
    """
    image = decode_image(_content(root, entry.photo))
    landmarks = labels = None
    if entry.landmarks:
        landmarks = parse_points(_content(root, entry.landmarks))
    if entry.labels:
        labels = fitted(decode_labels(_content(root, entry.labels), entry.labels), image)
    return Photo(image, landmarks, labels)


def list_images(folder: Path) -> dict[str, Path]:
    """Return the images of a folder that the user names, by name without suffix, sorted.

    Raises:
        UserError: There are no folder or no images, or two differ in their suffix alone.
    """
    if not folder.is_dir():
        raise UserError(f"expected a folder of images, found no folder {folder}: correct its path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if twin := found.get(path.stem):
            raise UserError(
                f"{twin.name} and {path.name} in {folder} differ in their suffix alone: remove or "
                "rename one of them"
            )
        found[path.stem] = path
    if not found:
        raise UserError(
            f"expected images ({', '.join(SUFFIXES)}) in {folder}, found none: name the folder "
            "that holds them (subfolders are not searched)"
        )
    return found


def read_image(path: Path, *, only_8_bit: bool = False) -> np.ndarray:
    """Read an image that the user names, as :func:`decode_image` does.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return decode_image(_content(path.parent, path.name), only_8_bit=only_8_bit)
    except UnreadablePhotoError as error:
        raise UserError(f"cannot read the image {path}: it {error}") from error


def decode_image(data: bytes, *, only_8_bit: bool = False) -> np.ndarray:
    """Decode an image to RGB uint8, (H, W, 3), as someone looking at it would see it.

    The orientation in the EXIF data is applied, grey and CMYK become RGB, transparent parts
    become white, and of an animation the first picture is taken.

    Args:
        data: The file's content.
        only_8_bit: Refuse 16 bits a channel, which are else reduced to their upper 8.

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
                _check_kind(stored, only_8_bit=only_8_bit)
                return _as_seen(stored)
    except Image.DecompressionBombError as error:
        raise UnreadablePhotoError(f"is too large: {error}: make it smaller") from error
    except UnreadablePhotoError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen kinds for broken files
        raise UnreadablePhotoError(f"cannot be decoded ({error}): replace it") from error


def _check_kind(stored: ImageFile.ImageFile, *, only_8_bit: bool) -> None:
    width, height = stored.size
    if width * height > LARGEST_PIXELS:
        raise UnreadablePhotoError(
            f"is too large: {width}×{height} pixels, of at most {LARGEST_PIXELS:,}: make it smaller"
        )
    if stored.mode == "F":
        raise UnreadablePhotoError(
            "has floating-point pixels, whose range is not known: convert it to 8 bits a channel"
        )
    if only_8_bit and _has_16_bits(stored):
        raise UnreadablePhotoError(
            "has 16 bits a channel, expected 8-bit grey or colours: round it to 8 bits, as it is "
            "to be published"
        )


def _has_16_bits(stored: ImageFile.ImageFile) -> bool:
    if stored.mode in SIXTEEN_BIT_GREY:
        return True
    # how the file stores its pixels, such as RGB;16B; Pillow has no mode for such colours
    return stored.format in SIXTEEN_BIT_FORMATS and any(";16" in str(t.args) for t in stored.tile)


def _as_seen(stored: Image.Image) -> np.ndarray:
    image = stored
    ImageOps.exif_transpose(image, in_place=True)
    image.load()
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
