"""Any folder of face photos on the user's disk, searched recursively.

With the subfolders ``images/`` and ``labels/`` the photos are those in ``images/``, and each
has its label map at the same place in ``labels/``, as ``.png``. A ``.pts`` file with 68
landmarks may lie beside a photo; without one the photo is taken as framed already. Where there
are ``train/`` and ``test/``, these and ``val/`` are the splits; else photos are split by their
names.
"""

import os
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import NoReturn

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.download import from_repository
from pkdn.data.photos.photo import Entry
from pkdn.data.photos.reading import SUFFIXES, read_photo
from pkdn.data.photos.splits import split_of
from pkdn.errors import UserError
from pkdn.faces import SPLITS

IMAGES = "images"
LABELS = "labels"

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
    """Return all photos, named by their paths without suffix.

    Photos that differ only in suffix keep it in their names, and fall into the same split.

    Raises:
        UserError: There are no photos, a path is not Unicode, or some photos lie in ``train/`` and
            ``test/`` and others outside of the splits' folders.
    """
    labelled = (root / IMAGES).is_dir() and (root / LABELS).is_dir()
    photos_root = root / IMAGES if labelled else root
    files = set(_files(photos_root))
    photos = sorted(file for file in files if PurePosixPath(file).suffix.lower() in SUFFIXES)
    if not photos:
        raise UserError(
            f"expected photos ({', '.join(SUFFIXES)}) in {photos_root}; found none: correct "
            "`folder` in params.yaml"
        )
    split = _split_by_folder if {"train", "test"} <= set(map(_top, photos)) else split_of
    prefix = f"{IMAGES}/" if labelled else ""
    stems = [_stem(photo) for photo in photos]
    occurrences = Counter(stems)
    return [
        Entry(
            name=stem if occurrences[stem] == 1 else photo,
            split=split(stem),
            photo=prefix + photo,
            landmarks=f"{prefix}{stem}.pts" if f"{stem}.pts" in files else "",
            labels=f"{LABELS}/{stem}.png" if labelled else "",
        )
        for photo, stem in zip(photos, stems, strict=True)
    ]


def _split_by_folder(stem: str) -> str:
    split = _top(stem)
    if split not in SPLITS:
        raise UserError(
            f"expected all photos in {', '.join(f'{name}/' for name in SPLITS)}, since `folder` "
            f"has train/ and test/; got {stem}: move it into one of them or out of `folder`"
        )
    return split


def _top(file: str) -> str:
    return file.partition("/")[0]


def _stem(file: str) -> str:
    return file.removesuffix(PurePosixPath(file).suffix)


def _files(root: Path) -> list[str]:
    found = []
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above, or to one that is searched anyway
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        here = Path(folder).relative_to(root)
        found += [(here / file).as_posix() for file in files if not file.startswith(".")]
    for file in found:
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
