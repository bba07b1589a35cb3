import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pkdn import metrics
from pkdn.errors import UserError
from pkdn.evaluation import evaluate
from pkdn.faces.shards import Shards, ShardWriter

NUM_FACES = 5
CPU = torch.device("cpu")


class Nearest(nn.Module):
    """Nearest-neighbour upsampling, with a count of its calls."""

    calls = 0

    def forward(self, lr_image: Tensor) -> Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        Nearest.calls += 1
        return F.interpolate(lr_image, scale_factor=8, mode="nearest")


class Teacher(nn.Module):
    """The labels as grey levels."""

    reads = ("lr_image", "labels")

    def forward(self, lr_image: Tensor, labels: Tensor) -> Tensor:
        assert len(labels) == len(lr_image)
        return (labels / 255)[:, None].expand(-1, 3, -1, -1)


def write_shards(folder: Path, array: str, rows: list[np.ndarray], prefix: str = "face") -> Shards:
    folder.mkdir()
    with ShardWriter(folder, rows_per_shard=2) as writer:
        for number, row in enumerate(rows):
            writer.append("test", {array: row}, {"name": f"{prefix}{number}"})
    return Shards(folder, "test")


@pytest.fixture
def faces(tmp_path: Path) -> Shards:
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (NUM_FACES, 24, 24, 3), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(image).resize((128, 128))) for image in small]
    return write_shards(tmp_path / "faces", "faces", images)


@pytest.fixture
def labels(tmp_path: Path) -> Shards:
    """The map of face n is of class n, and of class 18 in its lower quarter."""
    maps = np.repeat(np.arange(NUM_FACES, dtype=np.uint8), 128 * 128).reshape(-1, 128, 128)
    maps[:, 96:] = 18
    return write_shards(tmp_path / "labels", "labels", list(maps))


def test_rows_are_those_of_pillow_and_the_metrics(faces: Shards):
    scores = list(evaluate(Nearest(), faces, batch_size=2, device=CPU))
    assert [score.name for score in scores] == faces.names
    for score, hr_image in zip(scores, faces.read("faces", range(NUM_FACES)), strict=True):
        lr_face = Image.fromarray(hr_image).resize((16, 16), Image.Resampling.BICUBIC)
        sr_image = np.asarray(lr_face.resize((128, 128), Image.Resampling.NEAREST))
        assert np.array_equal(score.sr_image, sr_image)
        for name, numbers in metrics.score_all(sr_image / 255, hr_image).items():
            for key, value in numbers.items():
                assert score.row[f"{name}.{key}"] == pytest.approx(value, abs=1e-5)


class Between(Nearest):
    """Levels that are no whole numbers, and some above 1."""

    def forward(self, lr_image: Tensor) -> Tensor:
        return super().forward(lr_image) * 1.5 + 0.33 / 255


def test_protocols_see_the_output_before_it_is_rounded(faces: Shards):
    scores, differences = list(evaluate(Between(), faces, batch_size=2, device=CPU)), []
    for score, hr_image in zip(scores, faces.read("faces", range(NUM_FACES)), strict=True):
        lr_face = Image.fromarray(hr_image).resize((16, 16), Image.Resampling.BICUBIC)
        nearest = np.asarray(lr_face.resize((128, 128), Image.Resampling.NEAREST)) / 255
        output = nearest * 1.5 + 0.33 / 255
        assert output.max() > 1
        rounded = (output.clip(0, 1) * 255).round() / 255
        seen, written = (metrics.score_all(one, hr_image)["kdfsrnet"] for one in (output, rounded))
        assert score.row["kdfsrnet.psnr"] == pytest.approx(seen["psnr"], abs=1e-4)
        assert np.array_equal(score.sr_image, (rounded * 255).round().astype(np.uint8))
        differences.append(abs(seen["psnr"] - written["psnr"]))
    assert max(differences) > 0.001


def test_faces_are_streamed_outside_inference_mode(faces: Shards):
    before = Nearest.calls
    scores = evaluate(Nearest(), faces, batch_size=2, device=CPU)
    assert Nearest.calls == before
    next(scores)
    assert Nearest.calls == before + 1
    assert not torch.is_inference_mode_enabled()


class Remembers(nn.Module):
    """It keeps what it has seen in itself for a while, as recurrent networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.hidden = self.weight * 1  # no leaf, as PyTorch's old weight_norm has one

    def forward(self, lr_image: Tensor) -> Tensor:
        self.hidden = lr_image * self.weight
        time.sleep(0.02)
        return F.interpolate(self.hidden, scale_factor=8, mode="nearest")


def test_each_thread_has_what_a_network_remembers_for_itself(faces: Shards):
    expected = [one.row for one in evaluate(Nearest(), faces, batch_size=1, device=CPU)]
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        found = [one.row for one in evaluate(Remembers(), faces, batch_size=1, device=CPU)]
    finally:
        torch.set_num_threads(threads)
    assert found == expected


def test_a_teacher_gets_the_labels_of_each_face(faces: Shards, labels: Shards):
    scores = evaluate(Teacher(), faces, batch_size=2, device=CPU, labels=labels)
    assert [int(score.sr_image[0, 0, 0]) for score in scores] == list(range(NUM_FACES))


def test_parsing_compares_the_written_sr_with_the_labels(faces: Shards, labels: Shards):
    def parse(sr_faces: Tensor) -> Tensor:
        assert sr_faces.dtype == torch.uint8
        assert sr_faces.shape[1:] == (128, 128, 3)
        return torch.full((len(sr_faces), 128, 128), 2, dtype=torch.uint8)

    scores = evaluate(Nearest(), faces, batch_size=2, device=CPU, labels=labels, parse=parse)
    mious = [score.row["parsing.miou"] for score in scores]
    # face 2: three quarters of class 2, none of class 18; the others agree nowhere
    assert mious == pytest.approx([0, 0, 0.75 / 2, 0, 0])


class Constant(nn.Module):
    """One output, whatever the faces."""

    def __init__(self, value: float, side: int) -> None:
        super().__init__()
        self.value = value
        self.side = side

    def forward(self, lr_image: Tensor) -> Tensor:
        return torch.full((len(lr_image), 3, self.side, self.side), self.value)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Constant(0.5, 16), r"shape \(2, 3, 128, 128\), got \(2, 3, 16, 16\)"),
        (Constant(math.nan, 128), "mean of nan"),
        (Constant(127.0, 128), r"in \[0, 1\], got one with a mean of 127"),
    ],
)
def test_refuses_outputs_that_are_no_sr(faces: Shards, network: nn.Module, message: str):
    with pytest.raises(UserError, match=message):
        list(evaluate(network, faces, batch_size=2, device=CPU))


def test_refuses_labels_of_other_faces(faces: Shards, tmp_path: Path):
    maps = [np.zeros((128, 128), np.uint8)] * NUM_FACES
    others = write_shards(tmp_path / "others", "labels", maps, prefix="other")
    with pytest.raises(ValueError, match="label maps"):
        evaluate(Nearest(), faces, batch_size=2, device=CPU, labels=others)


def test_refuses_parse_and_teachers_without_labels(faces: Shards):
    with pytest.raises(ValueError, match="labels"):
        evaluate(Nearest(), faces, batch_size=2, device=CPU, parse=lambda image: image)
    with pytest.raises(ValueError, match="labels"):
        evaluate(Teacher(), faces, batch_size=2, device=CPU)


def test_a_split_without_faces_is_the_users_mistake(faces: Shards):
    with pytest.raises(UserError, match="split val"):
        evaluate(Nearest(), Shards(faces.folder, "val"), batch_size=2, device=CPU)
