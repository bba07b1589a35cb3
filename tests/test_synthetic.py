"""Drawn faces: repeatable, varied, and exactly what their label maps and landmarks say."""

import multiprocessing
from functools import cache

import numpy as np
import pytest

from pkdn.data.datasets import DatasetSettings, synthetic
from pkdn.data.photos.photo import Photo
from pkdn.errors import UserError
from pkdn.faces import SPLITS

ROOT = synthetic.locate(DatasetSettings())
GLASSES, HAIR, HAT = 6, 17, 18
COVERS = [GLASSES, HAIR, HAT]


def entries(seed: int = 0, **counts: int) -> list[synthetic.Entry]:
    return synthetic.catalogue(ROOT, DatasetSettings(counts=counts, seed=seed))


def draw(entry: synthetic.Entry) -> Photo:
    return synthetic.read(ROOT, entry)


@cache
def faces() -> list[Photo]:
    return [draw(entry) for entry in entries(train=100)]


def inside(point: np.ndarray, labels: np.ndarray, classes: list[int], slack: float = 2.0) -> bool:
    """Say whether one of the classes lies at most ``slack`` pixels from a point."""
    rows, columns = np.nonzero(np.isin(labels, classes))
    distances = np.hypot(columns + 0.5 - point[0], rows + 0.5 - point[1])
    return bool((distances <= slack).any())


def test_a_face_depends_on_seed_and_index_alone() -> None:
    here, name = faces()[3], entries(train=100)[3].name
    (there,) = [entry for entry in entries(train=9, val=4) if entry.name == name]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        again = pool.apply(draw, (there,))
    np.testing.assert_array_equal(again.image, here.image)
    np.testing.assert_array_equal(again.labels, here.labels)
    np.testing.assert_array_equal(again.landmarks, here.landmarks)
    other_seed = draw(entries(seed=1, train=4)[3])
    assert np.abs(other_seed.image.astype(float) - here.image).mean() > 5


def test_splits_are_disjoint_and_stay_when_one_grows() -> None:
    few, many = entries(train=5, val=3, test=4), entries(train=900, val=3, test=4)
    assert [sum(entry.split == split for entry in few) for split in SPLITS] == [5, 3, 4]
    assert len({entry.photo for entry in many}) == len({entry.name for entry in many}) == 907
    assert set(few) <= set(many)


def test_more_faces_than_a_split_has_are_refused() -> None:
    with pytest.raises(UserError, match="0 to 100000 synthetic val faces; got 100001"):
        entries(val=100_001)


def test_photos_are_as_the_interface_says() -> None:
    for face in faces():
        height, width, _ = face.image.shape
        assert face.image.dtype == face.labels.dtype == np.uint8
        assert face.labels.shape == (height, width)
        assert face.landmarks.shape == (68, 2)
        assert face.landmarks.dtype == np.float32
        assert (face.landmarks > 0).all()
        assert (face.landmarks < (width, height)).all()


def test_every_class_occurs_and_faces_fill_the_middle() -> None:
    shares = np.stack([np.bincount(face.labels.ravel(), minlength=19) for face in faces()])
    assert shares.shape[1] == 19
    occurs = (shares > 0).mean(0)
    assert (occurs > 0.01).all()
    assert (occurs[[1, 2, 3, 10, 12, 13, 14, 16]] > 0.9).all()
    assert (occurs[[GLASSES, HAT]] >= 0.1).all()
    assert 0.12 < shares[:, 1].mean() / shares[0].sum() < 0.5


@pytest.mark.parametrize(
    ("points", "classes", "slack"),
    [
        (range(36, 42), [5], 2),
        (range(42, 48), [4], 2),
        (range(17, 22), [3], 5),
        (range(22, 27), [2], 5),
        (range(27, 36), [10], 5),
        (range(48, 68), [11, 12, 13], 2),
    ],
    ids=["eye on the left", "eye on the right", "brow left", "brow right", "nose", "mouth"],
)
def test_landmarks_lie_on_their_parts(points: range, classes: list[int], slack: float) -> None:
    """Classes 3 and 5 are the person's right and lie on the image's left."""
    for number, face in enumerate(faces()):
        part = face.landmarks[list(points)]
        assert inside(part.mean(0), face.labels, [*classes, *COVERS]), number
        rows, columns = np.nonzero(np.isin(face.labels, classes))
        pixels = np.stack([columns, rows], 1) + 0.5
        outside = np.maximum(part.min(0) - pixels, pixels - part.max(0))
        assert (outside <= slack).all(), number


def test_the_jaw_runs_along_the_face() -> None:
    """Landmarks 0 to 16 go from the image's left ear over the chin to the right one."""
    on_edge = []
    for face in faces():
        jaw = face.landmarks[:17]
        assert jaw[0, 0] < jaw[8, 0] < jaw[16, 0]
        assert jaw[8, 1] > jaw[[0, 16], 1].max()
        for point in jaw[5:12]:
            skin = inside(point, face.labels, [1, *COVERS])
            on_edge.append(skin and inside(point, face.labels, [0, 7, 8, 14, 15, 16, 17, 9]))
    assert np.mean(on_edge) > 0.95


def test_faces_vary() -> None:
    images = np.stack([face.image[::4, ::4] for face in faces()[:60]]).astype(np.float32)
    first, second = np.triu_indices(len(images), 1)
    differences = np.abs(images[first] - images[second]).mean((1, 2, 3))
    assert differences.mean() > 45
    assert differences.min() > 12
