"""Finding the files of a data set: in a mirror, among the downloads, or at their sources."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from pkdn.data.fetching import archives
from pkdn.data.fetching.web import RemoteFile, check_present, fetch
from pkdn.errors import UserError

WEB = ("http://", "https://")
DOWNLOADS = Path("data/downloads")


class Part(NamedTuple):
    """Something that a data set needs in its root.

    Attributes:
        file: The archive it is unpacked from, or the file itself.
        makes: The folder that the archive holds; empty for a file that is used as it is.
    """

    file: RemoteFile
    makes: str = ""

    @property
    def name(self) -> str:
        """Return what has to be in the root."""
        return self.makes or self.file.name


def from_repository(path: str | Path) -> Path:
    """Return ``path``, which the user wrote relative to the repository root.

    DVC runs experiments in temporary workspaces, where files outside git are missing; it names
    the true root in ``DVC_ROOT``.
    """
    return Path(os.environ.get("DVC_ROOT", "")) / path


def locate(
    name: str, parts: Sequence[Part], *, mirror: str | None, downloads: Path = DOWNLOADS
) -> Path:
    """Return the root of a data set's files, fetched and unpacked if they are nowhere yet.

    A mirror comes first: it holds ``name/`` with the parts as they are or as archives. Then the
    downloads, then the parts' own sources.

    Args:
        name: Of the data set, and of its folder.
        parts: What it needs in its root.
        mirror: A folder, absolute or relative to the repository root, an address on the web, or
            None.
        downloads: Where data sets lie that were fetched or unpacked here.

    Raises:
        UserError: The mirror is no folder, a part cannot be had, or a file is another one than
            its publishers offer.
    """
    mine = from_repository(downloads) / name
    on_web = mirror if mirror and mirror.startswith(WEB) else None
    folder = _folder(mirror) / name if mirror and not on_web else None
    for place in filter(None, (folder, mine)):
        if all((place / part.name).exists() for part in parts):
            for part in parts:
                if not part.makes:
                    check_present(part.file, place / part.name)
            return place
    mine.mkdir(parents=True, exist_ok=True)
    with FileLock(mine / ".lock"):
        missing = [part for part in parts if not (mine / part.name).exists()]
        links = [part for part in missing if folder and (folder / part.name).exists()]
        for part in missing:
            if part not in links and not (mine / part.name).exists():
                _bring(part, mine, folder, on_web and f"{on_web.rstrip('/')}/{name}")
        for part in links:  # one root for all parts, also those that the mirror has unpacked
            assert folder is not None
            (mine / part.name).symlink_to((folder / part.name).resolve())
    return mine


def _bring(part: Part, mine: Path, folder: Path | None, on_web: str | None) -> None:
    found = folder / part.file.name if folder else None
    if found and found.is_file():
        check_present(part.file, found)
    else:
        looked = [f"{folder} has neither {part.name} nor {part.file.name}"] if folder else []
        if part.makes:
            looked.append(f"{mine} has no {part.makes}/")
        mirrored = [f"{on_web}/{part.file.name}"] if on_web else []
        found = fetch(part.file, mine, more_sources=mirrored, looked=looked)
    if part.makes:
        archives.unpack(found, mine, part.makes)
    elif found.parent != mine:
        (mine / part.name).symlink_to(found.resolve())


def _folder(mirror: str) -> Path:
    folder = from_repository(mirror)
    if not folder.is_dir():
        raise UserError(
            f"expected in PKDN_MIRROR an address on the web or an existing folder, absolute or "
            f"relative to the repository root; got {mirror!r}: correct or unset it"
        )
    return folder
