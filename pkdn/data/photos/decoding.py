"""From an image file's bytes to an array, in bounded memory whatever the bytes are.

The one place that opens images. A header up to a size is read before a pixel is decoded, and
images up to a number of pixels are decoded.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from pkdn.data.photos.photo import UnreadablePhotoError
from pkdn.errors import UserError

LARGEST_PIXELS = 64 << 20
"""8192×8192, more than cameras have; decoding them takes 0.5 to 1.4 GiB, by kind."""
PART_PIXELS = 4 << 20
"""Pixels of a large image that are brought into colours at once."""
LARGEST_HEADER = 8 << 20
"""Bytes before the pixels: colour profiles and previews fit, and what Pillow makes of lists of
numbers, up to forty times as large, fits into memory."""
LARGEST_EXIF = 1 << 20
"""Bytes of EXIF data: sixteen times what fits into one segment of a JPEG."""
SIXTEEN_BIT_GREY = ("I", "I;16", "I;16L", "I;16B")
BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
}
"""Kinds of images that are known and not read, by what follows ``ftyp``."""
JPEG_2000 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
"""How its files begin, and those of its bare pixels."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What is decoded, whatever the file is called: others start programs, or are hardly tested."""
SIXTEEN_BIT_FORMATS = ("PNG", "TIFF")
"""Formats whose colours of 16 bits a channel Pillow silently reduces to 8."""
LABEL_MODES = ("L", "P", "1")
"""Pillow's modes of one channel of at most 8 bits."""
SPREAD = {"L;2": 85, "L;4": 17}
"""By how much Pillow multiplies grey of 2 and 4 bits, to fill 8."""
ORIENTATION = 0x0112
SOFTWARE = 0x0131
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a photo is turned upright, by the orientation in its EXIF data."""
TILE_SIDES = (322, 323)
"""TIFF's tags of the width and height of its tiles, which are decoded as a whole."""
BITS, MEANING, PLANES = 258, 262, 284
"""TIFF's tags of the bits a channel, of what its numbers mean, and of how channels lie."""
WHITE_IS_ZERO, APART = 0, 2
"""Of the meaning and of the planes what Pillow reads wrongly with 16 bits."""


def decode_image(
    data: bytes, *, only_8_bit: bool = False, most_pixels: int = LARGEST_PIXELS
) -> np.ndarray:
    """Decode an image to RGB uint8, (H, W, 3), as someone looking at it would see it.

    The orientation in the EXIF data is applied, grey and CMYK become RGB, transparent parts
    become white, and of an animation the first picture is taken.

    Args:
        data: The file's content.
        only_8_bit: Refuse 16 bits a channel, which are else reduced to their upper 8.
        most_pixels: Refuse images of more.

    Raises:
        UnreadablePhotoError: It is broken, too large, or of a kind that is not read.
    """
    with _opened(data, most_pixels) as stored:
        _check_kind(stored, only_8_bit=only_8_bit)
        return _as_seen(stored)


class _Header(BytesIO):
    """An image's bytes, of which Pillow may ask for so many until the header is read.

    Only WebP asks for all at once, without a number, and makes nothing of them before they are
    decoded.
    """

    left: float = LARGEST_HEADER

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and size >= 0:
            self.left -= len(found)
            if self.left < 0:
                raise _TooLargeError(f"more than {LARGEST_HEADER:,} bytes before its pixels")
        return found


class _TooLargeError(UnreadablePhotoError):
    def __init__(self, what: str) -> None:
        super().__init__(f"is too large: {what}: make it smaller")


@contextmanager
def _opened(data: bytes, most_pixels: int = LARGEST_PIXELS) -> Iterator[ImageFile.ImageFile]:
    """Open an image and judge its size, before a pixel is decoded; name whatever goes wrong."""
    if kind := _kind_not_read(data):
        raise UnreadablePhotoError(f"is {kind}, which is not read here: convert it to JPEG or PNG")
    with (
        _naming_what_is_broken(),
        warnings.catch_warnings(action="ignore"),
        _Header(data) as stream,
        Image.open(stream, formats=FORMATS) as stored,
    ):
        stream.left = math.inf
        _check_size(stored, most_pixels)
        yield stored


def _kind_not_read(data: bytes) -> str:
    """Return the name of a kind of images that is known and not read; empty: another one."""
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12], "")
    return "JPEG 2000" if data.startswith(JPEG_2000) else ""


@contextmanager
def _naming_what_is_broken() -> Iterator[None]:
    try:
        yield
    except (UnreadablePhotoError, UserError):
        raise
    except Image.DecompressionBombError as error:
        raise _TooLargeError(str(error)) from error
    except UnidentifiedImageError as error:
        raise UnreadablePhotoError("cannot be decoded (it is no image): replace it") from error
    except Exception as error:  # Pillow's decoders raise a dozen kinds for broken files
        reason = error if str(error) else type(error).__name__
        raise UnreadablePhotoError(f"cannot be decoded ({reason}): replace it") from error


