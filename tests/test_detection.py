"""Faces found in photos, by the real detector: scikit-image's astronaut is in the public domain."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pkdn import detector
from pkdn.data.alignment import Face, LeftOut, align, cut_face
from pkdn.data.catalogue import fingerprint, write_catalogue
from pkdn.data.datasets import DatasetSettings, lfw
from pkdn.data.photos.crops import crop_image, landmarks_box
from pkdn.data.photos.detection import find_face, find_faces
from pkdn.data.photos.framing import Framing, read_faces
from pkdn.data.photos.photo import Box
from pkdn.data.photos.splits import split_of
from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.faces.shards import Shards

ASTRONAUT = data.astronaut()
HELEN = Path(__file__).parents[2] / "shared" / "data" / "helen"
EYES, MOUTH = slice(36, 48), slice(48, 68)


def test_landmarks_lie_on_the_face() -> None:
    (found,) = find_faces(ASTRONAUT)
    assert (found.dtype, found.shape) == (np.float32, (68, 2))
    assert found[EYES].mean(axis=0) == pytest.approx([225, 104], abs=5)
    assert found[MOUTH].mean(axis=0) == pytest.approx([224, 147], abs=5)
    assert np.array_equal(find_faces(ASTRONAUT)[0], found)


def test_a_face_of_half_the_size_is_found_at_half_the_place() -> None:
    (whole,) = find_faces(ASTRONAUT)
    small = Image.fromarray(ASTRONAUT).resize((256, 256), Image.Resampling.BICUBIC)
    (found,) = find_faces(np.asarray(small))
    assert np.abs(2 * found - whole).max() < 5
    assert np.abs((2 * found - whole).mean(axis=0)).max() < 1


def pair() -> np.ndarray:
    """The astronaut at the left, and a little smaller at the right."""
    photo = np.zeros((300, 900, 3), np.uint8)
    photo[:, :450] = ASTRONAUT[:300, :450]
    small = Image.fromarray(ASTRONAUT).resize((480, 480), Image.Resampling.BICUBIC)
    photo[:280, 450:] = np.asarray(small)[:280, :450]
    return photo


def test_the_largest_face_comes_first_and_a_box_says_which_is_meant() -> None:
    largest, other = find_faces(pair())
    assert largest[:, 0].max() < 450 < other[:, 0].min()
    assert np.array_equal(find_face(pair()), largest)
    assert np.array_equal(find_face(pair(), Box(600, 0, 900, 300)), other)
    assert find_face(pair(), Box(0, 200, 900, 300)) is None
    assert find_face(np.zeros((90, 90, 3), np.uint8)) is None


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(ASTRONAUT).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_face_is_cut_by_the_rule_of_the_data_sets(photo: Path) -> None:
    (face,) = read_faces(photo, Framing())
    (landmarks,) = find_faces(ASTRONAUT)
    assert np.array_equal(face, crop_image(ASTRONAUT, landmarks_box(landmarks, 512, 512)))


def test_all_faces_come_from_the_left_to_the_right(tmp_path: Path) -> None:
    mirrored = pair()[:, ::-1]
    Image.fromarray(mirrored).save(tmp_path / "two.png")
    faces = read_faces(tmp_path / "two.png", Framing(all_faces=True))
    boxes = [landmarks_box(landmarks, 900, 300) for landmarks in find_faces(mirrored)]
    assert len(faces) == 2
    for face, box in zip(faces, sorted(boxes), strict=True):
        assert np.array_equal(face, crop_image(mirrored, box))
    (largest,) = read_faces(tmp_path / "two.png", Framing())
    assert np.array_equal(largest, crop_image(mirrored, boxes[0]))


def test_landmarks_beside_a_photo_and_a_box_count_more(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "_models", lambda: pytest.fail("nothing is to be looked for"))
    corners = "\n".join(f"{20 + n % 2 * 100} {30 + n // 34 * 100}" for n in range(68))
    photo.with_suffix(".pts").write_text(f"version: 1\n{{\n{corners}\n}}\n")
    by_hand = crop_image(ASTRONAUT, Box(5, 15, 135, 145))
    (face,) = read_faces(photo, Framing())
    assert np.array_equal(face, by_hand)
    (face,) = read_faces(photo, Framing(box=Box(120, 130, 220, 230)))
    assert np.array_equal(face, crop_image(ASTRONAUT, Box(105, 115, 235, 245)))
    (face,) = read_faces(photo, Framing(framed=True))
    assert np.array_equal(face, crop_image(ASTRONAUT, Box(0, 0, 512, 512)))
    photo.with_suffix(".pts").rename(photo.with_suffix(".PTS"))
    assert np.array_equal(read_faces(photo, Framing())[0], by_hand)
    photo.with_suffix(".pts").write_text("{ 1 2 }")
    with pytest.raises(UserError, match=r"cannot read the landmarks .*photo.pts: expected 68"):
        read_faces(photo, Framing())


@pytest.mark.parametrize(
    ("framing", "message"),
    [
        (None, r"a face of 16×16 pixels in .*photo.png, got 512×512; add --degrade"),
        (Framing(box=Box(400, 400, 520, 500)), r"a box inside the 512×512 pixels of .*photo.png"),
        (Framing(box=Box(40, 40, 52, 52)), "at least 16×16 pixels in .*photo.png, got one of 14"),
    ],
)
def test_what_cannot_be_cut_is_one_line(photo: Path, framing: Framing | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_faces(photo, framing)
    Image.fromarray(data.coffee()).save(photo)
    with pytest.raises(UserError, match=r"a face in .*photo.png, found none: .*--box.*--framed"):
        read_faces(photo, Framing())


def test_without_the_extra_one_line_says_what_to_install(photo: Path) -> None:
    code = "import sys; sys.modules['dlib'] = None; from pkdn.__main__ import script; script()"
    words = ["upscale", "--degrade", str(photo.parent), str(photo.parent / "out")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "pip install -e '.[faces]'" in done.stderr
    assert sorted(file.name for file in photo.parent.iterdir()) == ["photo.png"]


def test_upscale_says_whose_model_found_the_face(photo: Path) -> None:
    target = photo.with_name("sr.png")
    words = ["upscale", "--all-faces", str(photo), str(target)]
    done = subprocess.run([sys.executable, "-m", "pkdn", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "non-commercial use alone" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 face written")
    assert sorted(file.name for file in photo.parent.iterdir()) == [
        "photo.png",
        "sr-1.png",
        "sr-sheet.png",
    ]


def astronauts(root: Path) -> dict[str, np.ndarray]:
    """Save the astronaut several times, moved and darkened, and a cup of coffee."""
    photos = {}
    for number in range(12):
        photos[str(number)] = np.roll(ASTRONAUT, (3 * number, 0), (0, 1)) - ASTRONAUT // 20
        Image.fromarray(photos[str(number)]).save(root / f"{number}.png")
    Image.fromarray(data.coffee()).save(root / "coffee.png")
    return photos


def test_photos_without_landmarks_get_them_and_a_cup_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    photos = astronauts(tmp_path / "photos")
    told = np.full((68, 2), [30, 40]) + [[100 * (n % 2), 100 * (n // 34)] for n in range(68)]
    lines = "\n".join(f"{x} {y}" for x, y in told)
    (tmp_path / "photos" / "0.pts").write_text(f"{{\n{lines}\n}}\n")
    settings = DatasetSettings(folder=tmp_path / "photos")
    write_catalogue("folder", settings, tmp_path / "photos.csv", num_workers=1)
    found = align(
        "folder", settings, tmp_path / "photos.csv", tmp_path / "faces", detect=True, num_workers=1
    )
    assert found["skipped_without_face"] == 1
    with (tmp_path / "faces" / "left_out.csv").open() as file:
        assert list(csv.DictReader(file)) == [
            {
                "name": "coffee",
                "split": split_of("coffee"),
                "kind": "without a face",
                "reason": "none was found",
            }
        ]
    assert "non-commercial use alone" in capsys.readouterr().out
    aligned = {}
    for split in SPLITS:
        shards = Shards(tmp_path / "faces", split)
        for position, name in enumerate(shards.names):
            aligned[name] = [shards.read(kind, [position])[0] for kind in ("faces", "landmarks")]
    assert aligned.keys() == photos.keys()
    for name, (face, landmarks) in aligned.items():
        points = told if name == "0" else find_faces(photos[name])[0]
        box = landmarks_box(points, 512, 512)
        assert np.array_equal(face, crop_image(photos[name], box))
        expected = (points - [box.left, box.top]) * 128 / (box.right - box.left)
        assert np.allclose(landmarks, expected, atol=1e-3)


def test_of_lfw_the_face_in_the_middle_is_meant(tmp_path: Path) -> None:
    person = tmp_path / "lfw-deepfunneled" / "A_Person"
    person.mkdir(parents=True)
    for name, left, top in (("middle", 95, 0), ("corner", 20, 0)):
        Image.fromarray(ASTRONAUT[top : top + 250, left : left + 250]).save(person / f"{name}.jpg")
    for entry in lfw.catalogue(tmp_path, DatasetSettings()):
        listed = fingerprint("lfw", tmp_path, entry)
        found = cut_face("lfw", tmp_path, listed, detect=True)
        known = cut_face("lfw", tmp_path, listed)
        assert isinstance(known, Face)
        assert np.isnan(known.arrays["landmarks"]).all()
        if entry.name == "corner":
            assert isinstance(found, LeftOut)
            continue
        assert isinstance(found, Face)
        (landmarks,) = find_faces(lfw.read(tmp_path, entry).image)
        assert found.box == landmarks_box(landmarks, 250, 250) != known.box
        assert np.isfinite(found.arrays["landmarks"]).all()


def test_landmarks_are_those_that_people_see() -> None:
    """Against Helen's own; dlib's model may have been trained on some of these photos."""
    photos = sorted((HELEN / "testset").glob("*.jpg"))[-50::5]
    if not photos:
        pytest.skip("needs the photos of Helen")
    errors = []
    for path in photos:
        text = path.with_suffix(".pts").read_text()
        true = np.array(text[text.index("{") + 1 : text.index("}")].split(), float).reshape(68, 2)
        found = find_faces(np.asarray(Image.open(path).convert("RGB")))
        eyes = np.linalg.norm(true[36] - true[45])
        errors += [min(np.linalg.norm(face - true, axis=1).mean() / eyes for face in found)]
    assert np.median(errors) < 0.03
