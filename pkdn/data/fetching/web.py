"""Files from the network: resumed, checked, and whole or not there at all."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import requests
import urllib3
from filelock import FileLock
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from pkdn.data.fetching.drive import DRIVE, PATIENCE, FetchError, from_drive
from pkdn.errors import UserError
from pkdn.tracking.address import without_password

CHUNK = 1 << 16
"""Bytes written at once, and lost at most when a connection is cut."""
TRIES = 4
"""Attempts in a row without a single new byte before a source is given up."""
FIRST_WAIT_SECONDS = 1.0
"""Doubled with every attempt in vain."""
BUSY = (429, 500, 502, 503, 504)


class RemoteFile(NamedTuple):
    """A file as its publishers offer it.

    Attributes:
        name: Of the file.
        num_bytes: Its length; None where it is not published.
        checksum: Such as ``md5:0123…``; empty where none is published.
        sources: Addresses, tried in order, to which volumes add their suffix; see
            :mod:`pkdn.data.fetching.drive` for those on Google Drive.
        by_hand: Where people get it.
        makes: The folder that a data set needs out of this archive; empty for a file that is used
            as it is.
        num_volumes: Files that the archive is published as, ``NAME.001`` and so on; 0 for one.
    """

    name: str
    num_bytes: int | None
    checksum: str
    sources: tuple[str, ...]
    by_hand: str
    makes: str = ""
    num_volumes: int = 0

    @property
    def volumes(self) -> list["RemoteFile"]:
        """Return the files that it is published as, whose lengths are not published."""
        suffixes = [f".{number:03d}" for number in range(1, self.num_volumes + 1)]
        return [
            self._replace(
                name=self.name + suffix,
                num_bytes=None,
                checksum="",
                sources=tuple(source + suffix for source in self.sources),
                num_volumes=0,
            )
            for suffix in suffixes
        ]

    @property
    def part(self) -> str:
        """Return what has to be in the root of a data set."""
        return self.makes or self.name

    @property
    def facts(self) -> str:
        """Return name, length and checksum in words."""
        known = [f"{self.num_bytes:,} bytes" if self.num_bytes else "", self.checksum]
        return ", ".join([self.name, *filter(None, known)])


def fetch(
    file: RemoteFile,
    folder: Path,
    *,
    more_sources: Sequence[str] = (),
    looked: Sequence[str] = (),
) -> Path:
    """Return the path of the file in ``folder``, fetched if it is not there.

    A download that was cut off is continued, also by a later call and from another source, where
    the file has a checksum: without one nobody could tell whether the parts belong together. The
    file gets its name when length and checksum are right.

    Args:
        file: What to fetch.
        folder: Where it goes; created if needed.
        more_sources: Addresses of mirrors, tried before the file's own.
        looked: What was tried before, for the message.

    Raises:
        UserError: The file that is there is another one, or no source gives it.
    """
    target = folder / file.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{file.name}.lock"):
        if target.exists():
            check_present(file, target)
            return target
        failures = list(looked)
        for source in (*more_sources, *file.sources):
            part = folder / f".{file.name}.part"
            try:
                _download(file, source, part)
            except FetchError as error:
                failures.append(f"{source}: {error}")
                continue
            fault = _fault(file, part)
            if not fault:
                part.replace(target)
                return target
            part.unlink()
            failures.append(f"{source}: {fault}")
    if not (more_sources or file.sources):
        failures.append("it has no public address")
    unpacked = f", or its folder {file.makes}/ beside that" if file.makes else ""
    raise UserError(
        f"expected to fetch {file.facts}; {without_password('; '.join(failures))}: get it from "
        f"{file.by_hand} and put it at {target}{unpacked}, or set PKDN_MIRROR"
    )


def check_present(file: RemoteFile, path: Path) -> None:
    """Check a file that the user, a mirror or an earlier run put at ``path``.

    Raises:
        UserError: It has another length or checksum.
    """
    if fault := _fault(file, path):
        raise UserError(
            f"expected {file.facts} at {path}; {fault}: delete it, or put the whole file there"
        )


def _fault(file: RemoteFile, path: Path) -> str:
    """Return how the file at ``path`` differs from what is published; nothing if it does not."""
    size = path.stat().st_size
    if file.num_bytes is not None and size != file.num_bytes:
        return f"got {size:,} bytes"
    if not size:
        return "got an empty file"
    if not file.checksum:
        return ""
    kind, _, expected = file.checksum.partition(":")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, kind).hexdigest()
    return "" if found == expected else f"got the {kind} {found}"


def _download(file: RemoteFile, source: str, part: Path) -> None:
    if not file.checksum:  # halves of different files could not be told from one
        part.unlink(missing_ok=True)
    if source.startswith(DRIVE):
        from_drive(source, part)
    else:
        _from_web(file, source, part)


def _from_web(file: RemoteFile, url: str, part: Path) -> None:
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(file.name, total=file.num_bytes)
        in_vain = 0
        while True:
            before = _size(part)
            try:
                for size, total in _continue(url, part):
                    progress.update(bar, completed=size, total=total or file.num_bytes)
                    if file.num_bytes is not None and size > file.num_bytes:
                        part.unlink()
                        raise FetchError(f"got more than {file.num_bytes:,} bytes")
                return
            except _CutOffError as error:
                in_vain = 0 if _size(part) > before else in_vain + 1
                if in_vain == TRIES:
                    raise FetchError(f"{error}, {TRIES} times in a row") from error
            time.sleep(FIRST_WAIT_SECONDS * 2 ** max(0, in_vain - 1))


class _CutOffError(Exception):
    """The connection ended early, or the server is busy: worth another attempt."""


def _continue(url: str, part: Path) -> Iterator[tuple[int, int | None]]:
    """Fetch what ``part`` lacks; yield its size, and the whole's where the server tells it."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return  # nothing is missing; the checksum decides
            _check(answer)
            start = _start(answer, have)
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length else None
            with part.open("r+b" if start else "wb") as stream:
                stream.seek(start)
                # Some servers call a .tgz a compressed tar: it is wanted as it lies there.
                for chunk in answer.raw.stream(CHUNK, decode_content=False):
                    stream.write(chunk)
                    yield stream.tell(), total
            if total is not None and _size(part) < total:
                raise _CutOffError(f"cut off after {_size(part):,} of {total:,} bytes")
    except (requests.exceptions.InvalidURL, urllib3.exceptions.LocationParseError) as error:
        raise FetchError(str(error)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _CutOffError(type(error).__name__) from error


def _check(answer: requests.Response) -> None:
    if answer.status_code in BUSY:
        raise _CutOffError(f"HTTP {answer.status_code} {answer.reason}")
    if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
        raise FetchError(f"HTTP {answer.status_code} {answer.reason}")
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise FetchError("got a web page instead of the file (a quota, or a login?)")


def _start(answer: requests.Response, have: int) -> int:
    """Return where the answer's bytes belong: the server may not have heeded the range."""
    if answer.status_code != requests.codes.partial_content:
        return 0
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    first = rest.partition("-")[0]
    if unit != "bytes" or not first.isdecimal() or int(first) != have:
        raise FetchError(f"asked for the bytes from {have}, got {unit} {rest}")
    return have


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
