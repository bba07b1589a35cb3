"""The metrics that scores have, and how tables show them."""

from typing import Final, NamedTuple

from pkdn import metrics, perceptual
from pkdn.reports.tables import number


class Metric(NamedTuple):
    """One column of ``scores.csv``.

    Attributes:
        file: the metric's name, such as ``y_crop8``.
        column: which of its numbers it is, and how that is shown.
    """

    file: str
    column: metrics.Column

    @property
    def name(self) -> str:
        """Its name in ``scores.csv``: ``y_crop8.psnr``."""
        return f"{self.file}.{self.column.key}"

    @property
    def heading(self) -> str:
        """Its title with arrow and unit: ``PSNR ↑, dB``."""
        unit = f", {self.column.unit}" if self.column.unit else ""
        return f"{self.column.title} {self.column.arrow}{unit}"

    def text(self, value: float, *, signed: bool = False) -> str:
        """Return a value in its decimals, a dash for NaN."""
        return number(value, self.column.decimals, signed=signed)


_JUDGES: Final = [Metric(f, column) for f in perceptual.names() for column in perceptual.columns(f)]
_FORMULAS: Final = [Metric(f, column) for f in metrics.names() for column in metrics.columns(f)]
ALL: Final = [*_FORMULAS, *_JUDGES]
"""Every metric, the primary protocol first."""

MAIN: Final = [m for m in ALL if m.file == metrics.PRIMARY or m.file not in metrics.protocols()]
"""The metrics of the main tables: the primary protocol's, then what is no protocol."""

PSNR, SSIM, PARSING_MIOU = (
    next(metric for metric in MAIN if metric.name == name)
    for name in (f"{metrics.PRIMARY}.psnr", f"{metrics.PRIMARY}.ssim", "parsing.miou")
)