def writer(data: bytes) -> str:
    """Return the program that an image says has written it; empty where it says none, or is none.

    PNG files say so in a text or, as the others, in their EXIF data; BMP files cannot.
    """
    try:
        with _opened(data) as stored:
            found = stored.info.get("Software") or stored.getexif().get(SOFTWARE, "")
    except UnreadablePhotoError:
        return ""
    return str(found)


def _check_size(stored: ImageFile.ImageFile, most_pixels: int) -> None:
    width, height = stored.size
    if width * height > most_pixels:
        raise _TooLargeError(f"{width}×{height} pixels, of at most {most_pixels:,}")
    if isinstance(stored, TiffImagePlugin.TiffImageFile):
        tile_width, tile_height = (stored.tag_v2.get(side, 0) for side in TILE_SIDES)
        if tile_width * tile_height > LARGEST_PIXELS:
            raise _TooLargeError(f"tiles of {tile_width}×{tile_height} pixels")


def _check_kind(stored: Image.Image, *, only_8_bit: bool) -> None:
    if stored.mode == "F":
        raise UnreadablePhotoError(
            "has floating-point pixels, whose range is not known: convert it to 8 bits a channel"
        )
    if stored.mode == "I" and stored.format != "PNG":  # of 16 bits, which older Pillows call so
        raise UnreadablePhotoError(
            "has whole numbers of 32 bits, or with a sign, whose range is not known: convert it to "
            "8 bits a channel"
        )
    if isinstance(stored, TiffImagePlugin.TiffImageFile) and _is_misread(stored):
        raise UnreadablePhotoError(
            "has 16 bits a channel in an order that is not read here: convert it to 8 bits"
        )
    if only_8_bit and isinstance(stored, ImageFile.ImageFile) and _has_16_bits(stored):
        raise UnreadablePhotoError(
            "has 16 bits a channel, expected 8-bit grey or colours: round it to 8 bits, as it is "
            "to be published"
        )


def _is_misread(stored: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether it has 16 bits a channel as Pillow reads them for 8, or as their negative."""
    tags = stored.tag_v2
    if max(tags.get(BITS, (1,))) <= 8:
        return False
    is_raw = any(tile.codec_name == "raw" for tile in stored.tile)
    return (tags.get(PLANES) == APART and is_raw) or tags.get(MEANING) == WHITE_IS_ZERO


def _has_16_bits(stored: ImageFile.ImageFile) -> bool:
    if stored.mode in SIXTEEN_BIT_GREY:
        return True
    # how the file stores its pixels, such as RGB;16B; Pillow has no mode for such colours
    return stored.format in SIXTEEN_BIT_FORMATS and any(";16" in str(t.args) for t in stored.tile)


def as_seen(opened: Image.Image) -> np.ndarray:
    """Return an image that somebody has opened as :func:`decode_image` returns a file's.

    Raises:
        UnreadablePhotoError: It is of a kind that is not read, broken, empty or closed.
    """
    with _naming_what_is_broken():
        if not all(opened.size):
            raise UnreadablePhotoError("has no pixels")
        # One that came out of a pickle has no file, nor any part still to be read from it.
        is_open = getattr(opened, "fp", None) is not None
        if isinstance(opened, ImageFile.ImageFile) and opened.tile and not is_open:
            raise UnreadablePhotoError("was closed before its pixels were read")
        _check_kind(opened, only_8_bit=False)
        return _as_seen(opened)


def _as_seen(stored: Image.Image) -> np.ndarray:
    stored.load()
    image = _upright(stored)
    width, height = image.size
    rows = max(1, PART_PIXELS // width)
    if rows >= height:
        return np.asarray(_in_colours(image))
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        part = image.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = np.asarray(_in_colours(part))
    return pixels


def _upright(stored: Image.Image) -> Image.Image:
    if len(stored.info.get("exif", b"")) > LARGEST_EXIF:
        raise _TooLargeError(f"EXIF data of more than {LARGEST_EXIF:,} bytes")
    method = UPRIGHT.get(stored.getexif().get(ORIENTATION, 1))
    return stored if method is None else stored.transpose(method)


def _in_colours(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT_GREY:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def decode_labels(data: bytes, name: str) -> np.ndarray:
    """Decode a label map to uint8, (H, W); colours of a palette are ignored.

    Args:
        data: The file's content.
        name: Of the file, for messages.

    Raises:
        UnreadablePhotoError: It is broken or too large.
        UserError: It is not one channel of 8 bits.
    """
    try:
        with _opened(data) as stored:
            stored_as = {str(tile.args) for tile in stored.tile}
            spread = next((by for kind, by in SPREAD.items() if kind in stored_as), 1)
            mode, labels = stored.mode, np.asarray(stored)
    except UnreadablePhotoError as error:
        raise UnreadablePhotoError(f"{name} {error}") from error
    if mode not in LABEL_MODES:
        raise UserError(
            f"expected a label map of one 8-bit channel with class numbers in {name}; got "
            f"Pillow mode {mode}: convert it from colours to class numbers"
        )
    return labels.astype(np.uint8) // np.uint8(spread)
