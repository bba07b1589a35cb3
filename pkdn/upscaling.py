"""A trained student for faces of one's own: images in, images out."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pkdn import networks
from pkdn.data.photos.decoding import as_seen
from pkdn.data.photos.photo import UnreadablePhotoError
from pkdn.errors import UserError
from pkdn.faces import HR_SIZE, LR_SIZE
from pkdn.learning.network import LR_IMAGE_ALONE, reads
from pkdn.runs import DRAWN, RUNS
from pkdn.systems import FULL
from pkdn.training import batches, resampling
from pkdn.training.precision import exact, found_device
from pkdn.training.resampling import quantize, to_float
from pkdn.weights import told

SHIPPED = Path(__file__).parents[1] / "weights" / "student-helen-full-0.safetensors"
"""A student of the profile `small` that has seen photographs; weights/README.md has its card."""
BATCH_SIZE = 16


def default_weights() -> Path:
    """Return the weights of the full student that was trained here on photographs, or the shipped.

    Of those that differ in their seed alone it is the one of the lowest.

    Raises:
        UserError: students of several data sets were trained here.
    """
    found: dict[str, tuple[int, Path]] = {}
    for file in (_runs() / "student").glob(f"*-{FULL}-*/weights.safetensors"):
        dataset, _, seed = file.parent.name.rpartition(f"-{FULL}-")
        if dataset != DRAWN and seed.isdecimal():
            found[dataset] = min((int(seed), file), found.get(dataset, (int(seed), file)))
    if len(found) > 1:
        names = ", ".join(str(file) for _, file in sorted(found.values()))
        raise UserError(
            f"expected one data set with students, got {len(found)} data sets that have some: name "
            f"a student, for `upscale` by --weights: {names}"
        )
    return next((file for _, file in found.values()), SHIPPED)


def chosen_weights(named: str | Path | None) -> Path:
    """Return the file that is named, or that of a student that was trained here, by its name.

    Raises:
        UserError: there is no such file or student; or nothing is named, and students of several
            data sets were trained here.
    """
    if named is None:
        return default_weights()
    students = _runs() / "student"
    for found in (students / str(named) / "weights.safetensors", Path(named)):
        with suppress(OSError):  # of a name that is too long
            if found.is_file():
                return found
    there = ", ".join(sorted(file.parent.name for file in students.glob("*/weights.safetensors")))
    raise UserError(
        f"expected a file of weights, or the name of a student in {students} "
        f"({there or 'there is none yet'}), got {named}; without a name {SHIPPED.name}, which "
        "is shipped, is taken where none was trained on photographs"
    )


def _runs() -> Path:
    """Return the runs of this folder, or else those of the clone that this code is in."""
    return RUNS if RUNS.is_dir() else SHIPPED.parents[1] / RUNS


def degraded(faces: np.ndarray) -> np.ndarray:
    """Return the LR faces of HR ones, as the training data are made.

    Args:
        faces: (N, 128, 128, 3), uint8, RGB.

    Returns:
        (N, 16, 16, 3), uint8, RGB.
    """
    return _as_arrays(batches.degrade(_as_images(faces)))


def bicubic(faces: np.ndarray) -> np.ndarray:
    """Enlarge LR faces by bicubic interpolation: (N, 16, 16, 3) to (N, 128, 128, 3), uint8."""
    return _as_arrays(resampling.bicubic(_as_images(faces), HR_SIZE))


def _as_images(faces: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(faces.copy()).permute(0, 3, 1, 2)


def _as_arrays(images: torch.Tensor) -> np.ndarray:
    return np.asarray(images.permute(0, 2, 3, 1).cpu())


class OnPixels(nn.Module):
    """A network from the LR face's pixels to the SR face's.

    Args:
        network: takes and returns images in [0, 1].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: Tensor) -> Tensor:
        """(N, 16, 16, 3) → (N, 128, 128, 3), both uint8, RGB."""
        sr_images = self.network(to_float(faces.permute(0, 3, 1, 2)))
        return quantize(sr_images).permute(0, 2, 3, 1)


