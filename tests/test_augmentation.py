from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from drawing.head import landmarks_in_space
from drawing.person import MAN
from pkdn.faces.shards import Shards
from pkdn.networks.layers.landmarks import heatmap_loss
from pkdn.params import RecipeValues
from pkdn.training.augmentation import (
    AUGMENTATIONS,
    MIRRORED_LANDMARKS,
    Augmentation,
    Faces,
    affine,
    distort_mirror_and_turn,
    mirror,
    mirror_and_turn,
    mirror_and_zoom,
)

ALL = (mirror, affine, mirror_and_turn, mirror_and_zoom, distort_mirror_and_turn)
COUNT = 24


@pytest.fixture
def marked() -> Faces:
    """Faces that are dark but for a spot at each landmark, where the label is a class, too."""
    generator = np.random.default_rng(0)
    images = torch.zeros(COUNT, 3, 128, 128, dtype=torch.uint8)
    labels = torch.zeros(COUNT, 128, 128, dtype=torch.uint8)
    corners = torch.from_numpy(generator.integers(61, 68, (COUNT, 68, 2)))
    for face, points in enumerate(corners):
        for x, y in points[:1]:
            images[face, :, y - 4 : y + 4, x - 4 : x + 4] = 255
            labels[face, y - 4 : y + 4, x - 4 : x + 4] = 10
    return Faces(images, labels, corners.float())


def centre(mask: torch.Tensor) -> torch.Tensor:
    y, x = torch.nonzero(mask, as_tuple=True)
    return torch.stack([x.float().mean() + 0.5, y.float().mean() + 0.5])


@pytest.mark.parametrize("augment", ALL)
def test_labels_and_landmarks_move_with_the_face(augment: Augmentation, marked: Faces) -> None:
    torch.manual_seed(0)
    images, labels, landmarks = augment(marked)
    assert labels is not None
    assert landmarks is not None
    assert images.shape == marked.images.shape
    assert not torch.equal(images, marked.images)
    first = torch.tensor(MIRRORED_LANDMARKS).argsort()[0].item()
    for face in range(COUNT):
        spot = centre(images[face, 0] > 127)
        torch.testing.assert_close(spot, centre(labels[face] == 10), atol=0.6, rtol=0)
        near = (landmarks[face, [0, first]] - spot).abs().amax(-1).min()
        assert near < 1, (face, near)


def test_left_becomes_right() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(COUNT, 128, 128, dtype=torch.uint8)
    labels[:, 40, 30] = 4  # the left eye
    landmarks = torch.zeros(COUNT, 68, 2)
    landmarks[:, 36] = torch.tensor([30.5, 40.5])  # its outer corner
    images = torch.arange(128, dtype=torch.uint8).expand(COUNT, 3, 128, 128)
    images, found, points = mirror(Faces(images, labels, landmarks))
    assert found is not None
    assert points is not None
    mirrored = images[:, 0, 0, 0] == 127
    assert 0 < mirrored.sum() < COUNT
    assert (found[mirrored, 40, 97] == 5).all()
    assert torch.equal(points[mirrored, 45], torch.tensor([97.5, 40.5]).expand(mirrored.sum(), 2))
    assert (found[~mirrored, 40, 30] == 4).all()


def test_mirroring_landmarks_twice_is_nothing() -> None:
    assert [MIRRORED_LANDMARKS[one] for one in MIRRORED_LANDMARKS] == list(range(68))


def test_a_symmetric_face_is_its_own_mirror_image() -> None:
    points = torch.from_numpy(landmarks_in_space(MAN, gap=0.2)[:, :2])
    torch.testing.assert_close(points[MIRRORED_LANDMARKS] * torch.tensor([-1, 1]), points)


def with_a_corner(count: int, length: float) -> Faces:
    """Return black faces whose landmarks lie in the centre, one to its right, one below it."""
    points = torch.full((count, 68, 2), 64.0)
    points[:, 30, 0] = points[:, 33, 1] = 64 + length  # mirroring does not exchange these
    return Faces(torch.zeros(count, 3, 128, 128, dtype=torch.uint8), None, points)


def sides_of_corners(faces: Faces) -> tuple[torch.Tensor, torch.Tensor]:
    assert faces.landmarks is not None
    right, down = faces.landmarks[:, [30, 33]].unbind(1)
    return right - faces.landmarks[:, 27], down - faces.landmarks[:, 27]


@pytest.mark.parametrize("augment", ALL)
def test_half_of_the_faces_are_mirrored(augment: Augmentation) -> None:
    torch.manual_seed(0)
    right, down = sides_of_corners(augment(with_a_corner(200, 16)))
    is_mirrored = right[:, 0] * down[:, 1] < right[:, 1] * down[:, 0]
    assert 70 < is_mirrored.sum() < 130


