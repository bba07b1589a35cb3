"""Do eyes, nose and mouth stand where they stood?

Landmarks are looked for in SR and in HR by the same model, which starts in both from where the face
is in HR. The errors are divided by the distance of the outer corners of HR's eyes, as 300-W does:
not stated in the paper, which does not measure them; chosen because alignment is judged so.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from pkdn import detector
from pkdn.metrics import Column
from pkdn.perceptual._faces import Found, judge_of

if TYPE_CHECKING:
    import torch

    from pkdn.perceptual import Judge

TITLE: Final = (
    "root mean square distance of dlib's 68 landmarks of SR and HR, in distances of the outer "
    "corners of HR's eyes"
)
COLUMNS: Final = (Column("nrmse", "landmark NRMSE", "↓", 4, ""),)
OUTER_CORNERS: Final = (36, 45)


def load(_: "torch.device") -> "Judge":
    """Return the metric; it is computed on the processor."""
    return judge_of("nrmse", _nrmse)


def _nrmse(sr_image: np.ndarray, _: np.ndarray, face: Found) -> float:
    """Return the normalised root mean square error, 0 where all landmarks are the same."""
    true = detector.points(face.shape)
    found = detector.points(detector.shape(sr_image, face.rectangle))
    eyes = float(np.linalg.norm(np.subtract(*true[list(OUTER_CORNERS)])))
    return float(np.sqrt(((found - true) ** 2).sum(axis=1).mean())) / eyes
