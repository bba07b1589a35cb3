"""Which split a photo belongs to: by the hash of its name, or by CelebA's official list."""

import hashlib
import unicodedata
from pathlib import Path

from pkdn.data.fetching.web import RemoteFile
from pkdn.errors import UserError
from pkdn.files import reading

TRAIN_SHARE = 0.8
VAL_SHARE = 0.1
"""What train and val leave is test."""
HASH_BYTES = 8

CELEBA_PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images)"
CELEBA_TERMS = "CelebA is for non-commercial research alone, as its authors' agreement says"
PARTITION = RemoteFile(
    "list_eval_partition.txt",
    2_836_386,
    "md5:d32c9cbf5e040fd4025c592c306e6668",
    ("gdrive:0B7EVK8r0v71pY0NSMzRuSXJEVkk",),
    CELEBA_PAGE,
)
"""CelebA's official split of its photos."""
SPLIT_OF_PARTITION = {"0": "train", "1": "val", "2": "test"}


def split_of(name: str) -> str:
    """Return the split of a photo, from its name alone: it stays when photos are added.

    Letters that systems write as one sign or as two, such as ü, are the same name.
    """
    share = int.from_bytes(_hash(name)[:HASH_BYTES], "big") / 2 ** (8 * HASH_BYTES)
    if share < TRAIN_SHARE:
        return "train"
    return "val" if share < TRAIN_SHARE + VAL_SHARE else "test"


def chosen(names: list[str], count: int) -> list[str]:
    """Return ``count`` of the names, or all if there are fewer, by their hashes; sorted."""
    return sorted(sorted(names, key=_hash)[:count])


def celeba_partition(root: Path) -> dict[str, str]:
    """Read CelebA's partition file, ``NAME 0|1|2`` in each line, LF or CRLF: splits by names.

    Raises:
        UserError: A line is another.
    """
    path = root / PARTITION.name
    found = {}
    for number, line in enumerate(list_lines(path), start=1):
        name, _, part = line.strip().partition(" ")
        if part.strip() not in SPLIT_OF_PARTITION:
            raise UserError(
                f"expected `NAME.jpg 0`, 1 or 2 in line {number} of {path}; got {line[:80]!r}: "
                "fetch the list again"
            )
        found[name] = SPLIT_OF_PARTITION[part.strip()]
    return found


def list_lines(path: Path) -> list[str]:
    """Return the lines of a list that comes with a data set.

    Raises:
        UserError: It cannot be read as text.
    """
    with reading(path, "fetch the list again"):
        return path.read_text(encoding="utf-8").splitlines()


def _hash(name: str) -> bytes:
    return hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8")).digest()
