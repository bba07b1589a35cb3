"""Helen: 2,330 photos with 68 landmarks, in the 300-W distribution."""

import sys
from pathlib import Path

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.download import Part
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.photo import Entry, Photo
from pkdn.data.photos.reading import read_photo
from pkdn.errors import UserError

TRAIN_FOLDER = "trainset"
TEST_FOLDER = "testset"
# The distribution asks for a name and a purpose before it gives the archive: no address here.
ARCHIVE = RemoteFile(
    "helen.zip", None, "", (), "https://ibug.doc.ic.ac.uk/resources/300-W/ (the part named Helen)"
)
PARTS = (Part(ARCHIVE, TRAIN_FOLDER), Part(ARCHIVE, TEST_FOLDER))
NUM_TESTSET = 330
"""Photos in the complete ``testset``."""
NUM_TEST = 50
"""The last names of ``testset`` in sorted order: FSRNet's and DIC's test faces."""
NUM_VAL = 50
"""The names before those: the paper's own 50 validation faces are not published."""


def locate(settings: DatasetSettings) -> Path:
    """Return the folder that holds ``trainset/`` and ``testset/``."""
    return settings.locate("helen", PARTS)


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return all photos; every one is expected to have its ``.pts`` file beside it.

    Raises:
        UserError: ``testset`` has too few photos for the official test and validation faces.
    """
    test_names = _names(root / TEST_FOLDER)
    if len(test_names) < NUM_TEST + NUM_VAL:
        raise UserError(
            f"expected {NUM_TESTSET} photos NAME.jpg, at least {NUM_TEST + NUM_VAL}, in "
            f"{root / TEST_FOLDER}; found {len(test_names)}: unpack the complete data set"
        )
    if len(test_names) != NUM_TESTSET:
        print(
            f"note: {root / TEST_FOLDER} holds {len(test_names)} of {NUM_TESTSET} photos: the "
            f"last {NUM_TEST} may not be the test faces that others use",
            file=sys.stderr,
        )
    first_test = len(test_names) - NUM_TEST
    first_val = first_test - NUM_VAL
    entries = [_entry(TRAIN_FOLDER, name, "train") for name in _names(root / TRAIN_FOLDER)]
    for position, name in enumerate(test_names):
        split = "train" if position < first_val else "val" if position < first_test else "test"
        entries.append(_entry(TEST_FOLDER, name, split))
    return entries


def read(root: Path, entry: Entry) -> Photo:
    """Read one photo with its landmarks."""
    return read_photo(root, entry)


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.jpg"))


def _entry(folder: str, name: str, split: str) -> Entry:
    path = f"{folder}/{name}"
    return Entry(name, split, photo=f"{path}.jpg", landmarks=f"{path}.pts", labels="")