@pytest.mark.parametrize("augment", ALL)
def test_labels_are_never_mixed(augment: Augmentation) -> None:
    torch.manual_seed(0)
    labels = 18 * torch.randint(2, (COUNT, 128, 128), dtype=torch.uint8)
    images = torch.zeros(COUNT, 3, 128, 128, dtype=torch.uint8)
    found = augment(Faces(images, labels)).labels
    assert found is not None
    assert found.unique().tolist() == [0, 18]


def test_all_eight_turns_come_about_equally_often() -> None:
    torch.manual_seed(0)
    image = torch.arange(4, dtype=torch.uint8).view(1, 1, 2, 2).expand(4000, 3, 2, 2)
    turned = mirror_and_turn(Faces(image)).images[:, 0].flatten(1)
    kinds, counts = torch.unique(turned, dim=0, return_counts=True)
    assert len(kinds) == 8
    assert counts.min() > 400


def test_faces_are_turned_scaled_and_shifted_as_far_as_it_says_and_no_further() -> None:
    torch.manual_seed(0)
    points = torch.full((1500, 68, 2), 64.0)
    points[:, 33, 1] = 104  # below the nose, where mirroring leaves it
    found = affine(Faces(torch.zeros(1500, 1, 128, 128, dtype=torch.uint8), None, points)).landmarks
    assert found is not None
    down = found[:, 33] - found[:, 30]
    sizes = down.norm(dim=1) / 40
    assert sizes.max().item() == pytest.approx(1.1, abs=0.001)
    assert sizes.min().item() == pytest.approx(1 / 1.1, abs=0.001)
    turns = torch.rad2deg(torch.atan2(down[:, 0], down[:, 1]))
    assert turns.max().item() == pytest.approx(10, abs=0.1)
    assert turns.min().item() == pytest.approx(-10, abs=0.1)
    shifts = (found[:, 30] - 64).norm(dim=1) / sizes / 128
    assert 0.08 < shifts.max() < 0.06 * 2**0.5 + 1e-4


def test_no_black_comes_in_where_a_face_is_turned_or_shifted() -> None:
    torch.manual_seed(0)
    images = torch.full((COUNT, 3, 128, 128), 200, dtype=torch.uint8)
    labels = torch.full((COUNT, 128, 128), 17, dtype=torch.uint8)
    faces = affine(Faces(images, labels))
    assert torch.equal(faces.images, images)
    assert faces.labels is not None
    assert torch.equal(faces.labels, labels)


def test_sparnets_part_is_enlarged_by_a_quarter_and_lies_to_the_top_left() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(128, dtype=torch.uint8)
    images = ramp[:, None].expand(3, 128, 128)
    changed = mirror_and_zoom(Faces(images.expand(300, 3, 128, 128))).images.float()
    spans = changed[:, 1, -1, 0] - changed[:, 1, 0, 0]
    assert 1.2 < (127 / spans).mean() < 1.4
    assert 127 / spans.min() < 1.3 / 0.7
    assert changed[:, 1, 64, 0].mean() < 62


def test_dics_distortion_goes_as_far_as_it_says_both_ways() -> None:
    torch.manual_seed(0)
    right, down = sides_of_corners(distort_mirror_and_turn(with_a_corner(300, 10)))
    ratios = right.norm(dim=1) / down.norm(dim=1)
    assert ratios.min().item() == pytest.approx(0.66, abs=0.02)
    assert ratios.max().item() == pytest.approx(1.33, abs=0.02)


def test_dics_distortion_cuts_no_landmark_off_and_needs_them(marked: Faces) -> None:
    torch.manual_seed(0)
    wide = marked._replace(landmarks=8 + 112 * torch.rand(COUNT, 68, 2))
    found = distort_mirror_and_turn(wide).landmarks
    assert found is not None
    assert found.min() >= -1  # parts are whole pixels
    assert found.max() <= 129
    torch.manual_seed(0)
    unknown = marked._replace(landmarks=torch.full((COUNT, 68, 2), torch.nan))
    images = distort_mirror_and_turn(unknown).images
    assert ((images == 255) | (images == 0)).all()


def test_params_name_the_augmentations_there_are() -> None:
    assert get_args(RecipeValues.model_fields["augment"].annotation) == tuple(AUGMENTATIONS)


def test_unknown_landmarks_stay_unknown(faces_folder: Path) -> None:
    faces = torch.from_numpy(Shards(faces_folder, "train").read("faces", range(4)))
    unknown = torch.full((4, 68, 2), torch.nan)
    for augment in ALL:
        points = augment(Faces(faces.permute(0, 3, 1, 2), None, unknown)).landmarks
        assert points is not None
        assert points.isnan().all()
        assert heatmap_loss(torch.zeros(4, 68, 32, 32), points) == 0
