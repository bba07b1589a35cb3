"""Files on Google Drive, by gdown: it keeps its own unfinished file, and knows quota pages."""

import shutil
from pathlib import Path

from rich.console import Console

from pkdn import shortages

DRIVE = "gdrive:"
"""``gdrive:ID`` is a file, ``gdrive:ID/PATH`` a file within a shared folder."""


PATIENCE = (10, 60)
"""Seconds to wait for a connection, and for more of what it sends."""
MAX_NAMED = 20
"""Files of a folder that a message names."""


class FetchError(Exception):
    """A source does not give the file; the message says why."""


def from_drive(address: str, part: Path) -> None:
    """Fetch the file at ``address`` to ``part``; a download that was cut off is continued.

    Raises:
        FetchError: Google Drive does not give it.
    """
    import gdown

    fetched = part.with_suffix(".drive")
    folder, _, path = address.removeprefix(DRIVE).partition("/")
    try:
        gdown.download(
            id=_identity(folder, path) if path else folder,
            output=str(fetched),
            quiet=not Console(stderr=True).is_terminal,
            resume=True,
            timeout=PATIENCE,
        )
    except FetchError:
        raise
    except Exception as error:  # gdown raises its own kinds, those of requests and OSError
        if shortages.is_of_the_system(error):
            raise  # another source would not help
        raise FetchError(" ".join(str(error).split()) or type(error).__name__) from error
    if not fetched.is_file():
        raise FetchError("Google Drive gave no file")
    shutil.move(fetched, part)


def _identity(folder: str, path: str) -> str:
    """Return the ID of the file at ``path`` within a shared folder."""
    import gdown

    found = gdown.download_folder(id=folder, skip_download=True, quiet=True, timeout=PATIENCE) or []
    listed = {file.path: file.id for file in found if not isinstance(file, str)}
    if path not in listed:
        names = ", ".join(sorted(listed)[:MAX_NAMED]) or "nothing"
        raise FetchError(f"the folder has no {path}, but {names}")
    return listed[path]
