"""The faces that networks are compared on: drawn here, made small and large again by Pillow."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from drawing.face import draw_face
from pkdn.faces import HR_SIZE, LR_SIZE
from pkdn.faces.classes import PALETTE


class Faces(NamedTuple):
    """A batch.

    Attributes:
        lr_image: (N, 3, 16, 16), [0, 1].
        enlarged: (N, 3, 128, 128), [0, 1]: Pillow's bicubic interpolation of it.
        labels: (N, 128, 128), classes 0 to 18.
        parsing: (N, 3, 128, 128), [0, 1]: the same in our colours.
    """

    lr_image: Tensor
    enlarged: Tensor
    labels: Tensor
    parsing: Tensor


def draw(count: int) -> Faces:
    """Draw a batch, the same every time."""
    drawn = [draw_face(np.random.default_rng(i)) for i in range(count)]
    small = [_resized(face.image, LR_SIZE) for face in drawn]
    labels = np.stack([_resized(face.labels, HR_SIZE) for face in drawn])
    return Faces(
        _float(np.stack(small)),
        _float(np.stack([_resized(face, HR_SIZE) for face in small])),
        torch.from_numpy(labels.astype(np.int64)),
        _float(PALETTE[labels]),
    )


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    how = Image.Resampling.BICUBIC if image.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(image).resize((size, size), how))


def _float(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float() / 255
