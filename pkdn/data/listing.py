"""Whether the user's own photos are still those that were listed.

By the names and sizes of photos and label maps, and by what is in files of landmarks, which keep
their size when a number in them is corrected.
"""

import hashlib
import io
from contextlib import redirect_stdout, suppress
from pathlib import Path

from pkdn.data import datasets
from pkdn.data.datasets import DatasetSettings
from pkdn.data.photos.photo import UnreadablePhotoError
from pkdn.data.photos.reading import LARGEST_TEXT, content
from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.runs import OWN

FILE = "listing.txt"


def write(name: str, settings: DatasetSettings, folder: Path) -> None:
    """Note which photos of the user there are, in a run's folder.

    Other data sets are as their publishers have them: nothing is noted.

    Raises:
        UserError: the photos are missing.
    """
    if name == OWN:
        with atomic_file(folder / FILE) as temporary:
            temporary.write_text(_digest(settings) + "\n", encoding="utf-8")


def is_old(settings: DatasetSettings, folder: Path) -> bool:
    """Return whether the user's photos are others than :func:`write` has noted in a folder.

    Where nothing is noted, or the photos cannot be listed, nobody knows, and it is False.
    """
    noted = folder / FILE
    if not noted.is_file():
        return False
    try:
        return noted.read_text(encoding="utf-8").strip() != _digest(settings)
    except (UserError, OSError):
        return False


def _digest(settings: DatasetSettings) -> str:
    root, found = datasets.locate(OWN, settings), hashlib.sha256()
    with redirect_stdout(io.StringIO()):  # what is left out is told where photos are listed
        entries = datasets.load(OWN).catalogue(root, settings)
    for entry in sorted(entries):
        found.update("\0".join(map(str, entry)).encode())
        for file in filter(None, (entry.photo, entry.labels)):
            path = root / file
            found.update(f"{path.stat().st_size if path.is_file() else 'none'} ".encode())
        if entry.landmarks and (path := root / entry.landmarks).is_file():
            with suppress(UnreadablePhotoError):
                found.update(content(root, entry.landmarks, LARGEST_TEXT))
    return found.hexdigest()
