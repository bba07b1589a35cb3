"""Helen: 2,330 photos with 68 landmarks, in the 300-W distribution."""

import sys
from pathlib import Path

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.photo import Entry
from pkdn.data.photos.reading import read_photo
from pkdn.errors import UserError

TERMS = "300-W gives Helen's photos and landmarks for non-commercial research alone"
HAS_LANDMARKS = True
TRAIN_FOLDER = "trainset"
TEST_FOLDER = "testset"
# The distribution asks for a name and a purpose before it gives the archive: no address here.
ARCHIVE = RemoteFile(
    "helen.zip", None, "", (), "https://ibug.doc.ic.ac.uk/resources/300-W/ (the part named Helen)"
)
PARTS = (ARCHIVE._replace(makes=TRAIN_FOLDER), ARCHIVE._replace(makes=TEST_FOLDER))
NUM_TESTSET = 330
"""Photos in the complete ``testset``."""
NUM_TRAINSET = 2_000
"""Photos in the complete ``trainset``."""
NUM_TEST = 50
"""The last names of ``testset`` in sorted order: FSRNet's and DIC's test faces."""
NUM_VAL = 50
"""The names before those: the paper's own 50 validation faces are not published."""

read = read_photo


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
    train_names = _names(root / TRAIN_FOLDER)
    if len(train_names) != NUM_TRAINSET:
        print(
            f"note: {root / TRAIN_FOLDER} holds {len(train_names)} of {NUM_TRAINSET:,} photos: "
            "others train on more or other faces",
            file=sys.stderr,
        )
    splits = ["train"] * (len(test_names) - NUM_VAL - NUM_TEST)
    splits += ["val"] * NUM_VAL + ["test"] * NUM_TEST
    return [
        *(_entry(TRAIN_FOLDER, name, "train") for name in train_names),
        *(_entry(TEST_FOLDER, *pair) for pair in zip(test_names, splits, strict=True)),
    ]


def _names(folder: Path) -> list[str]:
    # macOS leaves files such as ._NAME.jpg in archives and on other systems' disks
    return sorted(path.stem for path in folder.glob("[!.]*.jpg"))


def _entry(folder: str, name: str, split: str) -> Entry:
    path = f"{folder}/{name}"
    return Entry(name, split, photo=f"{path}.jpg", landmarks=f"{path}.pts")
