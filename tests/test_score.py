import argparse
import json
import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pkdn import perceptual
from pkdn.commands import score
from pkdn.errors import UserError
from pkdn.metrics import Column

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden"


def run(*arguments: str | Path) -> None:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    score.main(parser.parse_args([str(argument) for argument in arguments]))


def write(
    path: Path, *, seed: int = 0, size: tuple[int, int] = (52, 44), mode: str = "RGB"
) -> None:
    path.parent.mkdir(exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(("anna", "ben")):
        write(tmp_path / "sr" / f"{name}.png", seed=seed)
        write(tmp_path / "hr" / f"{name}.jpg", seed=seed)
    return tmp_path / "sr", tmp_path / "hr"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden faces are not on this machine")
def test_golden_numbers_as_a_user_gets_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for path in sorted(GOLDEN.glob("*.jpg")):
        lr_face = Image.open(path).convert("RGB").resize((16, 16), Image.Resampling.BICUBIC)
        lr_face.resize((128, 128), Image.Resampling.BICUBIC).save(tmp_path / f"{path.stem}.png")
    run("--sr", tmp_path, "--hr", GOLDEN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("number of images: 50")
    rows = {line.split()[0]: line.split() for line in lines[3:]}
    assert float(rows["y_crop8"][1]) == pytest.approx(23.0962, abs=0.0005)
    assert float(rows["y_crop8"][4]) == pytest.approx(0.6212, abs=0.0005)
    assert float(rows["dic"][4]) == pytest.approx(0.6234, abs=0.0005)


def test_json_means_are_those_of_its_images(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
):
    run("--sr", folders[0], "--hr", folders[1], "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["count"] == 2
    assert list(result["images"]) == ["anna", "ben"]
    for name, numbers in result["protocols"].items():
        for key in (key for key in numbers if not key.endswith("_std")):
            values = [image[name][key] for image in result["images"].values()]
            assert numbers[key] == pytest.approx(np.mean(values))
            assert numbers[f"{key}_std"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)


def test_equal_images_are_infinite_in_the_table_and_null_in_json(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
):
    run("--sr", folders[0], "--hr", folders[0])
    assert "inf ± –" in capsys.readouterr().out
    run("--sr", folders[0], "--hr", folders[0], "--json")
    result = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert result["protocols"]["rgb"]["psnr"] is None
    assert result["protocols"]["rgb"]["ssim"] == 1


def test_means_of_some_images_say_of_how_many(
    folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distances = iter([0.25, math.nan])

    def judges(_: list[str]) -> dict[str, Callable[..., dict[str, float]]]:
        return {"identity": lambda *_: {"distance": next(distances)}}

    monkeypatch.setattr(score, "_judges", judges)
    run("--sr", folders[0], "--hr", folders[1], "--metric", "identity")
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[2:]}
    line = rows["identity"]
    assert "0.25" in line and "(of 1 images)" in line


def test_metrics_of_one_key_that_mean_something_else_stand_in_columns_of_their_own(
    folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judges(_: list[str]) -> dict[str, Callable[..., dict[str, float]]]:
        return {"identity": lambda *_: {"psnr": 7.0}}

    monkeypatch.setattr(score, "_judges", judges)
    monkeypatch.setattr(perceptual, "columns", lambda _: (Column("psnr", "of edges", "↓", 2, ""),))
    run("--sr", folders[0], "--hr", folders[1], "--metric", "identity")
    heading, *rows = [
        re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()[2:]
    ]
    cells = {row[0]: dict(zip(heading, row, strict=False)) for row in rows}
    assert cells["identity"]["of edges ↓"].startswith("7.00")
    assert cells["identity"]["PSNR dB ↑"] == "–"
    assert cells["rgb"]["of edges ↓"] == "–"


def test_grey_images_score_as_their_rgb(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, mode in (("grey", "L"), ("rgb", "RGB")):
        write(tmp_path / name / "a.png", mode="L", seed=1)
        path = tmp_path / name / "a.png"
        Image.open(path).convert(mode).save(path)
        write(tmp_path / "hr" / "a.png")
    outputs = []
    for name in ("grey", "rgb"):
        run("--sr", tmp_path / name, "--hr", tmp_path / "hr", "--json")
        outputs.append(json.loads(capsys.readouterr().out))
    assert outputs[0] == outputs[1]


def test_other_files_are_left_out(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]):
    for name in ("Thumbs.db", "._anna.png", "scores.csv"):
        (folders[0] / name).write_bytes(b"no image")
    run("--sr", folders[0], "--hr", folders[1])
    assert "number of images: 2\n" in capsys.readouterr().out


def test_missing_folder(folders: tuple[Path, Path]):
    with pytest.raises(UserError, match=r"no folder .*nowhere"):
        run("--sr", folders[0], "--hr", folders[1].with_name("nowhere"))


def test_empty_folder(folders: tuple[Path, Path]):
    empty = folders[0].with_name("empty")
    (empty / "deeper").mkdir(parents=True)
    with pytest.raises(UserError, match=r"expected images .*empty, found none"):
        run("--sr", empty, "--hr", folders[1])


def test_names_that_do_not_pair_are_counted_and_named(folders: tuple[Path, Path]):
    for number in range(5):
        write(folders[0] / f"extra{number}.png")
    (folders[0] / "ben.png").rename(folders[0] / "Ben.png")
    with pytest.raises(UserError) as error:
        run("--sr", folders[0], "--hr", folders[1])
    message = str(error.value)
    assert "7 SR images" in message
    assert "6 SR without HR (Ben, extra0, extra1, …)" in message
    assert "1 HR without SR (ben)" in message


def test_one_name_twice(folders: tuple[Path, Path]):
    write(folders[1] / "anna.png")
    with pytest.raises(UserError, match=r"anna.jpg and anna.png"):
        run("--sr", folders[0], "--hr", folders[1])


def test_sizes_that_differ(folders: tuple[Path, Path]):
    write(folders[0] / "ben.png", size=(44, 52))
    with pytest.raises(UserError, match=r"ben.png has 44×52 .*ben.jpg has 52×44"):
        run("--sr", folders[0], "--hr", folders[1])


def test_images_too_small(tmp_path: Path):
    write(tmp_path / "sr" / "a.png", size=(40, 64))
    with pytest.raises(UserError, match="41 pixels or more"):
        run("--sr", tmp_path / "sr", "--hr", tmp_path / "sr")


@pytest.mark.parametrize("content", [b"", b"not an image", "truncated"])
def test_unreadable_image(folders: tuple[Path, Path], content: bytes | str):
    path = folders[1] / "ben.jpg"
    whole = path.read_bytes()
    path.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cannot read the image .*ben.jpg"):
        run("--sr", folders[0], "--hr", folders[1])


def encoded_16_bit_rgb(size: tuple[int, int] = (52, 44)) -> bytes:
    """A PNG of black in 16 bits a channel, which Pillow reads but cannot write."""
    width, height = size

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content).to_bytes(4)
        return len(content).to_bytes(4) + kind + content + checksum

    header = width.to_bytes(4) + height.to_bytes(4) + bytes((16, 2, 0, 0, 0))
    pixels = zlib.compress(bytes(height * (1 + 6 * width)))
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_sixteen_bits_are_refused(folders: tuple[Path, Path]):
    # silently reduced, they would not score as the 8-bit image that a paper shows
    Image.fromarray(np.zeros((44, 52), np.uint16)).save(folders[0] / "ben.png")
    with pytest.raises(UserError, match=r"ben.png: it has 16 bits .*round it to 8 bits"):
        run("--sr", folders[0], "--hr", folders[1])
    (folders[0] / "ben.png").write_bytes(encoded_16_bit_rgb())
    with pytest.raises(UserError, match=r"ben.png: it has 16 bits"):
        run("--sr", folders[0], "--hr", folders[1])


def test_images_are_scored_as_they_are_seen(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
):
    # turned by its EXIF data, white where transparent: as every stage reads photos
    pixels = np.full((44, 52, 4), 255, np.uint8)
    pixels[:, :26] = (90, 60, 30, 255)
    seen = Image.fromarray(pixels[..., :3])
    pixels[:, 26:] = (0, 0, 0, 0)
    exif = Image.Exif()
    exif[274] = 6
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    for folder in folders:
        (folder / "anna.png").unlink(missing_ok=True)
        (folder / "anna.jpg").unlink(missing_ok=True)
    turned.save(folders[0] / "anna.png", exif=exif)
    seen.save(folders[1] / "anna.png")
    run("--sr", folders[0], "--hr", folders[1], "--json")
    scores = json.loads(capsys.readouterr().out)["images"]["anna"]
    assert scores["rgb"] == {"psnr": None, "ssim": pytest.approx(1)}
