"""Finding the files of a data set: in a mirror, among the downloads, or at their sources."""

import os
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from pkdn.data.fetching import archives
from pkdn.data.fetching.web import RemoteFile, check_present, fetch
from pkdn.errors import UserError
from pkdn.runs import DOWNLOADS

WEB = ("http://", "https://")


def from_repository(path: str | Path) -> Path:
    """Return ``path``, which the user wrote relative to the repository root.

    DVC runs experiments in temporary workspaces, where files outside git are missing; it names
    the true root in ``DVC_ROOT``.
    """
    return Path(os.environ.get("DVC_ROOT", "")) / path


def mirror() -> str | None:
    """Return ``PKDN_MIRROR``: a folder or an address on the web, which comes before all sources."""
    return os.environ.get("PKDN_MIRROR") or None


def locate(
    name: str, files: Sequence[RemoteFile], *, mirror: str | None, downloads: Path = DOWNLOADS
) -> Path:
    """Return the root of a data set's files, fetched and unpacked if they are nowhere yet.

    A mirror comes first: it holds ``name/`` with the parts as they are or as archives. Then the
    downloads, then the files' own sources.

    Args:
        name: Of the data set, and of its folder.
        files: What it needs in its root, or the archives of that.
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
        if all((place / file.part).exists() for file in files):
            for file in files:
                if not file.makes:
                    check_present(file, place / file.name)
            return place
    for place in (mine.parent, mine):
        if place.is_symlink() and not place.exists():
            raise UserError(
                f"expected a folder in {place}, got a link to {place.readlink()}, which is not "
                "there: mount or delete it"
            )
        if place.exists() and not place.is_dir():
            raise UserError(f"expected a folder in {place}, got a file: move it away")
    mine.mkdir(parents=True, exist_ok=True)
    with FileLock(mine / ".lock"):
        missing = [file for file in files if not (mine / file.part).exists()]
        links = [file for file in missing if folder and (folder / file.part).exists()]
        for file in missing:
            if file not in links:
                _bring(file, mine, folder, on_web and f"{on_web.rstrip('/')}/{name}")
        for file in links:  # one root for all parts, also those that the mirror has unpacked
            assert folder is not None
            _link(mine / file.part, folder / file.part)
    return mine


def _bring(file: RemoteFile, mine: Path, folder: Path | None, on_web: str | None) -> None:
    if file.makes:
        archive, *more = _archive(file, mine, folder, on_web)
        archives.unpack(archive, mine, file.makes, more=more)
        return
    found = _fetched(file, mine, folder, on_web)
    if found.parent != mine:
        _link(mine / file.name, found)


def _link(path: Path, target: Path) -> None:
    """Make a link, also in the place of one to a mirror that is gone."""
    if path.is_symlink():
        path.unlink()
    path.symlink_to(target.resolve())


def _archive(file: RemoteFile, mine: Path, folder: Path | None, on_web: str | None) -> list[Path]:
    """Return the archive as one file, or in the volumes that it is published in."""
    joined = any((place / file.name).is_file() for place in (folder, mine) if place)
    if joined or not file.num_volumes:
        return [_fetched(file, mine, folder, on_web)]
    try:
        return [_fetched(volume, mine, folder, on_web) for volume in file.volumes]
    except UserError as missing:
        try:  # mirrors may have joined them
            return [_fetched(file._replace(sources=()), mine, folder, on_web)]
        except UserError:
            raise missing from None


def _fetched(file: RemoteFile, mine: Path, folder: Path | None, on_web: str | None) -> Path:
    found = folder / file.name if folder else None
    if found and found.is_file():
        check_present(file, found)
        return found
    looked = [f"{folder} has neither {file.part} nor {file.name}"] if folder else []
    if file.makes:
        looked.append(f"{mine} has no {file.makes}/")
    mirrored = [f"{on_web}/{file.name}"] if on_web else []
    return fetch(file, mine, more_sources=mirrored, looked=looked)


def _folder(mirror: str) -> Path:
    folder = from_repository(mirror)
    if not folder.is_dir():
        raise UserError(
            f"expected in PKDN_MIRROR an address on the web or an existing folder, absolute or "
            f"relative to the repository root; got {mirror!r}: correct or unset it"
        )
    return folder
