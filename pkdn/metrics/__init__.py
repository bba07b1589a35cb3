"""Image quality metrics, found by their names.

Published face super-resolution numbers use different definitions of PSNR and SSIM, and the
spread between them is larger than the gains that papers claim. So every definition is a
*protocol*, a row of the table in ``_protocols.py``, and a table of results says which it shows.

A metric of another kind is a file with ``TITLE``, ``COLUMNS``, a tuple of :class:`Column` that is
written out, and

- ``score(sr_image, hr_image)``: ``sr_image`` is float64 RGB, (H, W, 3), in units of [0, 1],
  unclamped as the network gave it; ``hr_image`` is uint8 RGB, (H, W, 3), both at least 41 pixels
  wide and high; or
- ``score_labels(sr_labels, hr_labels)``, on two parsing maps, uint8, (H, W).

All return one float per column key and raise ``ValueError`` at any other type, shape or range.
The arrays are for reading alone, since other metrics see them too: a metric that changes one takes
a copy. Its file has a name that no protocol and no file of :mod:`pkdn.perceptual` has.
Files whose names begin with an underscore are shared by the metrics.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from numbers import Real
from types import ModuleType

import numpy as np

from pkdn.closure import found_by_name
from pkdn.errors import UserError
from pkdn.metrics._protocols import (
    ARROWS,
    COLUMNS,
    MAX_MEAN,
    MIN_SIDE,
    PROTOCOLS,
    Column,
    score_rows,
)

__all__ = [
    "MAX_MEAN",
    "MIN_SIDE",
    "PRIMARY",
    "Column",
    "columns",
    "names",
    "protocols",
    "score_all",
    "score_labels",
    "title",
]

# Not stated in the paper; chosen because it is DIC's, whose faces the paper takes, without the
# wrap-around of whole numbers in DIC's code.
PRIMARY = "y_crop8"

Scores = dict[str, dict[str, float]]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all metrics, :data:`PRIMARY` first, then by alphabet."""
    return tuple(sorted({*PROTOCOLS, *_files()}, key=lambda name: (name != PRIMARY, name)))


@cache
def protocols() -> tuple[str, ...]:
    """Return the names of the metrics that compare two images, in the order of :func:`names`."""
    return tuple(name for name in names() if name in PROTOCOLS or hasattr(_file(name), "score"))


def columns(name: str) -> tuple[Column, ...]:
    """Return the numbers of a metric."""
    return COLUMNS if name in PROTOCOLS else _file(name).COLUMNS


def title(name: str) -> str:
    """Return the definition of a metric in one line."""
    return PROTOCOLS[name].title if name in PROTOCOLS else _file(name).TITLE


def score_all(sr_image: np.ndarray, hr_image: np.ndarray) -> Scores:
    """Score one image under every protocol: ``{protocol: {column key: value}}``.

    Args:
        sr_image: (H, W, 3), float64 RGB in units of [0, 1], unclamped.
        hr_image: (H, W, 3), uint8 RGB.
    """
    sr_image, hr_image = read_only(sr_image, hr_image)
    rows = score_rows(sr_image, hr_image)
    return {
        name: rows[name] if name in rows else _checked(name, _file(name).score(sr_image, hr_image))
        for name in protocols()
    }


def score_labels(sr_labels: np.ndarray, hr_labels: np.ndarray) -> Scores:
    """Score one face's parsing maps by every metric that compares two of them.

    Args:
        sr_labels: (H, W), uint8, the parsing map of the SR image.
        hr_labels: (H, W), uint8, the parsing map of the HR image.
    """
    pair = read_only(sr_labels, hr_labels)
    return {
        name: _checked(name, file.score_labels(*pair))
        for name in _files()
        if hasattr(file := _file(name), "score_labels")
    }


def read_only(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return views of arrays through which no metric can change them for the next one."""
    views = tuple(array.view() for array in arrays)
    for view in views:
        view.flags.writeable = False
    return views


def _checked(name: str, returned: object) -> dict[str, float]:
    file = f"pkdn/metrics/{name}.py"
    found = as_declared(file, columns(name), returned)
    if any(math.isnan(value) for value in found.values()):
        raise UserError(
            f"{file}: expected a number for every face, got NaN, by which systems would be "
            "compared on different faces: let it return one, or write it as a metric in "
            "pkdn/perceptual"
        )
    return found


def as_declared(file: str, declared: Sequence[Column], found: object) -> dict[str, float]:
    """Let a metric return the numbers that its file declares; tables would leave out others.

    Raises:
        UserError: it returns others, or something else than numbers by names.
    """
    if not isinstance(found, dict) or not all(isinstance(n, Real) for n in found.values()):
        example = ", ".join(f"{column.key!r}: 0.5" for column in declared)
        kinds = (
            {type(value).__name__ for value in found.values()} if isinstance(found, dict) else ()
        )
        got = f"one of {', '.join(sorted(kinds))}" if kinds else type(found).__name__
        raise UserError(
            f"{file}: expected a dict of numbers, such as {{{example}}}, got {got}: mend what it "
            "returns"
        )
    keys = {column.key for column in declared}
    if found.keys() != keys:
        raise UserError(
            f"{file}: expected {', '.join(sorted(keys))}, as its COLUMNS say, got "
            f"{', '.join(sorted(map(str, found)))}"
        )
    return {key: float(value) for key, value in found.items()}


def checked_columns(file: str, found: object) -> tuple[Column, ...]:
    """Return what a metric's file has as ``COLUMNS``.

    Raises:
        UserError: it is no tuple of :class:`Column`, two have one key, an arrow has another
            direction, or the decimals are no whole number.
    """
    if not isinstance(found, tuple) or not all(isinstance(one, Column) for one in found):
        raise UserError(f"{file}: expected COLUMNS = (Column(…),), got {found!r}: mend it")
    if odd := [column.arrow for column in found if column.arrow not in ARROWS]:
        raise UserError(
            f"{file}: expected in COLUMNS the arrow {' or '.join(ARROWS)}, got {odd[0]!r}: mend it"
        )
    if len({column.key for column in found}) < len(found):
        keys = ", ".join(column.key for column in found)
        raise UserError(
            f"{file}: expected a key of its own for each of COLUMNS, got {keys}: mend it"
        )
    for column in found:
        if not isinstance(column.decimals, int) or column.decimals < 0:
            raise UserError(
                f"{file}: expected in COLUMNS the decimals as a whole number from 0, got "
                f"{column.decimals!r}: mend it"
            )
    return found


@cache
def _files() -> tuple[str, ...]:
    return tuple(found_by_name(__path__))


@cache
def _file(name: str) -> ModuleType:
    if name not in _files():
        raise ValueError(f"no metric {name!r}; there are {', '.join(names())}")
    file = import_module(f"{__name__}.{name}")
    if not (hasattr(file, "score") or hasattr(file, "score_labels")):
        raise UserError(
            f"pkdn/metrics/{name}.py: expected a function score or score_labels, got neither: add "
            "the one that it is"
        )
    checked_columns(f"pkdn/metrics/{name}.py", file.COLUMNS)
    return file
