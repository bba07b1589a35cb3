"""A student as an ONNX model, by ONNX's own runtime."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from pretended_gpu import GPU

import pkdn
from pkdn import networks, upscaling
from pkdn.commands import export_onnx
from pkdn.errors import UserError

FACES = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), np.uint8)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    description = networks.describe("pkdn", "demo", global_residual=True)
    networks.save(description.build(), description, tmp_path / "student.safetensors")
    return tmp_path / "student.safetensors"


def export(weights: Path, output: Path) -> None:
    export_onnx.main(argparse.Namespace(output=output, weights=weights))


def test_any_number_of_faces_gives_what_pytorch_gives(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = weights.parent / "student.onnx"
    export(weights, output)
    model = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    (upscaled,) = model.run(["upscaled"], {"faces": FACES})
    expected = pkdn.load(weights)(FACES)
    assert (upscaled.shape, upscaled.dtype) == ((3, 128, 128, 3), np.uint8)
    assert np.abs(upscaled.astype(int) - expected).max() <= 1
    about = {one.key: one.value for one in onnx.load(output).metadata_props}
    assert "nothing is known of the faces" in about["warning"]
    shown = capsys.readouterr()
    assert "faces (N, 16, 16, 3) uint8 RGB → upscaled" in shown.out and not shown.err
    with pytest.raises(UserError, match="expected a new file"):
        export(weights, output)


def test_the_model_is_made_on_the_processor_where_there_is_a_gpu(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscaling, "found_device", lambda: GPU)
    export(weights, weights.parent / "student.onnx")


def test_a_model_that_computes_something_else_is_not_written(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        export_onnx, "_model", lambda _: lambda faces: np.zeros((len(faces), 128, 128, 3), np.uint8)
    )
    with pytest.raises(UserError, match="levels away"):
        export(weights, weights.parent / "student.onnx")
    assert [*weights.parent.iterdir()] == [weights]


class Unknown(torch.nn.Module):
    """A network with an operation that ONNX lacks."""

    def forward(self, lr_image: torch.Tensor) -> torch.Tensor:
        values = torch.linalg.eigvals(lr_image).real.sum()
        return torch.zeros(len(lr_image), 3, 128, 128) + values


def test_what_onnx_cannot_say_is_one_line(weights: Path) -> None:
    student = pkdn.load(weights)
    student.on_pixels.network = Unknown()
    with pytest.raises(UserError, match="ONNX has no such network") as raised:
        export_onnx._write(student, weights.parent / "student.onnx")
    assert "\n" not in str(raised.value)


def test_without_the_packages_it_says_which(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_onnx, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[onnx\]'"):
        export(weights, weights.parent / "student.onnx")
