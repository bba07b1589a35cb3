"""Metrics by trained models: dlib's are the real ones, those of LPIPS have weights of a formula."""

import hashlib
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from test_score import run
from torch import Tensor

from pkdn import perceptual
from pkdn.data.fetching.web import RemoteFile
from pkdn.errors import UserError
from pkdn.evaluation import FaceScore
from pkdn.perceptual import _backbones, _lpips
from pkdn.perceptual._backbones import Backbone
from pkdn.reports.inputs import read_csv
from stages import evaluate

CPU = torch.device("cpu")
FACE = np.ascontiguousarray(data.astronaut()[20:212, 128:320])
NO_FACE = np.ascontiguousarray(data.astronaut()[320:512, 0:192])


def coarse(image: np.ndarray, side: int) -> np.ndarray:
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.shape[1::-1], Image.Resampling.BICUBIC))


def test_each_number_has_a_heading_of_its_own() -> None:
    columns = [column for name in perceptual.names() for column in perceptual.columns(name)]
    assert len({column.key for column in columns}) == len(columns)
    assert len({column.title for column in columns}) == len(columns)


@pytest.mark.parametrize(("name", "key"), [("identity", "distance"), ("landmarks", "nrmse")])
def test_a_coarser_face_is_less_alike(name: str, key: str) -> None:
    judge = perceptual.load([name], CPU)[name]
    equal, fine, blurred = (
        judge(sr, FACE)[key] for sr in (FACE, coarse(FACE, 64), coarse(FACE, 16))
    )
    assert equal == 0
    assert 0 < fine < blurred
    assert math.isnan(judge(FACE, NO_FACE)[key])


def test_landmark_errors_are_in_distances_of_the_eyes() -> None:
    judge = perceptual.load(["landmarks"], CPU)["landmarks"]
    moved = np.roll(FACE, 4, axis=1)
    eyes = 60  # pixels between the outer corners
    assert judge(moved, FACE)["nrmse"] == pytest.approx(4 / eyes, rel=0.15)


def test_a_face_of_another_person_is_further_away_than_the_same_one() -> None:
    judge = perceptual.load(["identity"], CPU)["identity"]
    mirrored, mixed = FACE[:, ::-1], np.ascontiguousarray(FACE[..., ::-1])
    assert judge(np.ascontiguousarray(mirrored), FACE)["distance"] < 0.6
    assert judge(NO_FACE, FACE)["distance"] > 0.6
    assert judge(mixed, FACE)["distance"] > 0


def test_a_metric_returns_what_its_file_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    returned = {"distance": 0.5}
    declares = SimpleNamespace(
        COLUMNS=perceptual.columns("identity"), load=lambda _: lambda *_: returned
    )
    monkeypatch.setattr(perceptual, "_file", lambda _: declares)
    judge = perceptual.load(["mine"], CPU)["mine"]
    assert judge(NO_FACE, NO_FACE) == {"distance": 0.5}
    with pytest.raises(UserError, match=r"expected a dict of numbers, .*, got float"):
        declares.load = lambda _: lambda *_: 0.5
        perceptual.load(["mine"], CPU)["mine"](NO_FACE, NO_FACE)
    declares.load = lambda _: lambda sr, _: {"distance": float(sr.flags.writeable)}
    assert perceptual.load(["mine"], CPU)["mine"](np.array(NO_FACE), NO_FACE) == {"distance": 0.0}
    returned["alex"] = 0.5
    with pytest.raises(UserError, match=r"mine\.py: expected distance, .*, got alex, distance"):
        judge(NO_FACE, NO_FACE)


def test_without_dlib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[faces\]'"):
        perceptual.load(["identity"], CPU)


def waves(shape: torch.Size) -> Tensor:
    return torch.cos(torch.arange(shape.numel()) * 0.7 + 0.3).view(shape)


