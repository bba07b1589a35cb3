"""Agreement of parsing maps: intersection over union and pixel accuracy."""

import numpy as np

from pkdn.faces.classes import NUM_CLASSES


class ConfusionMatrix:
    """Counts of pixels by true and predicted class, added up over any number of maps.

    Attributes:
        counts: int64 (19, 19); rows are the truth, columns the prediction.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((NUM_CLASSES, NUM_CLASSES), dtype=np.int64)

    def update(self, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Add maps of one shape, integers 0 to 18.

        Raises:
            ValueError: the shapes differ, or a label is 19 or more.
        """
        if truth.shape != prediction.shape:
            raise ValueError(
                f"parsing maps to compare must have one shape, got {truth.shape} as truth "
                f"and {prediction.shape} as prediction"
            )
        highest = max(truth.max(initial=0), prediction.max(initial=0))
        if highest >= NUM_CLASSES:
            raise ValueError(f"labels must lie in 0 to {NUM_CLASSES - 1}, got {highest}")
        pairs = truth.astype(np.int64).ravel() * NUM_CLASSES + prediction.ravel()
        self.counts += np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(self.counts.shape)

    def pixels(self) -> np.ndarray:
        """Return the number of true pixels of each class: int64 (19,)."""
        return self.counts.sum(axis=1)

    def iou(self) -> np.ndarray:
        """Return the IoU of each class in [0, 1]: float64 (19,), NaN where truth has none."""
        intersection = np.diagonal(self.counts).astype(np.float64)
        truth = self.pixels()
        union = truth + self.counts.sum(axis=0) - intersection
        return np.where(truth > 0, intersection / np.maximum(union, 1), np.nan)

    def miou(self) -> float:
        """Return the mean IoU over the classes that truth has; NaN before any update."""
        present = self.pixels() > 0
        return float(self.iou()[present].mean()) if present.any() else float("nan")

    def pixel_accuracy(self) -> float:
        """Return the share of pixels in their true class; NaN before any update."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts) / total) if total else float("nan")
