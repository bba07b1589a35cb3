"""``python -m pkdn score``: a folder of SR images against their HR images, under all protocols."""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from pkdn import metrics, perceptual
from pkdn.data.photos.reading import list_images, read_image
from pkdn.errors import UserError
from pkdn.perceptual import Judge

HELP = "score a folder of SR images against HR under every protocol of PSNR and SSIM"
MAX_NAMED = 3
LARGEST_PIXELS = 8 << 20
"""Of an image: 4K fits; all protocols together take 180 bytes for each pixel, so 1.5 GiB."""
# More digits than a report shows, to compare with published numbers.
DECIMALS = 4

Scores = dict[str, dict[str, float]]
"""Numbers by protocol, then by column; of a folder, with ``COLUMN_std`` beside each mean."""


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
        "--metric",
        action="append",
        default=[],
        choices=perceptual.names(),
        help="score by this trained model, too; may be given several times",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, with the scores of every image; null stands for the infinite PSNR of "
        "equal images and for a deviation that is not defined",
    )


def main(args: argparse.Namespace) -> None:
    """Score the images and print the result.

    An image is scored as someone sees it, but for 16 bits a channel, which are refused: the
    protocols compare 8-bit images.

    Raises:
        UserError: a folder or an image is missing, unreadable or does not match.
    """
    pairs = _pairs(args.sr, args.hr)
    judges = _judges(args.metric)
    images = {sr_path.stem: _score(sr_path, hr_path, judges) for sr_path, hr_path in pairs}
    summary = {
        name: _summary([scores[name] for scores in images.values()])
        for name in (*metrics.protocols(), *judges)
    }
    if args.json:
        each = {image: _finite(scores) for image, scores in images.items()}
        result = {"count": len(images), "protocols": _finite(summary), "images": each}
        print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(f"Mean ± standard deviation, number of images: {len(images)}\n\n{_table(summary)}")


def _pairs(sr_folder: Path, hr_folder: Path) -> list[tuple[Path, Path]]:
    sr_paths, hr_paths = list_images(sr_folder), list_images(hr_folder)
    lone = {
        "SR without HR": sorted(sr_paths.keys() - hr_paths.keys()),
        "HR without SR": sorted(hr_paths.keys() - sr_paths.keys()),
    }
    counts = [
        f"{len(names)} {what} ({', '.join(names[:MAX_NAMED])}{', …' * (len(names) > MAX_NAMED)})"
        for what, names in lone.items()
        if names
    ]
    if counts:
        raise UserError(
            f"{len(sr_paths)} SR images in {sr_folder} and {len(hr_paths)} HR images in "
            f"{hr_folder} do not pair: {'; '.join(counts)}; names must be the same but for the "
            "suffix"
        )
    return [(sr_path, hr_paths[name]) for name, sr_path in sr_paths.items()]


def _judges(wanted: list[str]) -> Mapping[str, Judge]:
    if not wanted:  # PyTorch takes two seconds
        return {}
    from pkdn.training.precision import default_device

    return perceptual.load(wanted, default_device())


def _score(sr_path: Path, hr_path: Path, judges: Mapping[str, Judge]) -> Scores:
    sr_image, hr_image = (
        read_image(path, only_8_bit=True, most_pixels=LARGEST_PIXELS) for path in (sr_path, hr_path)
    )
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
    judged = {name: judge(sr_image, hr_image) for name, judge in judges.items()}
    return metrics.score_all(sr_image / 255, hr_image) | judged


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"


def _summary(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return means, infinite where any PSNR is, and sample deviations, NaN where undefined.

    Images in which a model finds no face have no part in the means of its metric; where there are
    such, a count says of how many images the means are.
    """
    found = {key: np.array([numbers[key] for numbers in scores]) for key in scores[0]}
    columns = {key: values[~np.isnan(values)] for key, values in found.items()}
    means = {
        key: float(values.mean()) if len(values) else math.nan for key, values in columns.items()
    }
    deviations = {
        f"{key}_std": float(values.std(ddof=1))
        if len(values) > 1 and math.isfinite(means[key])
        else math.nan
        for key, values in columns.items()
    }
    num_images = len(scores)
    counts = {
        f"{key}_count": float(len(values))
        for key, values in columns.items()
        if len(values) < num_images
    }
    return means | deviations | counts


def _finite(scores: Scores) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        for name, numbers in scores.items()
    }


def _table(summary: Scores) -> str:
    # metrics share a column where they mean the same by its key
    of_metric = {name: _source(name).columns(name) for name in summary}
    columns = dict.fromkeys(column for those in of_metric.values() for column in those)
    titles = [" ".join(filter(None, (c.title, c.unit, c.arrow))) for c in columns]
    rows = [["protocol", *titles, "definition"]]
    for name, numbers in summary.items():
        cells = [_cell(numbers, c.key) if c in of_metric[name] else "–" for c in columns]
        rows.append([name, *cells, _source(name).title(name)])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _source(name: str) -> ModuleType:
    return perceptual if name in perceptual.names() else metrics


def _cell(numbers: dict[str, float], key: str) -> str:
    mean, deviation = numbers[key], numbers[f"{key}_std"]
    spread = "–" if math.isnan(deviation) else f"{deviation:.{DECIMALS}f}"
    count = numbers.get(f"{key}_count")
    of = "" if count is None else f" (of {count:.0f} images)"
    return f"{mean:.{DECIMALS}f} ± {spread}{of}"
