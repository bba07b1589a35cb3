"""Parsing consistency: does the face keep its parts?"""

import numpy as np

from pkdn.metrics import Column

TITLE = "mean IoU between the parser's maps of SR and HR"
COLUMNS = (Column(key="miou", title="parsing mIoU", arrow="↑", decimals=4, unit=""),)
NUM_VALUES = 256


def score_labels(sr_labels: np.ndarray, hr_labels: np.ndarray) -> dict[str, float]:
    """Return the intersection over union, averaged over the classes present in either map.

    A class that only one of the maps has counts as 0; one that neither has does not count.

    Args:
        sr_labels: (H, W), uint8, the parsing map of the SR image.
        hr_labels: (H, W), uint8, the parsing map of the HR image.

    Raises:
        ValueError: they are not uint8 maps of one shape.
    """
    for labels in (sr_labels, hr_labels):
        if labels.dtype != np.uint8 or labels.ndim != 2 or not labels.size:
            raise ValueError(f"a label map is uint8 (H, W), got {labels.dtype} {labels.shape}")
    if sr_labels.shape != hr_labels.shape:
        raise ValueError(f"label maps differ in shape: {sr_labels.shape}, {hr_labels.shape}")
    agreed = _counts(sr_labels[sr_labels == hr_labels])
    union = _counts(sr_labels.ravel()) + _counts(hr_labels.ravel()) - agreed
    present = union > 0
    return {"miou": float(np.mean(agreed[present] / union[present]))}


def _counts(values: np.ndarray) -> np.ndarray:
    return np.bincount(values, minlength=NUM_VALUES)
