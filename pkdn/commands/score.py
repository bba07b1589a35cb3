"""``python -m pkdn score``: a folder of SR images against their HR images, under all protocols."""

import argparse
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pkdn import metrics
from pkdn.errors import UserError

HELP = "score a folder of SR images against HR under every protocol of PSNR and SSIM"
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
OPAQUE = 255
MAX_NAMED = 3
# More digits than a report shows, to compare with published numbers.
DECIMALS = 4

Scores = dict[str, dict[str, float]]


class Summary(NamedTuple):
    """One number of a protocol over all images.

    Attributes:
        mean: Infinite where any image has an infinite PSNR, that is, equals its HR.
        deviation: The sample standard deviation; NaN for one image or an infinite mean.
    """

    mean: float
    deviation: float


Summaries = dict[str, dict[str, Summary]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--sr", type=Path, required=True, help="folder of super-resolved images")
    parser.add_argument(
        "--hr",
        type=Path,
        required=True,
        help="folder of the original images: the same names but for the extension, same sizes",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, with the scores of every image; null stands for the infinite PSNR of "
        "equal images and for a deviation that is not defined",
    )


def main(args: argparse.Namespace) -> None:
    """Score the images and print the result.

    Raises:
        UserError: a folder or an image is missing, unreadable or does not match.
    """
    images = {
        sr_path.stem: _score(sr_path, hr_path) for sr_path, hr_path in _pairs(args.sr, args.hr)
    }
    summaries = _summaries(list(images.values()))
    if args.json:
        print(_json(images, summaries))
    else:
        print(f"Mean ± standard deviation, number of images: {len(images)}\n\n{_table(summaries)}")


def _pairs(sr_folder: Path, hr_folder: Path) -> list[tuple[Path, Path]]:
    sr_paths, hr_paths = _list(sr_folder, "SR"), _list(hr_folder, "HR")
    lone = {
        "SR without HR": sorted(sr_paths.keys() - hr_paths.keys()),
        "HR without SR": sorted(hr_paths.keys() - sr_paths.keys()),
    }
    if any(lone.values()):
        counts = "; ".join(
            f"{len(names)} {what} ({', '.join(names[:MAX_NAMED])}"
            f"{', …' if len(names) > MAX_NAMED else ''})"
            for what, names in lone.items()
            if names
        )
        raise UserError(
            f"{len(sr_paths)} SR images in {sr_folder} and {len(hr_paths)} HR images in "
            f"{hr_folder} do not pair: {counts}; names must be the same but for the extension"
        )
    return [(sr_path, hr_paths[name]) for name, sr_path in sr_paths.items()]


def _list(folder: Path, what: str) -> dict[str, Path]:
    """Return the images of a folder by name without extension, sorted."""
    if not folder.is_dir():
        raise UserError(f"expected a folder of {what} images, found no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise UserError(
                f"{found[path.stem].name} and {path.name} in {folder} differ by their extension "
                "alone: remove one of them"
            )
        found[path.stem] = path
    if not found:
        raise UserError(
            f"expected {what} images ({', '.join(SUFFIXES)}) in {folder}, found none: "
            "name the folder that holds them (subfolders are not searched)"
        )
    return found


def _score(sr_path: Path, hr_path: Path) -> Scores:
    sr_image, hr_image = _read(sr_path), _read(hr_path)
    if sr_image.shape != hr_image.shape:
        raise UserError(
            f"expected images of the same size, {sr_path} has {_size(sr_image)} pixels, "
            f"{hr_path} has {_size(hr_image)}: resize or crop one of them"
        )
    if min(hr_image.shape[:2]) < metrics.MIN_SIDE:
        raise UserError(
            f"expected {metrics.MIN_SIDE} pixels or more on each side, "
            f"{sr_path} has {_size(sr_image)}: leave it out"
        )
    return metrics.score_all(sr_image / 255, hr_image)


def _read(path: Path) -> np.ndarray:
    """Return an image as uint8 RGB, (H, W, 3)."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the image {path} ({error}): replace it") from error
    if image.mode not in EIGHT_BIT_MODES:
        raise UserError(f"expected 8-bit grey or RGB, {path} has mode {image.mode}: convert it")
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if rgba[..., 3].min() < OPAQUE:
            raise UserError(f"expected an opaque image, {path} has transparent pixels: flatten it")
        return rgba[..., :3]
    return np.asarray(image.convert("RGB"))


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"


def _summaries(images: list[Scores]) -> Summaries:
    return {
        name: {
            column.key: _summarize([scores[name][column.key] for scores in images])
            for column in metrics.load(name).COLUMNS
        }
        for name in metrics.protocols()
    }


def _summarize(values: list[float]) -> Summary:
    mean = float(np.mean(values))
    if len(values) == 1 or math.isinf(mean):
        return Summary(mean, math.nan)
    return Summary(mean, float(np.std(values, ddof=1)))


def _json(images: dict[str, Scores], summaries: Summaries) -> str:
    protocols = {
        name: {key: _finite(summary.mean) for key, summary in numbers.items()}
        | {f"{key}_std": _finite(summary.deviation) for key, summary in numbers.items()}
        for name, numbers in summaries.items()
    }
    each = {
        image: {
            name: {key: _finite(value) for key, value in numbers.items()}
            for name, numbers in scores.items()
        }
        for image, scores in images.items()
    }
    return json.dumps(
        {"count": len(images), "protocols": protocols, "images": each},
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(summaries: Summaries) -> str:
    columns = {column.key: column for name in summaries for column in metrics.load(name).COLUMNS}
    titles = [
        " ".join(part for part in (column.title, column.unit, column.arrow) if part)
        for column in columns.values()
    ]
    rows = [["protocol", *titles, "definition"]]
    for name, numbers in summaries.items():
        cells = [_cell(numbers.get(key)) for key in columns]
        rows.append([name, *cells, metrics.load(name).TITLE])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return "–"
    deviation = "–" if math.isnan(summary.deviation) else f"{summary.deviation:.{DECIMALS}f}"
    return f"{summary.mean:.{DECIMALS}f} ± {deviation}"
