"""Is it still the same person?

Neither the paper nor its Table 1 measures identity; dlib's descriptor was chosen because it comes
with a package that needs no network. It is cut out of both images by the landmarks of HR, so that
whose face it is counts, and not where landmarks are seen in SR.
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
    "distance of dlib's descriptors of SR and HR, both cut by the landmarks of HR; below 0.6 dlib "
    "takes them for one person"
)
COLUMNS: Final = (Column("distance", "identity distance", "↓", 3, ""),)


def load(_: "torch.device") -> "Judge":
    """Return the metric; it is computed on the processor."""
    return judge_of("distance", _distance)


def _distance(sr_image: np.ndarray, hr_image: np.ndarray, face: Found) -> float:
    """Return the Euclidean distance of the descriptors, 0 for equal faces, at most about 1.5."""
    pair = (detector.descriptor(image, face.shape) for image in (sr_image, hr_image))
    return float(np.linalg.norm(np.subtract(*pair)))
