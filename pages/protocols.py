"""``python -m pages.protocols``: draw how the protocols see one face, and write their numbers."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from pkdn import metrics, networks
from pkdn.faces import HR_SIZE
from pkdn.files import write_marked
from pkdn.metrics._protocols import GAUSSIAN, PEAK, PROTOCOLS, Protocol, gaussian_ssim
from pkdn.reports.figures import canvas
from pkdn.training.batches import degrade
from pkdn.training.resampling import bicubic, to_float
from pkdn.upscaling import SHIPPED

DOCS: Final = Path(__file__).parents[1] / "docs"
PICTURE: Final = DOCS / "protocols.png"
PAGE: Final = DOCS / "protocols.md"
MARK: Final = "protocols"
"""The name of the marks between which the table stands in its page."""
# The face of the README's picture: left, top, right, bottom.
FACE: Final = (170, 72, 280, 182)
LARGEST_ERROR: Final = 48
"""Of the colours of errors, in units of 0–255; larger ones are drawn as this."""
DPI: Final = 110
INCHES: Final = (7.0, 13.4)
MARGINS: Final = {"left": 0.01, "right": 0.99, "top": 0.97, "bottom": 0.05}
GAPS: Final = {"wspace": 0.05, "hspace": 0.08}
OUTSIDE: Final = "#c8c8c8"
"""The colour of what does not count."""
PICTURES: Final = ("16×16", "bicubic", "SR", "HR")
HEADINGS: Final = ("", "compared, of SR", "error", "SSIM")
HEADINGS_SHARE: Final = 0.16
"""Of their row's height in a picture's."""


class Faces(NamedTuple):
    """One face three times, and as its 16×16 pixels.

    Attributes:
        hr_image: (128, 128, 3), uint8 RGB.
        lr_image: (16, 16, 3), uint8 RGB.
        enlarged: by bicubic interpolation, (128, 128, 3), float64 RGB in units of [0, 1].
        sr_image: of the student in ``weights/``, the same, as the network gives it.
    """

    hr_image: np.ndarray
    lr_image: np.ndarray
    enlarged: np.ndarray
    sr_image: np.ndarray


class Maps(NamedTuple):
    """What a protocol sees of a face; NaN where nothing counts.

    Attributes:
        compared: SR, (128, 128, planes), in units of 0–255.
        error: root of the mean squared error of a pixel, (128, 128), in units of 0–255.
        ssim: of the window around a pixel, (128, 128).
    """

    compared: np.ndarray
    error: np.ndarray
    ssim: np.ndarray


@torch.inference_mode()
def faces() -> Faces:
    """Cut and degrade the face of the README's picture, and upscale it."""
    photo = Image.fromarray(data.astronaut()).crop(FACE)
    hr_image = np.array(photo.resize((HR_SIZE, HR_SIZE), Image.Resampling.BICUBIC))
    lr_pixels = degrade(torch.from_numpy(hr_image).permute(2, 0, 1)[None])
    enlarged = to_float(bicubic(lr_pixels, HR_SIZE))
    sr_image = networks.load(SHIPPED)(to_float(lr_pixels))
    lr_image, *larger = (
        image[0].permute(1, 2, 0).numpy() for image in (lr_pixels, enlarged, sr_image)
    )
    return Faces(hr_image, lr_image, *(image.astype(np.float64) for image in larger))


