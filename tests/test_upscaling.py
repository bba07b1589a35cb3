"""A trained student by a few lines of Python."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pkdn
from pkdn import networks
from pkdn.data.photos.decoding import decode_image
from pkdn.errors import UserError
from pkdn.faces import LR_SIZE
from pkdn.runs import RunId
from pkdn.training.resampling import bicubic, quantize, to_float
from pkdn.upscaling import Upscaler

FACES = np.random.default_rng(0).integers(0, 256, (18, 16, 16, 3), np.uint8)


def save(path: Path, *, teacher: bool = False) -> Path:
    torch.manual_seed(0)
    description = networks.describe("pkdn", "demo", teacher=teacher, global_residual=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    networks.save(description.build(), description, path)
    return path


@pytest.fixture
def student(tmp_path: Path) -> Upscaler:
    return pkdn.load(save(tmp_path / "student.safetensors"))


def test_arrays_and_images_come_back_as_what_they_were(student: Upscaler) -> None:
    many = student(FACES)
    assert (many.shape, many.dtype) == ((18, 128, 128, 3), np.uint8)
    network = networks.load(student.weights)
    lr_images = to_float(torch.from_numpy(FACES[-1:]).permute(0, 3, 1, 2))
    with torch.inference_mode():
        expected = quantize(network(lr_images))[0].permute(1, 2, 0).numpy()
    assert np.abs(many[-1].astype(int) - expected).max() <= 1  # a batch adds in another order
    assert np.array_equal(student(FACES[-1]), expected)
    image = student(Image.fromarray(FACES[-1]))
    assert isinstance(image, Image.Image)
    assert np.array_equal(np.asarray(image), expected)
    (again,) = student([Image.fromarray(FACES[-1])])
    assert np.array_equal(np.asarray(again), expected)
    assert student([]) == []


def test_larger_faces_are_degraded_as_the_training_data_were(student: Upscaler) -> None:
    face = np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8)
    small = bicubic(torch.from_numpy(face).permute(2, 0, 1)[None], LR_SIZE)
    assert np.array_equal(student(face), student(small[0].permute(1, 2, 0).numpy()))


def test_a_student_is_found_by_its_name_and_the_shipped_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(RunId("student", "synthetic", "full", 0).weights)
    named = pkdn.load("synthetic-full-0")
    assert named.weights == RunId("student", "synthetic", "full", 0).weights
    assert "nothing is known" in named.warning
    assert "photographs of helen" in pkdn.load().about


@pytest.mark.parametrize("kind", ["I;16", "RGBA"])
def test_images_that_are_opened_are_seen_as_their_files_are(
    student: Upscaler, kind: str, tmp_path: Path
) -> None:
    if kind == "I;16":
        image = Image.fromarray(np.full((16, 16), 120 << 8, np.uint16))
    else:
        image = Image.new("RGBA", (16, 16), (200, 10, 10, 0))
    image.save(tmp_path / "face.png")
    as_read = decode_image((tmp_path / "face.png").read_bytes())
    with Image.open(tmp_path / "face.png") as opened:
        found = np.asarray(student(opened))
    assert np.array_equal(found, student(as_read))


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (np.zeros((20, 20, 3), np.uint8), "expected RGB faces of 16×16"),
        (np.zeros((16, 16, 3)), "expected faces in uint8"),
        ([FACES[0]], "expected an image of Pillow, .*, got list of ndarray"),
        (None, "expected an image of Pillow, .*, got NoneType"),
    ],
)
def test_other_inputs_are_refused(student: Upscaler, faces: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        student(faces)  # type: ignore[call-overload]


def test_images_that_cannot_be_read_are_the_users_mistake(
    student: Upscaler, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for kind in ("png", "jpg"):
        whole, cut = tmp_path / f"face.{kind}", tmp_path / f"cut.{kind}"
        Image.fromarray(noise).save(whole)
        cut.write_bytes(whole.read_bytes()[:-2000])
        with Image.open(cut) as opened, pytest.raises(UserError, match="one that cannot be decod"):
            student(opened)
    with Image.open(whole) as opened:
        expected = student(opened)
    with Image.open(whole) as opened:  # as multiprocessing hands it on
        again = pickle.loads(pickle.dumps(opened))
    assert np.array_equal(student(again), expected)
    with Image.open(whole) as closed:
        pass
    with pytest.raises(UserError, match="one that was closed before its pixels were read"):
        student(closed)
    with pytest.raises(UserError, match="one that has no pixels"):
        student(Image.new("RGB", (0, 0)))
    with pytest.raises(UserError, match="expected a file of weights"):
        pkdn.load("x" * 300)


def test_teachers_and_missing_files_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected the weights of a student, got .*labels"):
        pkdn.load(save(tmp_path / "teacher.safetensors", teacher=True))
    with pytest.raises(UserError, match=r"expected a file of weights, or the name .*, got nobody"):
        pkdn.load("nobody")
    with pytest.raises(UserError, match="device: expected one that PyTorch can use here"):
        pkdn.load(save(tmp_path / "student.safetensors"), device="gpu")
