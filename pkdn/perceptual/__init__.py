"""Metrics that judge a face by trained models; they are computed where ``metrics`` asks for them.

Each is a file that is found by its name, with

- ``TITLE``, its definition in one line, and ``COLUMNS``, as the files of :mod:`pkdn.metrics` have;
- ``load(device)``: it returns a function of ``sr_image`` and ``hr_image``, both uint8 RGB,
  (H, W, 3), as they are written, which returns one float per column key. All columns are NaN
  where HR lets nothing be measured: the face then counts for no system. It may be called by
  several threads. The images are for reading alone, as those of :mod:`pkdn.metrics`:
  of a single one ``torch.tensor`` takes a copy, and ``torch.from_numpy`` warns.

Files whose names begin with an underscore are shared by the metrics.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from pkdn.closure import found_by_name
from pkdn.metrics import Column, as_declared, checked_columns, read_only

if TYPE_CHECKING:
    import torch

Judge = Callable[[np.ndarray, np.ndarray], dict[str, float]]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all, by alphabet."""
    return tuple(found_by_name(__path__))


def columns(name: str) -> tuple[Column, ...]:
    """Return the numbers of a metric."""
    return checked_columns(f"pkdn/perceptual/{name}.py", _file(name).COLUMNS)


def title(name: str) -> str:
    """Return the definition of a metric in one line."""
    return str(_file(name).TITLE)


def load(wanted: Sequence[str], device: "torch.device") -> dict[str, Judge]:
    """Load the models of some metrics.

    Raises:
        UserError: a model cannot be had, or what runs it is not installed.
    """
    return {name: _checked(name, _file(name).load(device)) for name in wanted}


def _checked(name: str, judge: Judge) -> Judge:
    file, declared = f"pkdn/perceptual/{name}.py", columns(name)
    return lambda *images: as_declared(file, declared, judge(*read_only(*images)))


def _file(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
