"""Files and folders that appear whole or not at all, and are read so: a broken one is named."""

import hashlib
import os
import platform
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from pkdn.errors import UserError
from pkdn.shortages import naming

UNFINISHED = ".tmp"
"""How the names of what is not finished end."""
HOST = platform.node().replace(".", "_")
"""This machine in such names, since others may write to the same disk."""
LONGEST_BEGINNING = 50
"""Letters of a file's name in that of the unfinished one: names may have 255 bytes."""
# DVC trusts what is write-protected, in its cache too, to which the file is linked.
MADE_AGAIN = "run `chmod u+w {path}` and `dvc repro`, which then looks at it and makes it again"
WRITER = "PKDN"
"""What pictures that this project has written name as the software that made them."""
LONGEST_REASON = 300
"""Characters of what a library says of a broken file."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is renamed to ``path``.

    A rename never changes a file in place, which matters because DVC may have hard-linked
    the old one into its cache.

    Raises:
        UserError: a folder lies there, or a file where a folder above should be.
    """
    if path.is_dir():
        raise UserError(f"expected to write the file {path}, got a folder of that name: move it")
    temporary = _unfinished(path)
    try:
        with naming(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it takes the place of ``path``.

    Raises:
        UserError: a file lies where a folder above should be.
    """
    temporary = _unfinished(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        with naming(path):
            yield temporary
            if path.exists():
                shutil.rmtree(path)
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unfinished(path: Path) -> Path:
    """Return what to write beside ``path``, in whose folder it is, made where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(place for place in path.parents if place.exists())
        raise UserError(
            f"expected a folder to write {path.name} into, got the file {file}: name another"
        ) from None
    return path.with_name(f".{path.name[:LONGEST_BEGINNING]}.{HOST}-{os.getpid()}{UNFINISHED}")


def writer(unfinished: Path) -> tuple[str, str]:
    """Return the machine, as :data:`HOST`, and the process that an unfinished file names."""
    host, _, number = unfinished.name.removesuffix(UNFINISHED).rpartition(".")[2].rpartition("-")
    return host, number


def copy(path: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it, to ``target``, where older ones may lie."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        # Not with the modes: what DVC has made is read-only.
        shutil.copytree(path, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, target)


def check_new(folder: Path) -> None:
    """Refuse a folder for results that has something in it.

    Raises:
        UserError: it has, or it is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"expected a folder that is new or empty, got {folder}: name another")


def marked(page: Path, name: str) -> str:
    """Return what stands in a page of Markdown between the two marks of a name.

    Raises:
        UserError: the page has not both marks.
    """
    return _at_marks(page, name)[1]


def write_marked(page: Path, name: str, text: str) -> None:
    """Put a text between the two marks of a name in a page; see :func:`marked`."""
    before, _, after = _at_marks(page, name)
    with atomic_file(page) as temporary:
        temporary.write_text(f"{before}\n\n{text}\n\n{after}", encoding="utf-8")


def _at_marks(page: Path, name: str) -> tuple[str, str, str]:
    """Split a page after its first mark and before its second."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, found_begin, rest = content.partition(begin)
    inside, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise UserError(f"expected a page with {begin} and {end}, got {page}; name another")
    return before + begin, inside, end + after


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read; what is no regular file is refused at once, where a pipe would wait.

    Raises:
        OSError: It is a folder, a pipe, a device or a socket, or cannot be read.
    """

    def regular(name: str, flags: int) -> int:
        descriptor = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(None, "it is no regular file", name)

    return open(path, "rb", opener=regular)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class BrokenFileError(UserError):
    """A file is missing, or its content is not what is expected there.

    Args:
        found: what was expected, and what came.
        advice: what to do.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(f"{found}: {advice}")
        self.found, self.advice = found, advice


class MissingFileError(BrokenFileError):
    """A file is missing; see :class:`BrokenFileError`."""


@contextmanager
def reading(path: Path, advice: str = MADE_AGAIN) -> Iterator[None]:
    """Turn whatever a broken file raises, while it is read, into one line that names it.

    Args:
        path: the file.
        advice: what to do, where ``{path}`` stands for the file.

    Raises:
        BrokenFileError: the file is missing, or its content is not what is expected there.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        advice = "run `dvc repro`" if advice == MADE_AGAIN else advice.format(path=path)
        raise BrokenFileError(f"expected {path}, which is missing", advice) from None
    except Exception as error:  # each library has kinds of its own, for each kind of damage
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        found = f"expected a whole {path}, got {type(error).__name__} ({reason})"
        raise BrokenFileError(found, advice.format(path=path)) from error