def maps(row: Protocol, face: Faces) -> Maps:
    """Return what a protocol compares, and how far it finds SR from HR, pixel by pixel."""
    sr, hr = (row.planes(image) for image in (row.sr(face.sr_image), face.hr_image))
    counts = np.s_[:, row.border : HR_SIZE - row.border, row.border : HR_SIZE - row.border]
    compared, error, ssim = (np.full(sr.shape, np.nan) for _ in Maps._fields)
    sr, hr = (row.levels(planes[counts]) for planes in (sr, hr))
    compared[counts] = sr
    error[counts] = (sr.astype(np.float64) - hr) ** 2
    gaussian = row.ssim is gaussian_ssim
    settings: dict[str, Any] = {**(GAUSSIAN if gaussian else {}), "channel_axis": 0}
    _, windows = structural_similarity(sr, hr, data_range=PEAK, full=True, **settings)
    cut = (11 if gaussian else 7) // 2  # a window that leaves the image does not count
    ssim[counts][:, cut:-cut, cut:-cut] = windows[:, cut:-cut, cut:-cut]
    return Maps(np.moveaxis(compared, 0, 2), np.sqrt(error.mean(axis=0)), ssim.mean(axis=0))


def draw(face: Faces, path: Path) -> None:
    """Draw a row for each protocol: its numbers, what it compares, its errors and its SSIM."""
    with canvas(path, INCHES, DPI) as figure:
        shares = [1, HEADINGS_SHARE, *[1] * len(PROTOCOLS)]
        grid = figure.subplots(len(shares), len(HEADINGS), gridspec_kw={"height_ratios": shares})
        figure.subplots_adjust(**MARGINS, **GAPS)
        for axes in grid.flat:
            axes.set_axis_off()
        pictures = [face.lr_image, face.enlarged, face.sr_image, face.hr_image]
        for axes, name, image in zip(grid[0], PICTURES, pictures, strict=True):
            axes.imshow(image if image.dtype == np.uint8 else image.clip(0, 1))
            axes.set_title(name)
        for axes, heading in zip(grid[1], HEADINGS, strict=True):
            axes.text(0.5, 0, heading, fontsize=12, ha="center", transform=axes.transAxes)
        for line, name in zip(grid[2:], PROTOCOLS, strict=True):
            shown = _row(line, name, face)
        for axes, colours in zip(grid[-1][2:], shown, strict=True):
            bar = axes.inset_axes((0.05, -0.14, 0.9, 0.06))
            figure.colorbar(colours, cax=bar, orientation="horizontal")


def _row(line: Sequence[Axes], name: str, face: Faces) -> list[AxesImage]:
    """Draw a protocol; return what has colours that want a scale."""
    number, compared, error, ssim = line
    scores = metrics.score_all(face.sr_image, face.hr_image)[name]
    text = f"{scores['psnr']:.2f} dB\nSSIM {scores['ssim']:.4f}"
    number.text(0, 0.7, name, fontsize=15, weight="bold", transform=number.transAxes)
    number.text(0, 0.3, text, fontsize=13, linespacing=1.5, transform=number.transAxes)
    seen = maps(PROTOCOLS[name], face)
    _show(compared, seen.compared.squeeze() / PEAK, "gray", 1)
    return [_show(error, seen.error, "magma", LARGEST_ERROR), _show(ssim, seen.ssim, "viridis", 1)]


def _show(axes: Axes, image: np.ndarray, colours: str, most: float) -> AxesImage:
    """Show an image in its own colours, or in those of a scale, grey where it is NaN."""
    shades = matplotlib.colormaps[colours].with_extremes(bad=OUTSIDE)
    return axes.imshow(image, cmap=shades, vmin=0, vmax=most)


def table(face: Faces) -> str:
    """Return the scores of bicubic interpolation and of the student as Markdown."""
    lines = [
        "| protocol | bicubic: PSNR, dB | SSIM | student: PSNR, dB | SSIM | gain, dB | in SSIM |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    both = [metrics.score_all(image, face.hr_image) for image in (face.enlarged, face.sr_image)]
    for name in PROTOCOLS:
        (psnr, ssim), (more_psnr, more_ssim) = (scores[name].values() for scores in both)
        lines.append(
            f"| `{name}` | {psnr:.2f} | {ssim:.4f} | {more_psnr:.2f} | {more_ssim:.4f} "
            f"| {more_psnr - psnr:+.2f} | {more_ssim - ssim:+.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    face = faces()
    draw(face, PICTURE)
    write_marked(PAGE, MARK, table(face))
