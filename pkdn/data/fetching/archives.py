"""Unpacking archives of others: nothing outside the target, no links out, no bombs."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track

from pkdn.errors import UserError

LARGEST_BYTES = 64 << 30
"""What an archive may unpack to: four times CelebAMask-HQ with room to spare."""
LARGEST_RATIO = 200
"""How much larger than its archive: photos hardly shrink, masks some fifty times."""
BROKEN = (
    zipfile.BadZipFile,
    tarfile.ReadError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # zipfile's for a password
    NotImplementedError,  # and for a compression that it does not know
)
SMALLEST_LIMIT = 16 << 20
"""Below this no archive is a bomb."""


def unpack(archive: Path, folder: Path, makes: str, *, largest: int = LARGEST_BYTES) -> None:
    """Unpack ``folder/makes`` out of a zip or tar archive; it appears whole or not at all.

    Args:
        archive: ``.zip``, or tar in any compression that Python reads.
        folder: What ``makes`` is put in.
        makes: A folder within the archive, at its top or one folder below.
        largest: Bytes that the archive may unpack to.

    Raises:
        UserError: The archive is broken or unsafe, or does not hold ``makes``.
    """
    limit = min(largest, max(SMALLEST_LIMIT, LARGEST_RATIO * archive.stat().st_size))
    target = folder / makes
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unpacking-", dir=folder) as name:
        temporary = Path(name)
        try:
            if zipfile.is_zipfile(archive):
                _unzip(archive, temporary, limit)
            else:
                _untar(archive, temporary, limit)
        except BROKEN as error:
            raise UserError(
                f"expected a whole zip or tar archive in {archive}, got: {error}: fetch it again"
            ) from error
        found = _find(temporary, makes)
        if found is None:
            raise UserError(
                f"expected the folder {makes}/ in {archive}; it is not there: is this another "
                "archive?"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        found.rename(target)


def _find(unpacked: Path, makes: str) -> Path | None:
    places = [unpacked, *(path for path in sorted(unpacked.iterdir()) if path.is_dir())]
    return next((place / makes for place in places if (place / makes).is_dir()), None)


def _unzip(archive: Path, folder: Path, limit: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        _check_size(archive, sum(member.file_size for member in members), limit)
        title, console = f"unpack {archive.name}", Console(stderr=True)
        for member in track(members, title, console=console, disable=not console.is_terminal):
            _check_place(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unsafe(archive, member.filename, "is a link")
            # zipfile stops at the declared size, so that the sum above is what is written
            opened.extract(member, folder)


def _untar(archive: Path, folder: Path, limit: int) -> None:
    total = 0
    with tarfile.open(archive, errors="surrogateescape") as opened:
        for member in opened:
            total += member.size
            _check_size(archive, total, limit)
            _check_place(archive, member.name)
            try:
                opened.extract(member, folder, filter="data")
            except tarfile.FilterError as error:
                raise _unsafe(archive, member.name, str(error)) from error


def _check_size(archive: Path, total: int, limit: int) -> None:
    if total > limit:
        raise UserError(
            f"expected {archive} to unpack to at most {limit:,} bytes; it claims {total:,} or "
            "more: it may be a bomb; if it is not, unpack it by hand"
        )


def _check_place(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise _unsafe(archive, name, "lies outside of the archive's folder")


def _unsafe(archive: Path, name: str, why: str) -> UserError:
    return UserError(
        f"expected a safe archive; in {archive} the member {name!a} {why}: do not use it"
    )
