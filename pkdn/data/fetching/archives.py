"""Unpacking archives of others: nothing outside the target, no links out, no bombs."""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, cast

from pkdn import shortages
from pkdn.errors import UserError
from pkdn.progress import track

if TYPE_CHECKING:
    from py7zr import FileInfo

LARGEST_BYTES = 64 << 30
"""What an archive may unpack to: four times CelebAMask-HQ with room to spare."""
LARGEST_RATIO = 200
"""How much larger than its archive: photos hardly shrink, masks some fifty times."""
BROKEN = (
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # zipfile's for a password
    NotImplementedError,  # and for a compression that it does not know
)
REST = 1 << 20
"""Bytes of what comes after the last file, at once."""
UNPACKING = ".unpacking-"
"""How folders are called that are not unpacked to the end."""
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
"""How such an archive begins."""
SMALLEST_LIMIT = 16 << 20
"""Below this no archive is a bomb."""


def unpack(
    archive: Path,
    folder: Path,
    makes: str,
    *,
    more: Sequence[Path] = (),
    largest: int = LARGEST_BYTES,
) -> None:
    """Unpack ``folder/makes`` out of an archive; it appears whole or not at all.

    One process at a time may do so in a folder: what an earlier one has left there goes.

    Args:
        archive: ``.zip``, tar in any compression that Python reads, or ``.7z`` and its first
            volume.
        folder: What ``makes`` is put in.
        makes: A folder within the archive, at its top or one folder below.
        more: The other volumes, in order.
        largest: Bytes that the archive may unpack to.

    Raises:
        UserError: The archive is broken or unsafe, or does not hold ``makes``.
    """
    volumes = (archive, *more)
    packed = sum(volume.stat().st_size for volume in volumes)
    limit = min(largest, max(SMALLEST_LIMIT, LARGEST_RATIO * packed))
    target = folder / makes
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{UNPACKING}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=UNPACKING, dir=folder) as name:
        temporary = Path(name)
        try:
            if _is_7z(archive):
                _un7z(volumes, temporary, limit)
            elif zipfile.is_zipfile(archive):
                _unzip(archive, temporary, limit)
            else:
                _untar(archive, temporary, limit)
        except BROKEN as error:
            if shortages.is_of_the_system(error):
                raise  # the archive is whole: the disk is full, say
            raise UserError(
                f"expected a whole zip, tar or 7z archive in {archive}, got: {error}: "
                "delete it, then get it again"
            ) from error
        found = _find(temporary, makes)
        if found is None:
            raise UserError(
                f"expected the folder {makes}/ in {archive}; it is not there: is this another "
                "archive?"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():  # to a mirror, which may be gone
            target.unlink()
        shutil.rmtree(target, ignore_errors=True)
        found.rename(target)


def _find(unpacked: Path, makes: str) -> Path | None:
    places = [unpacked, *(path for path in sorted(unpacked.iterdir()) if path.is_dir())]
    return next((place / makes for place in places if (place / makes).is_dir()), None)


def _unzip(archive: Path, folder: Path, limit: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        _check_size(archive, sum(member.file_size for member in members), limit)
        for member in track(members, f"unpack {archive.name}", len(members)):
            _check_place(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unsafe(archive, member.filename, "is a link")
            # zipfile stops at the declared size, so that the sum above is what is written
            opened.extract(member, folder)


def _untar(archive: Path, folder: Path, limit: int) -> None:
    total = 0
    with tarfile.open(archive, errors="surrogateescape") as opened:
        # from Python 3.11.4 on: no strange permissions, and once more no way out
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        for member in opened:
            total += member.size
            _check_size(archive, total, limit)
            _check_place(archive, member.name)
            if not (member.isfile() or member.isdir()):
                raise _unsafe(archive, member.name, "is neither a file nor a folder")
            opened.extract(member, folder)
        while opened.fileobj and (rest := opened.fileobj.read(REST)):  # to gzip's checksum
            total += len(rest)
            _check_size(archive, total, limit)


def _is_7z(archive: Path) -> bool:
    with archive.open("rb") as stream:
        return stream.read(len(SEVEN_ZIP)) == SEVEN_ZIP


def _un7z(volumes: Sequence[Path], folder: Path, limit: int) -> None:
    import multivolumefile
    import py7zr

    with TemporaryDirectory() as links:  # volumes may lie in different folders
        for number, volume in enumerate(volumes, start=1):
            Path(links, f"archive.{number:03d}").symlink_to(volume.resolve())
        try:
            with (
                multivolumefile.open(Path(links, "archive"), "rb") as joined,
                py7zr.SevenZipFile(cast(IO[bytes], joined), max_extract_size=limit) as opened,
            ):
                _check_members(volumes[0], opened.list(), limit)
                opened.extractall(folder)
        except UserError:
            raise
        except Exception as error:  # py7zr raises its own kinds, and many others where it is lost
            if shortages.is_of_the_system(error):
                raise
            raise EOFError(" ".join(str(error).split()) or type(error).__name__) from error


def _check_members(archive: Path, members: Sequence["FileInfo"], limit: int) -> None:
    _check_size(archive, sum(member.uncompressed for member in members), limit)
    for member in members:
        _check_place(archive, member.filename)
        if not (member.is_file or member.is_directory):
            raise _unsafe(archive, member.filename, "is neither a file nor a folder")


def _check_size(archive: Path, total: int, limit: int) -> None:
    if total > limit:
        raise UserError(
            f"expected {archive} to unpack to at most {limit:,} bytes; it claims {total:,} or "
            "more: it may be a bomb; if it is not, unpack it by hand"
        )


def _check_place(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        raise _unsafe(archive, name, "lies outside of the archive's folder")


def _unsafe(archive: Path, name: str, why: str) -> UserError:
    return UserError(
        f"expected a safe archive; in {archive} the member {name!a} {why}: do not use it"
    )
