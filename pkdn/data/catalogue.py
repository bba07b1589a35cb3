"""The catalogue of a data set as a file: every photo with its split and its fingerprint."""

import csv
import hashlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.progress import track

from pkdn.data import datasets
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photo import SPLITS, Entry
from pkdn.data.pool import ordered_map
from pkdn.errors import UserError
from pkdn.files import atomic_file, sha256

Item = TypeVar("Item")


class Listed(NamedTuple):
    """One line of the catalogue.

    Attributes:
        entry: What the data set says of the photo.
        num_bytes: Of the photo's file, as text; empty where there is no readable file.
        sha256: Of the photo's file; empty as above.
        annotations_sha256: Of landmarks and label map, as in :class:`~pkdn.data.photo.Photo`.
    """

    entry: Entry
    num_bytes: str
    sha256: str
    annotations_sha256: str


COLUMNS = (*Entry._fields, "bytes", "sha256", "annotations_sha256")


def write_catalogue(
    name: str, settings: DatasetSettings, path: Path, *, num_workers: int | None = None
) -> dict[str, int]:
    """List the photos of the data set ``name`` in ``path``, by split and name.

    Returns:
        The number of photos of each split, and of bytes.

    Raises:
        UserError: The data set is missing or has no photos.
    """
    dataset = datasets.load(name)
    root = dataset.locate(settings)
    entries = sorted(
        dataset.catalogue(root, settings),
        key=lambda entry: (SPLITS.index(entry.split), entry.name),
    )
    if not entries:
        raise UserError(f"expected photos of {name} in {root}; found none: complete the data set")
    assert len({entry.name for entry in entries}) == len(entries), f"{name}: names are not unique"
    counts = {"photos": len(entries), **dict.fromkeys(SPLITS, 0), "bytes": 0}
    listed = ordered_map(partial(fingerprint, root), entries, num_workers=num_workers)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in with_progress(listed, f"download {name}", len(entries)):
            writer.writerow((*line.entry, *line[1:]))
            counts[line.entry.split] += 1
            counts["bytes"] += int(line.num_bytes or 0)
    return counts


def read_catalogue(path: Path) -> Iterator[Listed]:
    """Yield the lines of a catalogue.

    Raises:
        UserError: There is no catalogue.
    """
    if not path.is_file():
        raise UserError(f"expected the catalogue {path}; found none: run `dvc repro`")
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        assert tuple(next(lines)) == COLUMNS, f"{path} has other columns than {COLUMNS}"
        for line in lines:
            entry, rest = line[: len(Entry._fields)], line[len(Entry._fields) :]
            yield Listed(Entry(*entry), *rest)


def fingerprint(root: Path, entry: Entry) -> Listed:
    """Read the files of a photo once, piece by piece."""
    if not entry.photo:
        return Listed(entry, "", "", "")
    annotations = [root / file for file in (entry.landmarks, entry.labels) if file]
    digest = hashlib.sha256()
    try:
        photo = root / entry.photo
        size, photo_sum = photo.stat().st_size, sha256(photo)
        for file in annotations:
            digest.update(file.read_bytes())
    except OSError:
        return Listed(entry, "", "", "")
    return Listed(entry, str(size), photo_sum, digest.hexdigest() if annotations else "")


def with_progress(items: Iterator[Item], title: str, total: int) -> Iterator[Item]:
    """Show a bar on a terminal while passing the items on."""
    console = Console(stderr=True)
    return iter(track(items, title, total, console=console, disable=not sys.stderr.isatty()))
