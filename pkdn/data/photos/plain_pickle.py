"""Pickled lists of others: plain containers, numbers, strings and numeric arrays, and no code.

Unpickling calls what a pickle names. Here it finds a few names of NumPy, and in their places
classes that keep bytes; all else is refused before it is called.
"""

import math
import pickle
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pkdn.errors import UserError
from pkdn.files import open_regular

NUMERIC = re.compile(r"[<>|=]?[biuf][1248]")
"""The types of arrays that are admitted, as NumPy spells them."""
LARGEST_BYTES = 1 << 31
"""Of a file, which is read into memory as a whole."""


def read_plain(path: Path) -> Any:
    """Return what a pickle holds; arrays in it are for :func:`numbers`.

    Raises:
        UserError: It is broken or too large, or holds anything else.
    """
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise UserError(
            f"expected at most {LARGEST_BYTES:,} bytes in {path}; got {size:,}: it is another file"
        )
    try:
        with open_regular(path) as stream:
            return _Unpickler(stream).load()
    except OSError:
        raise
    except Exception as error:  # a pickle can be broken in ways that raise any of a dozen kinds
        raise UserError(
            f"expected a pickle of plain containers, numbers, strings and arrays in {path}; "
            f"{error or type(error).__name__}: delete it, then get it again"
        ) from error


def numbers(value: object, *shape: int) -> list[float]:
    """Return the numbers of nested lists, tuples or arrays of that shape, one after the other.

    Raises:
        ValueError: It has another shape, or holds anything but finite numbers.
    """
    if isinstance(value, _Array):
        value = value.array.tolist() if value.array.shape == shape else None
    if not shape and isinstance(value, int | float) and math.isfinite(value):
        return [float(value)]
    if shape and isinstance(value, list | tuple) and len(value) == shape[0]:
        return [number for item in value for number in numbers(item, *shape[1:])]
    raise ValueError(f"expected {'×'.join(map(str, shape)) or 'finite'} numbers")


class _Dtype:
    """Stands for ``numpy.dtype``."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:  # noqa: ARG002
        if not NUMERIC.fullmatch(code):
            raise pickle.UnpicklingError(f"it has an array of the type {code!a}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.dtype = self.dtype if order == "|" else self.dtype.newbyteorder(order)


class _Array:
    """Stands for an array: made empty, then filled from as many bytes as it needs."""

    array = np.empty(0)

    def __init__(self, *made_of: object) -> None:
        pass

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, is_fortran, data = state
        flat = np.frombuffer(data, dtype.dtype)
        self.array = flat.reshape(shape, order="F" if is_fortran else "C")


class _Buffer(_Array):
    """Stands for an array of pickle's protocol 5, which is filled at once."""

    def __init__(self, data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> None:
        self.__setstate__((1, shape, dtype, order == "F", data))


class _Scalar(_Buffer):
    """Stands for one number of an array's type."""

    def __init__(self, dtype: _Dtype, data: bytes) -> None:
        super().__init__(data, dtype, (), "C")


class _Unpickler(pickle.Unpickler):
    ADMITTED: ClassVar[dict[tuple[str, str], type]] = {
        ("numpy", "dtype"): _Dtype,
        ("numpy", "ndarray"): _Array,
        **{
            (f"numpy.{core}.{module}", name): stand_in
            for core in ("core", "_core")
            for module, name, stand_in in (
                ("multiarray", "_reconstruct", _Array),
                ("multiarray", "scalar", _Scalar),
                ("numeric", "_frombuffer", _Buffer),
            )
        },
    }

    def find_class(self, module: str, name: str) -> type:
        try:
            return self.ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None