def made(backbone: Backbone) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return weights in the layout of the two published files."""
    weights, channels = {"classifier.1.bias": torch.zeros(2)}, {}
    for index, layer in enumerate(backbone.layers):
        for name, value in layer.state_dict().items():
            weights[f"features.{index}.{name}"] = waves(value.shape) * value[0].numel() ** -0.5
    for number, index in enumerate(backbone.taken):
        width = len(weights[f"features.{index - 1}.bias"])
        channels[f"lin{number}.model.1.weight"] = waves(torch.Size((1, width, 1, 1))).abs()
    return weights, channels


# Of the package lpips 0.1.4 with these weights, for FACE and the same of 16 pixels.
OF_THE_PACKAGE = {"lpips_alex": 0.0261106566, "lpips_vgg": 1.38110137}
NETWORKS = {"lpips_alex": _backbones.alexnet, "lpips_vgg": _backbones.vgg16}


@pytest.mark.parametrize("name", NETWORKS)
def test_lpips_is_what_its_authors_compute(name: str) -> None:
    backbone = NETWORKS[name]()
    judge = _lpips.Lpips(backbone, *made(backbone), CPU)
    (column,) = perceptual.columns(name)
    found = judge(coarse(FACE, 16), FACE)
    assert found == {column.key: pytest.approx(OF_THE_PACKAGE[name], rel=1e-5)}
    assert judge(FACE, FACE) == {column.key: 0}


def publish(path: Path, tensors: dict[str, Tensor]) -> RemoteFile:
    path.parent.mkdir(exist_ok=True)
    torch.save(tensors, path)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return RemoteFile(path.name, path.stat().st_size, f"sha256:{checksum}", (), "its page")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror that has AlexNet's files, of other weights than the published ones."""
    backbone = _backbones.alexnet()
    folder = tmp_path / "mirror" / "lpips"
    folder.parent.mkdir()
    weights, channels = made(backbone)
    mine = backbone._replace(
        weights=publish(folder / "alexnet.pth", weights),
        channels=publish(folder / "alex.pth", channels),
    )
    monkeypatch.setattr(_backbones, "alexnet", lambda: mine)
    monkeypatch.setenv("PKDN_MIRROR", str(folder.parent))
    monkeypatch.chdir(tmp_path)
    return folder


def test_weights_come_from_the_mirror_and_are_checked(mirror: Path) -> None:
    judge = perceptual.load(["lpips_alex"], CPU)["lpips_alex"]
    assert judge(coarse(FACE, 16), FACE)["alex"] == pytest.approx(OF_THE_PACKAGE["lpips_alex"])
    with (mirror / "alex.pth").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(UserError, match=r"alex\.pth"):
        perceptual.load(["lpips_alex"], CPU)


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    pictures = {"face": FACE, "none": NO_FACE}
    for folder in ("sr", "hr"):
        (tmp_path / folder).mkdir()
        for name, picture in pictures.items():
            shown = coarse(picture, 16) if folder == "sr" else picture
            Image.fromarray(shown).save(tmp_path / folder / f"{name}.png")
    return ["--sr", str(tmp_path / "sr"), "--hr", str(tmp_path / "hr")]


def test_images_without_a_face_have_no_part_in_the_mean(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*folders, "--metric", "landmarks", "--json")
    found = json.loads(capsys.readouterr().out)
    of_face = found["images"]["face"]["landmarks"]["nrmse"]
    assert found["images"]["none"]["landmarks"] == {"nrmse": None}
    means = {"nrmse": of_face, "nrmse_std": None, "nrmse_count": 1}  # of two images
    assert found["protocols"]["landmarks"] == means


def test_a_stage_writes_nothing_where_nothing_can_be_measured(tmp_path: Path) -> None:
    rows = [
        {"a.psnr": 1.0, "b.x": math.nan, "c.y": math.nan},
        {"a.psnr": 3.0, "b.x": 5.0, "c.y": math.nan},
    ]
    image = np.zeros((128, 128, 3), np.uint8)
    means = evaluate.write((FaceScore(str(i), row, image) for i, row in enumerate(rows)), tmp_path)
    assert means == {"a.psnr": 2.0, "b.x": 5.0}
    read = read_csv(tmp_path / "scores.csv", "name")
    assert read[["a.psnr", "b.x"]].mean().to_dict() == means
    assert read["c.y"].isna().all()


def test_examples_are_named_by_their_place_whatever_the_faces_are_called(tmp_path: Path) -> None:
    names = ["a/b.png", "a_b.png", "/".join(["\u5bb6\u65cf" * 7] * 6)]
    shades = [np.full((128, 128, 3), 40 * place, np.uint8) for place, _ in enumerate(names)]
    scores = [
        FaceScore(name, {"a.psnr": 1.0}, shade) for name, shade in zip(names, shades, strict=True)
    ]
    evaluate.write(scores, tmp_path)
    for place, shade in enumerate(shades):
        with Image.open(tmp_path / "examples" / f"{place}.png") as image:
            assert np.array_equal(np.asarray(image), shade)
    assert [*read_csv(tmp_path / "scores.csv", "name")["name"]] == names
