"""Packed arrays on disk: written once as a stream, read row by row.

A folder holds ``{split}-{number}.{array}.npy`` files, ``index.csv`` with one line per row in the
order of writing, and ``manifest.json``. Few large files instead of many small ones: DVC commits
and checks them out ten times faster.

Who opens a split reads all that belongs to it once, to compare it with the manifest's checksums,
so that nothing is trained on or judged by faces that were damaged since. It takes a second for two
gigabytes, and no memory.
"""

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.files import MADE_AGAIN, reading, sha256
from pkdn.provenance import MANIFEST

ROWS_PER_SHARD = 1024
INDEX = "index.csv"


def shard_name(split: str, shard: int, array: str) -> str:
    """Return the file name of one array of one shard."""
    return f"{split}-{shard:05d}.{array}.npy"


class ShardWriter:
    """Writes rows as they come; holds at most one shard per split in memory.

    Use it as a context manager inside :func:`pkdn.files.atomic_folder`: at its end it
    writes what is still in memory and the manifest; after an error it leaves a folder without
    one, which :class:`Shards` refuses.

    Args:
        folder: An existing folder, empty.
        rows_per_shard: Rows in every shard of a split but its last.
    """

    def __init__(self, folder: Path, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        assert rows_per_shard > 0
        self.folder = folder
        self.rows_per_shard = rows_per_shard
        self.rows: dict[str, int] = dict.fromkeys(SPLITS, 0)
        self._layout: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[str, np.ndarray]] = {}
        self._sums: dict[str, str] = {}
        self._index = (folder / INDEX).open("w", encoding="utf-8", newline="")
        self._index_writer: csv.DictWriter[str] | None = None

    def append(
        self, split: str, arrays: Mapping[str, np.ndarray], index_row: Mapping[str, Any]
    ) -> None:
        """Add one row.

        Args:
            split: One of :data:`~pkdn.faces.SPLITS`.
            arrays: The row's arrays by name; names, shapes and dtypes as in the first row.
            index_row: Its line in the index, columns as in the first row, with at least
                ``name``; ``split``, ``shard`` and ``row`` are filled in here.
        """
        layout = {
            name: {"dtype": array.dtype.name, "shape": list(array.shape)}
            for name, array in arrays.items()
        }
        self._layout = self._layout or layout
        assert layout == self._layout, f"{index_row['name']}: {layout} instead of {self._layout}"
        shard, row = divmod(self.rows[split], self.rows_per_shard)
        if split not in self._buffers:
            self._buffers[split] = {
                name: np.empty((self.rows_per_shard, *array.shape), array.dtype)
                for name, array in arrays.items()
            }
        for name, array in arrays.items():
            self._buffers[split][name][row] = array
        place = {"name": index_row["name"], "split": split, "shard": shard, "row": row}
        self._write_index({**place, **index_row})
        self.rows[split] += 1
        if row + 1 == self.rows_per_shard:
            self._flush(split, shard, row + 1)

    def _flush(self, split: str, shard: int, num_rows: int) -> None:
        for name, array in self._buffers.pop(split).items():
            path = self.folder / shard_name(split, shard, name)
            np.save(path, array[:num_rows])
            self._sums[path.name] = sha256(path)

    def _write_index(self, line: dict[str, Any]) -> None:
        if self._index_writer is None:
            self._index_writer = csv.DictWriter(self._index, list(line), lineterminator="\n")
            self._index_writer.writeheader()
        self._index_writer.writerow(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._index.close()
        if kind is not None:
            return
        for split in list(self._buffers):
            self._flush(split, *divmod(self.rows[split], self.rows_per_shard))
        self._sums[INDEX] = sha256(self.folder / INDEX)
        manifest = {
            "arrays": self._layout,
            "rows": self.rows,
            "rows_per_shard": self.rows_per_shard,
            "sha256": dict(sorted(self._sums.items())),
        }
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


class Shards:
    """One split of a folder of shards.

    An instance costs little more than its names: rows are read when they are asked for, not by
    memory map, whose pages would count as the process's own until all of the data is in memory.

    Args:
        folder: As written by :class:`ShardWriter`.
        split: One of :data:`~pkdn.faces.SPLITS`; it may have no rows.

    Attributes:
        arrays: The names of the arrays of every row.
        names: The names of the rows, in order.

    Raises:
        UserError: ``folder`` holds no finished shards, or others than were written.
    """

    def __init__(self, folder: Path, split: str) -> None:
        assert split in SPLITS, f"split {split!r} instead of one out of {SPLITS}"
        self.folder = folder
        self.split = split
        if not (folder / MANIFEST).is_file():
            raise UserError(f"expected shards with a {MANIFEST} in {folder}: run `dvc repro`")
        with reading(folder / MANIFEST):
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            self._layout: dict[str, dict[str, Any]] = manifest["arrays"]
            self.arrays: tuple[str, ...] = tuple(self._layout)
            self._rows_per_shard: int = manifest["rows_per_shard"]
            self._num_rows: int = manifest["rows"][split]
            self._sums: dict[str, str] = manifest["sha256"]
            self._check_shards()
            _check(folder / INDEX, self._sums[INDEX])
        with reading(folder / INDEX):
            self.names: list[str] = [line["name"] for line in self.index()]
        if len(self.names) != self._num_rows:
            raise UserError(_broken(folder / MANIFEST, f"{len(self.names)} {split} rows"))

    def _check_shards(self) -> None:
        expected = {name for name in self._sums if name.startswith(f"{self.split}-")}
        for shard, first in enumerate(range(0, self._num_rows, self._rows_per_shard)):
            num_rows = min(self._rows_per_shard, self._num_rows - first)
            for name, layout in self._layout.items():
                file = shard_name(self.split, shard, name)
                _check(self.folder / file, self._sums[file])
                stored = np.load(self.folder / file, mmap_mode="r")
                if stored.shape != (num_rows, *layout["shape"]) or stored.dtype != layout["dtype"]:
                    raise ValueError(f"{file} holds {stored.dtype} {stored.shape}")
                expected.remove(file)
        if expected:
            raise ValueError(f"it lists {sorted(expected)} as well")

    def __len__(self) -> int:
        return len(self.names)

    def num_bytes(self) -> int:
        """Return what all rows take in memory."""
        kinds = self._layout.values()
        row = sum(np.dtype(kind["dtype"]).itemsize * math.prod(kind["shape"]) for kind in kinds)
        return len(self) * row

    def index(self) -> Iterator[dict[str, str]]:
        """Yield the lines of the index that belong to this split, in order."""
        with (self.folder / INDEX).open(encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                if line["split"] == self.split:
                    yield line

    def read(self, array: str, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the rows ``indices`` of ``array`` in this order, as a new array.

        Args:
            array: One of :attr:`arrays`.
            indices: Row numbers in 0..len - 1, in any order.

        Returns:
            (len(indices), *shape of a row).
        """
        assert array in self.arrays, f"{self.folder} has {self.arrays}, not {array}"
        layout = self._layout[array]
        rows = np.asarray(indices, dtype=np.int64)
        assert not rows.size or (rows.min() >= 0 and rows.max() < len(self)), "row out of range"
        result = np.empty((len(rows), *layout["shape"]), layout["dtype"])
        shards, places = np.divmod(rows, self._rows_per_shard)
        for shard in np.unique(shards).tolist():
            chosen = np.flatnonzero(shards == shard)
            path = self.folder / shard_name(self.split, shard, array)
            num_rows = min(self._rows_per_shard, len(self) - shard * self._rows_per_shard)
            _read_rows(path, num_rows, places[chosen].tolist(), result, chosen.tolist())
        return result


def _check(path: Path, expected: str) -> None:
    """Compare a file with its checksum, once in a process unless it changes."""
    with reading(path):
        found = path.stat()
        same = _sum(path, found.st_size, found.st_mtime_ns, found.st_ino) == expected
    if not same:
        raise UserError(_broken(path, f"checksum {expected[:8]}"))


@cache
def _sum(path: Path, *_: int) -> str:
    return sha256(path)


def _broken(path: Path, expected: str) -> str:
    """Return a message on a file that is not as it was written."""
    return f"expected {path} as it was written ({expected}), got another: " + MADE_AGAIN.format(
        path=path
    )


def _read_rows(
    path: Path, num_rows: int, wanted: list[int], result: np.ndarray, places: list[int]
) -> None:
    """Read the rows ``wanted`` of a file that holds ``num_rows`` into ``result`` at ``places``."""
    row_bytes = result[:1].nbytes
    with path.open("rb", buffering=0) as file:
        first = file.seek(0, os.SEEK_END) - num_rows * row_bytes  # behind NumPy's header
        for row, place in zip(wanted, places, strict=True):
            file.seek(first + row * row_bytes)
            num_bytes = file.readinto(result[place : place + 1].data)
            assert num_bytes == row_bytes, f"{path} ends within row {row}"
