"""The data sets, one file each, found by their names: each offers what :class:`Dataset` says."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, cast

from pkdn.closure import found_by_name
from pkdn.data.fetching import download
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.photo import Entry, Photo
from pkdn.errors import UserError
from pkdn.runs import DOWNLOADS


@dataclass(frozen=True)
class DatasetSettings:
    """What the user decides about where data sets are and what they hold.

    Attributes:
        folder: The photos of the ``folder`` data set, or None.
        mirror: A folder or an address on the web that holds data sets by their names; a folder
            is absolute or relative to the repository root. Or None.
        downloads: Where data sets lie that were fetched or unpacked here.
        counts: How many faces each split of ``synthetic`` gets.
        seed: What the faces of ``synthetic`` are drawn from.
    """

    folder: Path | None = None
    mirror: str | None = None
    downloads: Path = DOWNLOADS
    counts: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def of(cls, planned: Mapping[str, Any]) -> Self:
        """Return the settings of a plan, which may lack any, with the mirror ``PKDN_MIRROR``."""
        folder = planned.get("folder")
        return cls(
            folder=Path(folder) if folder else None,
            mirror=download.mirror(),
            counts=planned.get("counts", {}),
            seed=planned.get("seed", 0),
        )


class Dataset(Protocol):
    """What a data set's file offers.

    Where its files are not fetched, it offers ``locate(settings) -> Path`` instead of ``PARTS``.
    It may also offer ``annotation_files(root, entry) -> list[str]``: a photo's files beside it,
    where they are others than ``entry.landmarks`` and ``entry.labels``. And ``DRAWN = True``: its
    photos have no files, but landmarks and label maps. And ``TERMS``: what its photos may be used
    for, in a line without the full stop, which is printed when they are listed and stands in the
    cards of weights. And for the plan, which reads its file without running it:
    ``HAS_LANDMARKS = True`` where all photos have 68 landmarks, so that none are looked for, and
    ``HAS_LABELS = True`` where photos have label maps, so that a parser can learn from them.

    Attributes:
        PARTS: What has to be in its root.
    """

    PARTS: tuple[RemoteFile, ...]

    def catalogue(self, root: Path, settings: DatasetSettings) -> list[Entry]:
        """Return every photo's name and split; opens no photo."""

    def read(self, root: Path, entry: Entry) -> Photo:
        """Read or draw one photo.

        Raises:
            UnreadablePhotoError: That fails, see :mod:`pkdn.data.photos.reading`.
        """


def names() -> list[str]:
    """Return the names of all data sets, sorted."""
    return found_by_name(__path__)


def load(name: str) -> Dataset:
    """Return the module of the data set ``name``.

    Raises:
        UserError: There is no such data set.
    """
    if name not in names():
        known = ", ".join(names())
        raise UserError(f"expected a data set out of: {known}; got {name!r}: correct `datasets`")
    return cast(Dataset, importlib.import_module(f"{__name__}.{name}"))


def terms(name: str) -> str:
    """Return what the photos of a data set may be used for, in a line; empty where nobody says."""
    return getattr(load(name), "TERMS", "") if name in names() else ""


def locate(name: str, settings: DatasetSettings) -> Path:
    """Return the root of a data set's files, fetched if they are nowhere yet.

    Raises:
        UserError: They are missing.
    """
    dataset = load(name)
    if own := getattr(dataset, "locate", None):
        return cast(Path, own(settings))
    return download.locate(
        name, dataset.PARTS, mirror=settings.mirror, downloads=settings.downloads
    )
