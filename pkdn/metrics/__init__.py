"""Image quality metrics: one file per metric, found by its name.

Published face super-resolution numbers use different definitions of PSNR and SSIM, and the
spread between them is larger than the gains that papers claim. So every definition is a file of
its own, and a table says which one it shows.

A metric's file holds

- ``TITLE``: the definition in one line,
- ``COLUMNS``: a tuple of :class:`Column`, one per number,

and either

- ``score(sr_image, hr_image)``, which makes it a *protocol*: ``sr_image`` is float64 RGB,
  (H, W, 3), in units of [0, 1], unclamped as the network gave it; ``hr_image`` is uint8 RGB,
  (H, W, 3), both at least 32 pixels wide and high; or
- ``score_labels(sr_labels, hr_labels)``, on two parsing maps, uint8, (H, W).

Both return one float per column key and raise ``ValueError`` at any other type, shape or range.
Files whose names begin with an underscore are shared by the metrics.
"""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

from pkdn.metrics._column import Column
from pkdn.metrics._images import MIN_SIDE
from pkdn.metrics._intervals import Interval, paired_difference

__all__ = [
    "MIN_SIDE",
    "PRIMARY",
    "Column",
    "Interval",
    "load",
    "names",
    "paired_difference",
    "protocols",
    "score_all",
]

# Not stated in the paper; chosen because most of the systems in its Table 1 were scored so.
PRIMARY = "y_crop8"


@cache
def names() -> tuple[str, ...]:
    """Return the names of all metrics, :data:`PRIMARY` first, then by alphabet."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    public = [name for name in found if not name.startswith("_")]
    return tuple(sorted(public, key=lambda name: (name != PRIMARY, name)))


def load(name: str) -> ModuleType:
    """Import the metric ``name``.

    Raises:
        ValueError: there is no metric of this name.
    """
    if name not in names():
        raise ValueError(f"no metric {name!r}; there are {', '.join(names())}")
    return import_module(f"{__name__}.{name}")


@cache
def protocols() -> tuple[str, ...]:
    """Return the names of the metrics that compare two images, in the order of :func:`names`."""
    return tuple(name for name in names() if hasattr(load(name), "score"))


def score_all(sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, dict[str, float]]:
    """Score one image under every protocol.

    Args:
        sr_image: (H, W, 3), float64 RGB in units of [0, 1], unclamped.
        hr_image: (H, W, 3), uint8 RGB.

    Returns:
        ``{protocol: {column key: value}}``.
    """
    return {name: load(name).score(sr_image, hr_image) for name in protocols()}
