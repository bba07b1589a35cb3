"""Plots: training curves, PSNR against cost, the terms of PKDN's loss."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from pkdn.files import WRITER
from pkdn.reports import colours
from pkdn.systems import TERMS

VALIDATION: Final = "val_psnr"
"""The column of a curve that is measured on the validation faces."""
CURVE_DPI: Final = 110
# A curve is averaged over this share of its steps, so that single batches do not hide it.
SMOOTHED_SHARE: Final = 0.05
# Sizes of the curves, and of what is around them; fitting them by the library costs a second.
PANEL_INCHES, LABEL_INCHES = 4.6, 0.76
CURVES_INCHES: Final = 6.64
LEGEND_INCHES, LEGEND_ROW_INCHES = 0.66, 0.22
CURVE_SIDES: Final = {"right": 0.99, "top": 0.96}
CURVE_GAPS: Final = {"wspace": 0.18, "hspace": 0.07}
SCATTER_MARGINS: Final = {"left": 0.08, "right": 0.99, "top": 0.97, "bottom": 0.13, "wspace": 0.08}
LOSS_MARGINS: Final = {"left": 0.1, "right": 0.6, "top": 0.97, "bottom": 0.14}
POWER_MARGINS: Final = {"left": 0.1, "right": 0.98, "top": 0.97, "bottom": 0.15}
POWER_STYLES: Final = ("-", "--", ":")
FINE_TICKS: Final = (1, 2, 3, 4, 6, 8)
POWER_TICKS: Final = (1, 2, 5)
COARSE_TICKS: Final = (1, 2, 5)
# Pixels that a label takes beside its point.
LABEL_SIZE: Final = (80, 26)
STYLE: Final[Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


class Line(NamedTuple):
    """One system's curves in a panel.

    Attributes:
        label: in the legend.
        colour: of the line.
        dashed: for a teacher beside students.
        curves: one for each seed.
    """

    label: str
    colour: str
    dashed: bool
    curves: Sequence[pd.DataFrame]


def training_curves(path: Path, panels: Mapping[str, Sequence[Line]]) -> None:
    """Draw validation PSNR above and the L1 distance to HR below, a column for each panel."""
    num_rows = math.ceil(max(map(len, panels.values())) / 2)  # of the longest legend
    legend = LEGEND_INCHES + LEGEND_ROW_INCHES * num_rows
    width, height = PANEL_INCHES * len(panels), CURVES_INCHES + legend
    with canvas(path, (width, height), CURVE_DPI) as figure:
        axes = figure.subplots(2, len(panels), squeeze=False, sharex="col")
        for column, (heading, lines) in enumerate(panels.items()):
            above, below = axes[0][column], axes[1][column]
            for line in lines:
                _plot(above, line, (VALIDATION,), smooth=False)
                _plot(below, line, ("l_sr", "loss"), smooth=True)
            above.set_title(heading)
            _logarithmic(below, FINE_TICKS)
            below.set_xlabel("training step")
            if lines:
                handles = above.get_legend_handles_labels()
                below.legend(*handles, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
        axes[0][0].set_ylabel("PSNR on the validation faces, dB")
        axes[1][0].set_ylabel("L1 distance to HR, training faces")
        sides = {**CURVE_SIDES, "left": LABEL_INCHES / width, "bottom": legend / height}
        figure.subplots_adjust(**sides, **CURVE_GAPS)


def scatter(path: Path, points: pd.DataFrame) -> None:
    """Draw PSNR against multiply–adds on the left, against latency on the right.

    Args:
        path: of the picture.
        points: a network in each row: its ``title`` and ``colour``, ``psnr`` in dB, ``gmac``, and
            ``latency_ms_b1``, which is NaN where it was not measured.
    """
    with canvas(path, (10.0, 4.2), CURVE_DPI) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, cost, title in (
            (left, "gmac", "GMAC of one face"),
            (right, "latency_ms_b1", "latency of one face, ms"),
        ):
            axes.set_xscale("log")
            for x, psnr, colour in points[[cost, "psnr", "colour"]].to_numpy():
                axes.plot(x, psnr, "o", color=colour, markersize=8)
            axes.xaxis.set_major_locator(LogLocator(subs=COARSE_TICKS))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel(title)
            axes.margins(0.24, 0.14)
            figure.subplots_adjust(**SCATTER_MARGINS)
            _label(axes, points[cost], points["psnr"], points["title"])
        left.set_ylabel("PSNR on the test faces, dB")


def power(path: Path, rows: pd.DataFrame) -> None:
    """Draw the smallest gain that is seen, against the number of seeds.

    Args:
        path: of the picture.
        rows: of :meth:`pkdn.reports.comparisons.Comparison.power`.
    """
    wanted = rows["wanted"].iloc[0]
    with canvas(path, (7.0, 3.6), CURVE_DPI) as figure:
        axes = figure.subplots()
        for (faces, part), style in zip(rows.groupby("faces"), POWER_STYLES, strict=False):
            here = " (here)" if faces == rows["here"].iloc[0] else ""
            axes.plot(part["seeds"], part["gain"], style, label=f"{faces:,} test faces{here}")
        axes.axhline(wanted, color="#666666", linewidth=1)
        axes.annotate(f"{wanted} dB", (rows["seeds"].max(), wanted), ha="right", va="bottom")
        axes.set_xlabel("seeds, each a training of both systems")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("smallest gain that is seen, dB")
        _logarithmic(axes, POWER_TICKS)
        axes.legend()
        figure.subplots_adjust(**POWER_MARGINS)


def _label(axes: Axes, x: pd.Series, y: pd.Series, labels: pd.Series) -> None:
    """Write labels to the right of their points, below where one above would be in the way."""
    pixels = axes.transData.transform(np.column_stack([x, y]))
    for place, pixel, label in zip(zip(x, y, strict=True), pixels, labels, strict=True):
        across, up = (pixels - pixel).T
        crowded = (abs(across) < LABEL_SIZE[0]) & (up > 0) & (up < LABEL_SIZE[1])
        offset = (7, -11) if crowded.any() else (7, 4)
        axes.annotate(label, place, xytext=offset, textcoords="offset points", fontsize=9)


def loss_terms(path: Path, curves: Sequence[pd.DataFrame]) -> None:
    """Draw the terms of Eq. 2 of one student, unweighted, with the weighted sum."""
    terms = {
        "loss": ("L_S, the weighted sum", "black"),
        "l_sr": ("L_SR: to HR", colours.VERMILLION),
    }
    of_terms = colours.of_terms(TERMS)
    for weight, term in TERMS.items():
        terms[weight.replace("lambda_", "l_")] = (term.label, of_terms[weight])
    with canvas(path, (7.6, 3.8), CURVE_DPI) as figure:
        axes = figure.subplots()
        for column, (text, colour) in terms.items():
            _plot(axes, Line(text, colour, False, curves), (column,), smooth=True)
        _logarithmic(axes, COARSE_TICKS)
        axes.set_xlabel("training step")
        axes.set_ylabel("mean absolute error")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.subplots_adjust(**LOSS_MARGINS)


def _logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=ticks))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _plot(axes: Axes, line: Line, columns: Sequence[str], *, smooth: bool) -> None:
    """Draw the first of the columns that a curve has, for each seed, under one label."""
    label: str | None = line.label
    for curve in line.curves:
        column = next((name for name in columns if name in curve), None)
        points = curve[np.isfinite(curve[column])] if column else pd.DataFrame()
        if points.empty:
            continue
        axes.plot(
            points["step"],
            smoothed(points["step"], points[column]) if smooth else points[column],
            color=line.colour,
            linestyle="--" if line.dashed else "-",
            linewidth=1.6,
            marker=None if smooth else ".",
            alpha=1.0 if len(line.curves) == 1 else 0.75,
            label=label,
        )
        label = None


def smoothed(steps: pd.Series, values: pd.Series) -> pd.Series:
    """Average values over the steps before each point, the first ones over what there are.

    Args:
        steps: of the rows of a curve, which are as many steps apart as their mean is of.
        values: means over the steps since the row before.
    """
    sums = (values * steps.diff().fillna(steps)).cumsum()
    first = (steps - SMOOTHED_SHARE * steps.iloc[-1]).clip(lower=0)
    return (sums - np.interp(first, [0, *steps], [0, *sums])) / (steps - first)


@contextmanager
def canvas(path: Path, inches: tuple[float, float], dpi: int) -> Iterator[Figure]:
    """Yield a white figure that is written as PNG; no window system and no global state."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=inches, dpi=dpi, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, format="png", dpi=dpi, metadata={"Software": WRITER})
