"""LFW: 13,233 deep-funnelled photos of 5,749 people, 250×250, without landmarks."""

from pathlib import Path

from pkdn.data.datasets import DatasetSettings
from pkdn.data.fetching.web import RemoteFile
from pkdn.data.photos.crops import centre_box
from pkdn.data.photos.photo import Entry, Photo
from pkdn.data.photos.reading import read_photo
from pkdn.data.photos.splits import split_of

FOLDER = "lfw-deepfunneled"
PARTS = (
    RemoteFile(
        "lfw-deepfunneled.tgz",
        None,
        "md5:68331da3eb755a505a502b5aacb3c201",
        ("http://vis-www.cs.umass.edu/lfw/lfw-deepfunneled.tgz",),
        "https://www.kaggle.com/datasets/jessicali9530/lfw-dataset (a copy that the pages of "
        "torchvision name, since its publishers no longer answer)",
        FOLDER,
    ),
)
FACE_SHARE = 0.6
"""Side of the face's square around the centre, of the photo's side. Not stated by anyone; chosen
because deep funnelling puts all faces there, at a size that fills about as much."""


def catalogue(root: Path, settings: DatasetSettings) -> list[Entry]:  # noqa: ARG001
    """Return all photos; all of a person are in one split, by the hash of the person's name."""
    return [
        Entry(photo.stem, split_of(photo.parent.name), photo.relative_to(root).as_posix())
        for photo in sorted((root / FOLDER).glob("*/[!.]*.jpg"))
    ]


def read(root: Path, entry: Entry) -> Photo:
    """Read one photo; the face's box is the same for all."""
    photo = read_photo(root, entry)
    height, width = photo.image.shape[:2]
    return photo._replace(box=centre_box(width, height, share=FACE_SHARE))
