import numpy as np
import pytest
from PIL import Image

from pkdn.data.photos.crops import (
    Box,
    centre_box,
    crop_image,
    crop_labels,
    crop_landmarks,
    landmarks_box,
)


def corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, bottom), (right, top), (left, top)], np.float32)


@pytest.mark.parametrize(
    ("landmarks", "size", "expected"),
    [
        # 80×100: 10 off top and bottom, then int(80 · 0.3 / 2) = 12 on each side
        ((100, 50, 180, 150), (400, 300), Box(88, 48, 192, 152)),
        # 101×81: (101 − 81) // 2 = 10 off left, int(81 · 0.15) = 12 on each side
        ((10.9, 20.2, 112.5, 101.9), (400, 300), Box(8, 8, 113, 113)),
        # 104 pixels from (−7, 238): right by 7, and 2 cut off at the bottom
        ((5, 250, 85, 330), (400, 340), Box(0, 238, 104, 340)),
        # 104 pixels from (313, −7): 17 cut off at the right, and down by 7
        ((325, 5, 405, 85), (400, 340), Box(313, 0, 400, 104)),
        # 104 pixels cannot fit a width of 90
        ((5, 50, 85, 130), (90, 340), Box(0, 38, 90, 142)),
        # nor either side of 90×100
        ((5, 10, 85, 90), (90, 100), Box(0, 0, 90, 100)),
    ],
)
def test_box_of_landmarks(
    landmarks: tuple[float, float, float, float], size: tuple[int, int], expected: Box
) -> None:
    assert landmarks_box(corners(*landmarks), *size) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((200, 100), Box(50, 0, 150, 100)),
        ((100, 203), Box(0, 51, 100, 151)),
        ((128, 128), Box(0, 0, 128, 128)),
    ],
)
def test_box_around_the_centre(size: tuple[int, int], expected: Box) -> None:
    assert centre_box(*size) == expected


def test_source_side_is_the_shorter_one() -> None:
    assert Box(10, 20, 110, 80).source_side == 60


def test_a_crop_is_what_pillow_makes_of_the_box() -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    box = Box(20, 10, 120, 110)
    expected = Image.fromarray(image).crop(box).resize((128, 128), Image.Resampling.BICUBIC)
    assert np.array_equal(crop_image(image, box), np.asarray(expected))


def test_nothing_around_the_box_shows_in_the_crop() -> None:
    image = np.full((300, 300, 3), 255, np.uint8)
    image[20:276, 30:286] = 0
    assert crop_image(image, Box(30, 20, 286, 276)).max() == 0


def test_labels_are_picked_never_mixed() -> None:
    columns = (np.arange(300) // 2 % 19).astype(np.uint8)
    labels = np.tile(columns, (300, 1))
    crop = crop_labels(labels, Box(20, 4, 276, 260))
    assert np.array_equal(crop[0], (np.arange(128) + 10) % 19)
    assert (crop == crop[0]).all()


def test_landmarks_follow_their_pixels() -> None:
    points = np.array([(88, 48), (192, 152), (140, 100), (62, 48)], np.float32)
    moved = crop_landmarks(points, Box(88, 48, 192, 152))
    assert moved.dtype == np.float32
    assert moved.tolist() == [[0, 0], [128, 128], [64, 64], [-32, 0]]
    assert crop_landmarks(points[2:3], Box(76, 36, 140, 164)).tolist() == [[128, 64]]
