"""Pickled lists: what is read, and what wants more than to be read."""

import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pkdn.data.photos.plain_pickle import numbers, read_plain
from pkdn.errors import UserError


class Call:
    """Pickles as a call, which unpickling makes."""

    def __init__(self, function, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "made",
    [
        Call(os.system, "touch touched"),
        Call(eval, "open('touched', 'w')"),
        Call(getattr, {}, "clear"),
        Call(np.fromfile, "list.pkl"),
        SimpleNamespace(a=1),
        np.array([{"a": 1}], dtype=object),
        np.zeros(2, "U3"),
        np.zeros(2, [("a", "f4")]),
    ],
)
def test_a_pickle_runs_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: object, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps({"000001.jpg": made}, protocol))
    with pytest.raises(UserError, match="expected a pickle of plain containers"):
        read_plain(path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>quota</html>",
        b"cos\nsystem\n(S'touch touched'\ntR.",
        b"cnumpy\ndtype\n(S'f8'\ntRcnumpy.core.multiarray\nscalar\n}(S'array'\nI1\nsbb.",
        b"cnumpy\nndarray\n)R(I1\n(I99\ntcnumpy\ndtype\n(S'f8'\ntRI00\nC\x0212tb.",
        pickle.dumps([[1]] * 9)[:-3],
    ],
)
def test_a_broken_pickle_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "list.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="expected a pickle of plain containers"):
        read_plain(path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_are_numbers_too(tmp_path: Path, protocol: int) -> None:
    points = np.arange(6.0).reshape(3, 2)
    listed = [
        points,
        np.asfortranarray(points),
        points.astype(">i2"),
        points.tolist(),
        [(np.float32(x), np.int64(y)) for x, y in points],
    ]
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps(listed, protocol))
    assert [numbers(value, 3, 2) for value in read_plain(path)] == [[0, 1, 2, 3, 4, 5]] * 5
    with pytest.raises(ValueError, match="expected 2×3 numbers"):
        numbers(read_plain(path)[0], 2, 3)
