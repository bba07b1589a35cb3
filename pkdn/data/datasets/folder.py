"""Any folder of face photos on the user's disk, searched recursively.

With the subfolder ``images/`` the photos are those in it, and with ``labels/`` beside it each has
its label map at the same place there, as ``.png``. A ``.pts`` file with 68 landmarks may lie
beside a photo; without one the photo is taken as framed already. Where there are ``train/`` and
``test/``, these and ``val/`` are the splits, either in ``images/`` and ``labels/`` or around them;
else photos are split by their names. Folders of these names elsewhere are refused.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.download import from_repository
from pkdn.data.photos.photo import Entry
from pkdn.data.photos.reading import SUFFIXES, read_photo
from pkdn.data.photos.splits import split_of
from pkdn.errors import UserError
from pkdn.faces import SPLITS

TERMS = "the photographs are somebody's own: their owner's terms apply"
HAS_LABELS = True
IMAGES = "images"
LABELS = "labels"
SPLIT = "split"
KNOWN = (IMAGES, LABELS, *SPLITS)
MEANINGS = {
    **dict.fromkeys((IMAGES,), IMAGES),
    **dict.fromkeys((LABELS, "label", "mask", "masks"), LABELS),
    **dict.fromkeys((*SPLITS, "training", "valid", "validation", "testing"), SPLIT),
}
"""What folders mean, in any case; those that are not in :data:`KNOWN` are refused by name."""
POINTS = ".pts"
OF_SYSTEMS = ("@eadir", "#recycle", "$recycle.bin", "__macosx")
"""Thumbnails of a Synology disk, which would be training photos of test faces, and wastebaskets."""
LAYOUTS = {
    (),
    (SPLIT,),
    *((kind, *split) for kind in (IMAGES, LABELS) for split in ((), (SPLIT,))),
    *((SPLIT, kind) for kind in (IMAGES, LABELS)),
}

read = read_photo


def locate(settings: DatasetSettings) -> Path:
    """Return the folder that the parameter ``folder`` names."""
    if settings.folder is None:
        raise UserError(
            "expected the path of your photos in the parameter `folder`; got null: set it in "
            "params.yaml, or run with -S folder=PATH"
        )
    root = from_repository(settings.folder)
    if not root.is_dir():
        raise UserError(
            f"expected a folder of photos at {root}, as `folder` says; there is none: correct "
            "`folder` in params.yaml, absolute or relative to the repository root"
        )
    return root


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return all photos, named by their paths without suffix and without ``images/``.

    Photos that differ only in suffix keep it in their names, and fall into the same split.
    Landmarks that belong to no photo are told in a line.

    Raises:
        UserError: There are no photos, a path is not Unicode, or folders are laid out otherwise
            than this file says, so that a split could be mixed or a label map taken as a photo.
    """
    files = [file for file in _files(root) if _suffix(file) in (*SUFFIXES, POINTS)]
    places = {file: _placed(root, file) for file in files}
    photos = _photos(root, places)
    labelled = _check_labels(root, places, photos)
    stems = [_stem(places[photo].name) for photo in photos]
    occurrences = Counter(stems)
    whole = {places[photo].name for photo in photos}  # a.jpg.webp has the stem of another photo
    points = {_stem(file): file for file in sorted(files) if _suffix(file) == POINTS}
    _tell_left(set(points.values()) - {points.get(_stem(photo)) for photo in photos})
    return [
        Entry(
            name=stem if occurrences[stem] == 1 and stem not in whole else places[photo].name,
            split=places[photo].split or split_of(stem),
            photo=photo,
            landmarks=points.get(_stem(photo), ""),
            labels=_label_map(photo, places[photo]) if labelled else "",
        )
        for photo, stem in zip(photos, stems, strict=True)
    ]


def _tell_left(points: Collection[str]) -> None:
    if points:
        print(
            f"left out: {len(points)} files of landmarks, such as {min(points)}, beside which no "
            f"photo has the same name but for its suffix: a.jpg has a{POINTS}"
        )


class _Place(NamedTuple):
    """What the folders say of a file.

    Attributes:
        layout: The folders that mean something, in their order: ``(SPLIT, IMAGES)``.
        split: Empty where no folder says it.
        name: The file's path without ``images/`` or ``labels/``.
    """

    layout: tuple[str, ...]
    split: str
    name: str


