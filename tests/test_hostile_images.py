"""Images that were made to break their reader, or broken by chance."""

import os
import random
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pkdn.data.photos.decoding import LARGEST_EXIF, LARGEST_HEADER, decode_image, decode_labels
from pkdn.data.photos.framing import Framing, read_faces
from pkdn.data.photos.photo import UnreadablePhotoError
from pkdn.data.photos.reading import content, read_image
from pkdn.errors import UserError

NUM_MUTATIONS = int(os.environ.get("PKDN_MUTATIONS", "400"))
VALUES = (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x00\x00\x00\x80")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def examples() -> list[bytes]:
    """One file of every kind that is read, small and with all that such a file may hold."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    photo = Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8)))
    exif = Image.Exif()
    exif[274], exif[306] = 6, "2020:01:01 00:00:00"
    palette, clear, turned = photo.convert("P"), photo.convert("RGBA"), photo.rotate(9)
    return [
        encoded(photo, "png", exif=exif),
        encoded(palette, "png", transparency=3),
        encoded(clear, "png"),
        encoded(Image.fromarray(np.full((90, 80), 4000, np.uint16)), "png"),
        encoded(photo, "jpeg", exif=exif),
        encoded(photo.convert("CMYK"), "jpeg", progressive=True),
        encoded(photo, "webp", exif=exif),
        encoded(clear, "webp", save_all=True, append_images=[turned]),
        encoded(photo, "bmp"),
        encoded(palette, "bmp"),
        encoded(photo, "gif", save_all=True, append_images=[turned]),
        encoded(photo, "tiff", exif=exif),
        encoded(photo, "tiff", compression="tiff_lzw"),
        encoded(photo, "tiff", compression="jpeg"),
        encoded(photo.convert("1"), "tiff", compression="group4"),
    ]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, insert or take away some bytes, most of them in the header."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(max(1, min(len(found), chance.choice((120, 10_000)))))
        length = chance.choice((1, 4, 60))
        match chance.randrange(4):
            case 0:
                found[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                found[place : place + 4] = chance.choice(VALUES)
            case 2:
                del found[place : place + length]
            case _:
                found[place:place] = chance.randbytes(length)
    return bytes(found)


def test_broken_images_are_unreadable_and_nothing_else(tmp_path: Path) -> None:
    chance, whole = random.Random(0), examples()
    for number in range(NUM_MUTATIONS):
        data = mutated(whole[number % len(whole)], chance)
        with suppress(UnreadablePhotoError):
            assert decode_image(data).dtype == np.uint8
        with suppress(UnreadablePhotoError, UserError):
            assert decode_labels(data, "labels").ndim == 2
        if number % 10 == 0:
            (tmp_path / "photo").write_bytes(data)
            with suppress(UserError):
                (face,) = read_faces(tmp_path / "photo", Framing(framed=True))
                assert face.shape in [(128, 128, 3), (16, 16, 3)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, side: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(8 * (3 * 8 + 1)))  # of a larger image, the beginning
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(*tags: tuple[int, int, int, int], more: bytes = b"") -> bytes:
    """A TIFF with numbers in its tags; ``more`` lies behind them."""
    listed = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + listed + bytes(4) + more


def tiff_of_strips(count: int) -> bytes:
    """Rows of one pixel, each at a place of its own, which Pillow lists one by one."""
    size = ((256, 4, 1, 1), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
    return tiff(*size, (278, 3, 1, 1), (273, 4, count, 8 + 2 + 7 * 12 + 4), more=bytes(4 * count))


def tiff_of_a_tile(side: int) -> bytes:
    size = ((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1))
    tile = ((322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 200), (325, 4, 1, 100))
    return tiff(*size, *tile, more=bytes(300))


def exif_of(num_bytes: int) -> bytes:
    """EXIF data whose orientation is a list of numbers."""
    return tiff((274, 3, num_bytes // 2, 26), more=b"\1\0" * (num_bytes // 2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26)))), "too large"),
        (png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 26)))), "too large"),
        (png(chunk(b"eXIf", exif_of(LARGEST_EXIF + 2))), "is too large: EXIF data"),
        (png(chunk(b"eXIf", exif_of(LARGEST_HEADER + 2))), "is too large: .* before its pixels"),
        (tiff_of_strips(LARGEST_HEADER // 4), "is too large: .* bytes before its pixels"),
        (tiff_of_a_tile(1 << 15), "is too large: tiles of 32768×32768 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "cannot be decoded"),
    ],
    ids=["text", "profile", "exif", "header", "strips", "tile", "program"],
)
def test_bombs_are_refused_before_they_unfold(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=reason):
        decode_image(data)


@pytest.mark.parametrize(("bits", "classes"), [(1, 2), (2, 4), (4, 16), (8, 19)])
def test_label_maps_are_read_as_they_are_stored(bits: int, classes: int) -> None:
    """Pillow spreads grey of 2 and 4 bits over 0 to 255."""
    labels = (np.arange(64 * 64) % classes).astype(np.uint8).reshape(64, 64)
    rows = np.unpackbits(labels[:, :, None], axis=2)[:, :, 8 - bits :].reshape(64, -1)
    packed = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 64, 64, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(packed)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    found = decode_labels(b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "labels")
    assert np.array_equal(found, labels)


def test_large_images_are_read_part_by_part_as_a_whole_one() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), np.uint8)
    photo = Image.fromarray(np.kron(pixels, np.ones((50, 50, 1), np.uint8)))
    seen = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo).convert("RGB")
    assert np.array_equal(decode_image(encoded(photo, "png", compress_level=1)), np.asarray(seen))


PEAK = """
import sys
from pkdn.commands.{command} import main, add_arguments
import argparse
from pkdn import command
from pkdn.provenance import peak_mib
parser = argparse.ArgumentParser()
add_arguments(parser)
try:
    command.run(lambda: main(parser.parse_args(sys.argv[1:])))
finally:
    print(peak_mib())
"""


@pytest.mark.parametrize("name", ["score", "upscale"])
def test_169_million_pixels_are_refused_by_the_header(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(side=13_000))
    words = {
        "score": ["--sr", str(tmp_path), "--hr", str(tmp_path)],
        "upscale": [str(tmp_path / "a.png"), str(tmp_path / "sr.png"), "--framed"],
    }[name]
    code = PEAK.format(command=name)
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert "a.png: it is too large: 13000×13000 pixels" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert float(done.stdout) < 500


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "zero"):
        with pytest.raises(UserError, match="it is no regular file"):
            read_image(tmp_path / f"{name}.png")


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "long.png").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UnreadablePhotoError, match="larger than 1,000 bytes"):
        content(tmp_path, "long.png", 1_000)
