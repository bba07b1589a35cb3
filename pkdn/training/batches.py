"""Batches of faces, streamed from shards and degraded on the device."""

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from pkdn.faces import LR_SIZE
from pkdn.faces.shards import Shards
from pkdn.training.augmentation import Augmentation, Faces
from pkdn.training.resampling import bicubic, to_float
from pkdn.training.rows import chunks, rows_of, sent
from pkdn.training.threads import ahead

FACES_PER_LOOK = 1024
BATCHES_AHEAD = 2
"""That a thread reads for a GPU while others are computed on."""


class Batch(NamedTuple):
    """Faces as the networks and losses see them.

    Attributes:
        hr_image: (N, 3, 128, 128), float32 in [0, 1].
        lr_image: (N, 3, 16, 16), float32 in [0, 1]: Pillow's bicubic of the HR face, in whole
            8-bit levels.
        labels: (N, 128, 128), uint8 face-parsing classes, or None.
        landmarks: (N, 68, 2), float32 x and y in HR pixels, NaN where unknown, or None.
    """

    hr_image: Tensor
    lr_image: Tensor
    labels: Tensor | None
    landmarks: Tensor | None


class Rows(NamedTuple):
    """What was read of a batch: (N, 128, 128, 3), then as in a :class:`Batch`.

    Landmarks are in the machine's memory: where a face is cut depends on them, and nobody should
    wait for a GPU to say it.
    """

    faces: Tensor
    labels: Tensor | None
    landmarks: Tensor | None


def degrade(hr_faces: Tensor) -> Tensor:
    """Make the LR face of an HR face, ×8: the project's only definition of the degradation.

    Args:
        hr_faces: (N, 3, 128, 128), uint8.

    Returns:
        (N, 3, 16, 16), uint8, equal to ``PIL.Image.resize((16, 16), BICUBIC)``.
    """
    return bicubic(hr_faces, LR_SIZE)


class FaceBatches:
    """The faces of one split, in a new seeded order every epoch.

    The order depends on the seed and the epoch alone, so a resumed training sees exactly the
    batches that it would have seen. A last, smaller batch is left out, unless it is the only one.

    Args:
        faces: shards with the array ``faces`` and perhaps ``landmarks``.
        labels: shards with the array ``labels`` in the same order, or None.
        batch_size: faces in a batch.
        seed: seed of the order.
        device: where the batches are made.
        augment: what the faces, with their labels and landmarks, go through before they are
            degraded.
    """

    def __init__(
        self,
        faces: Shards,
        labels: Shards | None = None,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        augment: Augmentation | None = None,
    ) -> None:
        if labels is not None and labels.names != faces.names:
            raise ValueError("the label maps are not those of the faces, or not in their order")
        self.faces = faces
        self.labels = labels
        self._rows = rows_of(faces, device)
        self._label_rows = None if labels is None else rows_of(labels, device)
        self.batch_size = max(1, min(batch_size, len(faces)))
        self.seed = seed
        self.device = device
        self.augment = augment

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.faces) // self.batch_size

    def without_labels(self) -> Self:
        """Return the same batches without labels, which then take no time and no memory."""
        found = copy(self)
        found.labels = found._label_rows = None
        return found

    def have_landmarks(self) -> bool:
        """Return whether the landmarks of any face are known."""
        if "landmarks" not in self.faces.arrays:
            return False
        looks = chunks(len(self.faces), FACES_PER_LOOK)
        return any(np.isfinite(self.faces.read("landmarks", look)).any() for look in looks)

    def epoch(self, number: int, *, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch ``number``, from batch ``first`` on."""
        order = np.random.default_rng((self.seed, number)).permutation(len(self.faces))
        starts = (index * self.batch_size for index in range(first, len(self)))
        chosen = (np.sort(order[start : start + self.batch_size]) for start in starts)
        # On a processor a thread would only take time from what computes.
        on_gpu = self.device.type == "cuda"
        read = ahead(self._read, chosen, BATCHES_AHEAD) if on_gpu else map(self._read, chosen)
        yield from map(self._batch, read)

    def in_order(self) -> Iterator[Batch]:
        """Yield all faces once, in their own order."""
        for indices in chunks(len(self.faces), self.batch_size):
            yield self.read(np.array(indices))

    def read(self, indices: np.ndarray) -> Batch:
        """Read the faces at ``indices`` as one batch on the device."""
        return self._batch(self._read(indices))

    def _read(self, indices: np.ndarray) -> Rows:
        """Read the rows, as they are."""
        faces, labels = self._rows.read("faces", indices), None
        if self._label_rows:
            labels = self._label_rows.read("labels", indices)
        if "landmarks" not in self.faces.arrays:
            return Rows(faces, labels, None)
        return Rows(faces, labels, torch.from_numpy(self.faces.read("landmarks", indices)))

    def _batch(self, rows: Rows) -> Batch:
        """Place the rows on the device, augment and degrade them there."""
        place = self._rows.place
        labels = None if rows.labels is None else place(rows.labels)
        images = place(rows.faces).permute(0, 3, 1, 2).contiguous()
        placed = Faces(images, labels, rows.landmarks)
        hr, labels, landmarks = self.augment(placed) if self.augment else placed
        points = None if landmarks is None else sent(landmarks, self.device)
        return Batch(to_float(hr), to_float(degrade(hr)), labels, points)