def _placed(root: Path, file: str) -> _Place:
    """Read the folders of a file from the top; what means something has to come first."""
    *folders, _ = file.split("/")
    meanings = [MEANINGS.get(folder.casefold(), "") for folder in folders]
    layout = tuple(takewhile(bool, meanings))
    splits = [folder for folder, means in zip(folders, layout, strict=False) if means == SPLIT]
    odd = [f for f, means in zip(folders, meanings, strict=True) if means and f not in KNOWN]
    if odd or layout not in LAYOUTS or any(meanings[len(layout) :]):
        raise UserError(
            f"expected images/, labels/, train/, val/ and test/ at the top of `folder`, one in the "
            f"other at most; got {file} in {root}: name `folder` as the one that holds them, or "
            "rename what means something else"
        )
    kept = [part for part in file.split("/")[: len(layout)] if part in SPLITS]
    return _Place(layout, "".join(splits), "/".join((*kept, *file.split("/")[len(layout) :])))


def _photos(root: Path, places: Mapping[str, _Place]) -> list[str]:
    """Return the photos, all of one layout; beside ``images/`` loose ones are left out."""
    found = sorted(
        file
        for file, place in places.items()
        if _suffix(file) in SUFFIXES and LABELS not in place.layout
    )
    if any(IMAGES in places[file].layout for file in found):
        loose = [file for file in found if not places[file].layout and "/" not in file]
        if loose:
            print(f"left out: {len(loose)} photos beside {IMAGES}/, such as {loose[0]}")
        found = [file for file in found if file not in loose]
    if not found:
        raise UserError(
            f"expected photos ({', '.join(SUFFIXES)}) in {root}; found none: correct `folder` in "
            "params.yaml"
        )
    _check_layout(root, {places[file].layout: file for file in found})
    splits = {places[file].split for file in found}
    if splits != {""} and not {"train", "test"} <= splits:
        raise UserError(
            f"expected photos in train/ and in test/ of {root}; got those of "
            f"{' and '.join(sorted(splits))} alone: add the other, or rename the folder"
        )
    return found


def _check_layout(root: Path, examples: Mapping[tuple[str, ...], str]) -> None:
    if len(examples) == 1:
        return
    in_splits = [layout for layout in examples if SPLIT in layout]
    expected = f"all photos of {root} in folders of one kind"
    if in_splits:
        expected = (
            f"all photos in {', '.join(f'{name}/' for name in SPLITS)}, since {root} has such"
        )
    others = [file for layout, file in examples.items() if layout != max(examples, key=len)]
    raise UserError(
        f"expected {expected}; got {_stem(others[0])} beside {examples[max(examples, key=len)]}: "
        "move it into one of them or out of `folder`"
    )


def _check_labels(root: Path, places: Mapping[str, _Place], photos: list[str]) -> bool:
    """Return whether there are label maps; they have to lie as the photos do."""
    maps = [file for file, place in places.items() if LABELS in place.layout]
    if not maps:
        return False
    expected = _label_map(photos[0], places[photos[0]])
    if IMAGES not in places[photos[0]].layout or not places.keys() & {
        _label_map(photo, places[photo]) for photo in photos
    }:
        raise UserError(
            f"expected each photo of {root} in {IMAGES}/ and its label map at the same place in "
            f"{LABELS}/, such as {expected}; got {sorted(maps)[0]} and {photos[0]}: move or rename "
            "them"
        )
    return True


def _label_map(photo: str, place: _Place) -> str:
    parts = photo.split("/")
    top = [LABELS if part == IMAGES else part for part in parts[: len(place.layout)]]
    return _stem("/".join((*top, *parts[len(place.layout) :]))) + ".png"


def _suffix(file: str) -> str:
    return PurePosixPath(file).suffix.lower()


def _stem(file: str) -> str:
    return file.removesuffix(PurePosixPath(file).suffix)


def _is_of_system(folder: str) -> bool:
    """Return whether a folder holds no photos of the user's, but what a system made of them."""
    return folder.startswith(".") or folder.casefold() in OF_SYSTEMS


def _files(root: Path) -> list[str]:
    found = []
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above, or to one that is searched anyway
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not _is_of_system(name))
        here = Path(folder).relative_to(root)
        found += [(here / file).as_posix() for file in files if not file.startswith(".")]
    for file in found:
        if "\r" in file:
            raise UserError(f"expected paths of photos without line ends; got {file!a}: rename it")
        try:
            file.encode("utf-8")
        except UnicodeEncodeError:
            raise UserError(
                f"expected Unicode in the paths of photos; got {file!a} in {root}: rename it"
            ) from None
    return found


def _refuse(error: OSError) -> NoReturn:
    raise UserError(
        f"expected a readable folder; got {error.strerror} at {error.filename}: change its "
        "permissions or move it out of `folder`"
    )
