"""The catalogue of a data set as a file: every photo with its split and its fingerprint."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pkdn.data import datasets
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photos.photo import Entry, UnreadablePhotoError
from pkdn.data.photos.pool import ordered_map
from pkdn.data.photos.reading import content
from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.files import atomic_file, reading, sha256
from pkdn.progress import track


class Listed(NamedTuple):
    """One line of the catalogue.

    Attributes:
        entry: What the data set says of the photo.
        num_bytes: Of the photo's file, as text; empty where there is no readable file.
        sha256: Of the photo's file; empty as above.
        annotations_sha256: Of landmarks and label map, in this order; empty where there are none.
    """

    entry: Entry
    num_bytes: str = ""
    sha256: str = ""
    annotations_sha256: str = ""


class Summary:
    """What was found in a data set, and what was left out and why: a few plain lines.

    Args:
        title: What is counted.
        drawn: It is drawn with everything that it may have, which has no files.
    """

    def __init__(self, title: str, *, drawn: bool = False) -> None:
        self.title, self.drawn = title, drawn
        self.counts = dict.fromkeys((*SPLITS, "landmarks", "labels"), 0)
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, split: str, *, landmarks: object, labels: object) -> None:
        """Count one that was found, and whether it has landmarks and a label map."""
        self.counts[split] += 1
        self.counts["landmarks"] += bool(landmarks) or self.drawn
        self.counts["labels"] += bool(labels) or self.drawn

    def left_out(self, reason: str, example: str) -> None:
        """Count one that was left out."""
        self.reasons[reason] += 1
        self.examples.setdefault(reason, example)

    def show(self) -> None:
        """Print the counts, and each reason with its first example."""
        splits = ", ".join(f"{self.counts[split]} {split}" for split in SPLITS)
        landmarks, labels = self.counts["landmarks"], self.counts["labels"]
        print(f"{self.title}: {splits}; {landmarks} with landmarks, {labels} with label maps")
        for line in self.lines():
            print(line)

    def lines(self) -> list[str]:
        """Return how many were left out for each reason, and the first of them."""
        counted = self.reasons.items()
        return [f"left out: {n} {why}, such as {self.examples[why]}" for why, n in counted]


TRAINING = "train"
HELD_OUT_FIRST = ("test", "val", TRAINING)
COLUMNS = (*Entry._fields, "bytes", "sha256", "annotations_sha256")


def write_catalogue(
    name: str, settings: DatasetSettings, path: Path, *, num_workers: int | None = None
) -> dict[str, int]:
    """List the photos of the data set ``name`` in ``path``: test, validation, training; by name.

    A photo whose very content is in two splits under two names is kept in the one that is held
    out: nothing is trained on what it is tested on. One that is twice in a split that is held out
    is kept once: a face that counts twice makes intervals too narrow.

    Returns:
        The number of photos of each split, of bytes, and of photos left out as duplicates.

    Raises:
        UserError: The data set is missing or has no photos.
    """
    root = datasets.locate(name, settings)
    entries = datasets.load(name).catalogue(root, settings)
    _check_kinds(entries, f"pkdn/data/datasets/{name}.py")
    if odd := [entry for entry in entries if entry.split not in SPLITS]:
        raise UserError(
            f"pkdn/data/datasets/{name}.py: expected the splits {', '.join(SPLITS)}, got "
            f"{odd[0].split!r} for {odd[0].name}"
        )
    entries.sort(key=lambda entry: (HELD_OUT_FIRST.index(entry.split), entry.name))
    if not entries:
        raise UserError(f"expected photos of {name} in {root}; found none: complete the data set")
    if len({entry.name for entry in entries}) < len(entries):
        (twice, _), *_ = Counter(entry.name for entry in entries).most_common(1)
        raise UserError(
            f"pkdn/data/datasets/{name}.py: expected a name of its own for each photo, got {twice} "
            "twice"
        )
    counts = {"photos": 0, **dict.fromkeys(SPLITS, 0), "bytes": 0, "duplicates": 0}
    said = Summary(f"{name}: photos", drawn=hasattr(datasets.load(name), "DRAWN"))
    listed = ordered_map(partial(fingerprint, name, root), entries, num_workers=num_workers)
    held_out: dict[str, Entry] = {}
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in track(listed, f"download {name}", len(entries)):
            entry, split = line.entry, line.entry.split
            twin = held_out.get(line.sha256)
            if twin:
                counts["duplicates"] += 1
                again = f"{entry.name} ({split}) is {twin.name} ({twin.split}) once more"
                said.left_out("twice there", again)
                continue
            whole = line.sha256 or said.drawn
            said.add(
                split,
                landmarks=whole and (entry.landmarks or entry.points),
                labels=whole and entry.labels,
            )
            if not whole:
                said.left_out("unreadable", f"{entry.name}, whose files cannot be opened")
            if line.sha256 and split != TRAINING:
                held_out.setdefault(line.sha256, entry)
            writer.writerow((*entry, *line[1:]))
            counts["photos"] += 1
            counts[split] += 1
            counts["bytes"] += int(line.num_bytes or 0)
    said.show()
    return counts


def _check_kinds(entries: object, file: str) -> None:
    """Refuse what is no list of entries, such as a generator, or plain tuples."""
    kinds = [type(entries)] if not isinstance(entries, list) else [*map(type, entries)]
    if odd := [kind.__name__ for kind in kinds if kind is not Entry]:
        found = f"list of {odd[0]}" if isinstance(entries, list) else odd[0]
        raise UserError(
            f"{file}: expected of catalogue a list of Entry, got {found}: let it return "
            "[Entry(…), …]"
        )


def read_catalogue(path: Path) -> Iterator[Listed]:
    """Yield the lines of a catalogue.

    Raises:
        UserError: There is no catalogue.
    """
    if not path.is_file():
        raise UserError(f"expected the catalogue {path}; found none: run `dvc repro`")
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if tuple(next(lines, ())) != COLUMNS:
            raise ValueError(f"other columns than {', '.join(COLUMNS)}")
        for line in lines:
            entry, rest = line[: len(Entry._fields)], line[len(Entry._fields) :]
            listed = Listed(Entry(*entry), *rest)
            if len(line) != len(COLUMNS) or listed.entry.split not in SPLITS:
                raise ValueError(f"line {lines.line_num} has another form")
            yield listed


def fingerprint(name: str, root: Path, entry: Entry) -> Listed:
    """Read the files of a photo of the data set ``name`` once, piece by piece."""
    photo, digest = root / entry.photo, hashlib.sha256()
    files_of = getattr(datasets.load(name), "annotation_files", _annotation_files)
    annotations = files_of(root, entry)
    try:
        size, photo_sum = photo.stat().st_size, sha256(photo)
        for file in annotations:
            digest.update(content(root, file))
    except (OSError, UnreadablePhotoError):
        return Listed(entry)
    return Listed(entry, str(size), photo_sum, digest.hexdigest() if annotations else "")


def _annotation_files(root: Path, entry: Entry) -> list[str]:  # noqa: ARG001
    return [file for file in (entry.landmarks, entry.labels) if file]
