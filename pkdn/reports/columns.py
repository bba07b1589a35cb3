"""The metrics that scores have, and how tables show them."""

from typing import Final, NamedTuple

from pkdn import metrics


class Metric(NamedTuple):
    """One column of ``scores.csv`` and how it is shown.

    Attributes:
        file: the metric's file, such as ``y_crop8``.
        key: of the number, such as ``psnr``.
        title: without arrow and unit.
        arrow: the direction in which it improves.
        decimals: digits after the point.
        unit: empty where it has none.
    """

    file: str
    key: str
    title: str
    arrow: str
    decimals: int
    unit: str

    @property
    def name(self) -> str:
        """Its column in ``scores.csv``: ``y_crop8.psnr``."""
        return f"{self.file}.{self.key}"

    @property
    def heading(self) -> str:
        """Its title with arrow and unit: ``PSNR ↑, dB``."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.title} {self.arrow}{unit}"

    @property
    def highest(self) -> bool:
        """Whether a larger number is better."""
        return self.arrow == "↑"


ALL: Final = [Metric(file, *column) for file in metrics.names() for column in metrics.columns(file)]
"""Every metric, the primary protocol first."""

MAIN: Final = [
    metric for metric in ALL if metric.file not in set(metrics.protocols()) - {metrics.PRIMARY}
]
"""The metrics of the main tables: the primary protocol's, then what is no protocol."""

PSNR, SSIM = (next(m for m in MAIN if m.key == key) for key in ("psnr", "ssim"))
PARSING_MIOU: Final = next(metric for metric in MAIN if metric.key == "miou")


def definitions() -> list[str]:
    """Say what each file measures."""
    return [f"`{file}`: {metrics.title(file)}" for file in metrics.names()]
