"""``python -m pkdn export-onnx``: a trained student for programs without PyTorch."""

import argparse
import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pkdn.errors import UserError
from pkdn.faces import LR_SIZE
from pkdn.files import atomic_file

if TYPE_CHECKING:
    from pkdn.upscaling import Upscaler

HELP = "write a trained student as an ONNX model, checked against PyTorch"

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INPUT, OUTPUT = "faces", "upscaled"
NUM_EXPORTED, NUM_CHECKED = 2, 5
"""Faces in the batch that is exported, and in the one that is compared: the number is free."""
MOST_LEVELS = 1
"""Of 255, by which a number may differ that lies between two levels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("output", metavar="OUT", type=Path, help="a new file, such as student.onnx")
    parser.add_argument(
        "--weights", help="a file, or a student that was trained here, such as helen-full-0"
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the model, and say how far it is from PyTorch."""
    if any(find_spec(package) is None for package in PACKAGES):
        raise UserError(
            f"expected the packages {', '.join(PACKAGES)}; run `pip install -e '.[onnx]'`"
        )
    output: Path = arguments.output
    if output.exists():
        raise UserError(f"expected a new file, got {output}, which is there: name another")
    import pkdn

    student = pkdn.load(arguments.weights, device="cpu")  # where ONNX is compared with it
    with atomic_file(output) as temporary:
        _write(student, temporary)
        most, share = _difference(student, _model(temporary))
        if most > MOST_LEVELS:
            raise UserError(
                f"expected ONNX to compute what PyTorch computes, got pixels {most} levels away: "
                "the weights are not written; use them by pkdn.load"
            )
    print(student.about)
    print(
        f"{output}: {INPUT} (N, {LR_SIZE}, {LR_SIZE}, 3) uint8 RGB → {OUTPUT}; of {NUM_CHECKED} "
        f"faces of noise {share:.4%} of the numbers differ from PyTorch, by {most} of 255 at most"
    )


def _write(student: "Upscaler", path: Path) -> None:
    """Write the network with the steps from pixels and to pixels, for any number of faces."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
    faces = torch.from_numpy(_noise(NUM_EXPORTED))
    student.on_pixels(faces)  # what is computed once is no part of the model
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PyTorch's, of its own code
            program = torch.onnx.export(
                student.on_pixels,
                (faces,),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("N")},),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise UserError(
            f"{student.weights}: ONNX has no such network: {_first_line(error)}; "
            "use the weights by pkdn.load"
        ) from None
    assert program is not None
    program.model.metadata_props["about"] = student.about
    if student.warning:
        program.model.metadata_props["warning"] = student.warning
    program.save(path)


def _first_line(error: Exception) -> str:
    return str(error.__cause__ or error).strip().splitlines()[0]


def _model(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Open a written model with ONNX's own runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda faces: np.asarray(session.run([OUTPUT], {INPUT: faces})[0])


def _difference(
    student: "Upscaler", model: Callable[[np.ndarray], np.ndarray]
) -> tuple[int, float]:
    """Return how many levels the two differ at most, and the share of numbers that do."""
    faces = _noise(NUM_CHECKED)
    differences = np.abs(student(faces).astype(int) - model(faces).astype(int))
    return int(differences.max()), float((differences > 0).mean())


def _noise(num_faces: int) -> np.ndarray:
    levels = np.random.default_rng(0).integers(0, 256, (num_faces, LR_SIZE, LR_SIZE, 3))
    return levels.astype(np.uint8)