class Upscaler:
    """A network that upscales faces of 16×16 pixels to 128×128.

    Args:
        weights: the file of a network that reads LR faces alone, as students and baselines do.
        device: where it computes; None is the GPU where there is one.

    Attributes:
        weights: the file.
        about: which weights they are and what they were trained on, in a line.
        warning: why to expect poor results; empty where nothing speaks for it.
        on_pixels: what computes, as a module of PyTorch.

    Raises:
        UserError: there is no such file or device, or the network reads parsing maps too.
    """

    def __init__(self, weights: Path, device: str | None = None) -> None:
        self.weights = weights
        network = networks.load(weights)
        if reads(network) != LR_IMAGE_ALONE:
            raise UserError(
                f"expected the weights of a student, got {weights}, a network that reads "
                f"{' and '.join(reads(network))}: a teacher needs the map of the HR face; choose a "
                "student's, such as data/runs/student/helen-full-0/weights.safetensors"
            )
        self.about, self.warning = told(weights)
        try:
            self._device = torch.device(device) if device else found_device()
            self.on_pixels = OnPixels(network).to(self._device).eval()
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"device: expected one that PyTorch can use here, such as cpu, got {device} "
                f"({reason}): name another, or leave it out"
            ) from None

    @overload
    def __call__(self, faces: Image.Image) -> Image.Image: ...
    @overload
    def __call__(self, faces: Sequence[Image.Image]) -> list[Image.Image]: ...
    @overload
    def __call__(self, faces: np.ndarray) -> np.ndarray: ...

    def __call__(self, faces: Any) -> Any:
        """Upscale a face or several; what comes back is of the kind of what was given.

        Args:
            faces: an image of Pillow, a list of them, or an array: (16, 16, 3) or (N, 16, 16, 3),
                uint8, RGB. Faces of 128×128 pixels are degraded to 16×16 first, as the training
                data were.

        Raises:
            UserError: it is something else.
        """
        if isinstance(faces, Image.Image):
            return self([faces])[0]
        if isinstance(faces, np.ndarray):
            return self._arrays(faces[None])[0] if faces.ndim == 3 else self._arrays(faces)
        if not isinstance(faces, Sequence) or not all(isinstance(f, Image.Image) for f in faces):
            kinds = {type(face).__name__ for face in faces} if isinstance(faces, Sequence) else ()
            got = type(faces).__name__ + (f" of {', '.join(sorted(kinds))}" if kinds else "")
            raise UserError(
                "expected an image of Pillow, a list of them, or an array of NumPy, got "
                f"{got}: open files by PIL.Image.open"
            )
        try:
            arrays = [as_seen(face)[None] for face in faces]
        except UnreadablePhotoError as error:
            raise UserError(f"expected faces that can be read, got one that {error}") from None
        return [Image.fromarray(self._arrays(array)[0]) for array in arrays]

    @torch.inference_mode()
    def _arrays(self, faces: np.ndarray) -> np.ndarray:
        """Upscale (N, 16, 16, 3), or (N, 128, 128, 3) after its degradation."""
        if faces.shape[1:] not in [(side, side, 3) for side in (LR_SIZE, HR_SIZE)]:
            sides = f"{LR_SIZE}×{LR_SIZE} pixels, or {HR_SIZE}×{HR_SIZE} to be degraded"
            raise UserError(f"expected RGB faces of {sides}, got the shape {faces.shape}: cut them")
        if faces.dtype != np.uint8:
            raise UserError(f"expected faces in uint8, 0 to 255, got {faces.dtype}: convert them")
        parts = [
            self._batch(faces[start : start + BATCH_SIZE])
            for start in range(0, len(faces), BATCH_SIZE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, HR_SIZE, HR_SIZE, 3), np.uint8)

    def _batch(self, faces: np.ndarray) -> np.ndarray:
        lr_faces = degraded(faces) if faces.shape[1] == HR_SIZE else faces
        with exact(self._device):
            sr_faces = self.on_pixels(torch.from_numpy(lr_faces.copy()).to(self._device))
        return np.asarray(sr_faces.cpu())
