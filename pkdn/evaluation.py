"""A network over test faces: every metric of every face, one face after the other."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pkdn import metrics
from pkdn.errors import UserError
from pkdn.faces.shards import Shards
from pkdn.learning.network import inputs, reads
from pkdn.metrics import parsing
from pkdn.perceptual import Judge
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.resampling import quantize
from pkdn.training.threads import one_thread_each

Parse = Callable[[Tensor], Tensor]
Scored = tuple[dict[str, float], np.ndarray]
"""A face's row, and its SR image."""


class FaceScore(NamedTuple):
    """One test face.

    Attributes:
        name: Its name in the index of the faces.
        row: ``{"metric.column": value}``, the protocols before parsing; the PSNR of an SR image
            equal to its HR is infinite, and NaN stands where a judge cannot measure this face.
        sr_image: (128, 128, 3), uint8 RGB, clamped and rounded.
    """

    name: str
    row: dict[str, float]
    sr_image: np.ndarray


def evaluate(
    network: nn.Module,
    faces: Shards,
    *,
    batch_size: int,
    device: torch.device,
    labels: Shards | None = None,
    parse: Parse | None = None,
    judges: Mapping[str, Judge] | None = None,
) -> Iterator[FaceScore]:
    """Score a network on every face of a split; holds a few batches in memory.

    Networks run in fp32, each batch in one thread, so that scores do not depend on the machine's
    number of cores. Metrics are computed on the float output, so that protocols without
    rounding see it as it is.

    Args:
        network: Moved to ``device`` and put into evaluation mode. From the fields of a
            :class:`~pkdn.training.batches.Batch` that its attribute ``reads`` names, by default
            ``lr_image`` alone, to ``sr_image``, (N, 3, 128, 128).
        faces: Shards with the array ``faces``.
        batch_size: Faces in a batch; the last one may be smaller.
        device: Where the network runs.
        labels: Shards with the array ``labels``, the parsing maps of HR, in the order of
            ``faces``; needed by networks that read them and by ``parse``.
        parse: From SR, (N, 128, 128, 3) uint8, to parsing maps, (N, 128, 128) uint8; adds the
            agreement of its maps with ``labels`` to each row.
        judges: of :mod:`pkdn.perceptual`, by name; each adds its numbers to each row.

    Raises:
        UserError: the split has no faces.
        ValueError: no ``labels`` where they are needed; labels of other faces; an output that is
            of another shape than HR or not finite.
    """
    if not len(faces):
        raise UserError(
            f"expected faces in the split {faces.split} of {faces.folder}, found none: "
            "add photos or move some to this split"
        )
    if labels is None and (parse is not None or "labels" in reads(network)):
        raise ValueError("parse and teachers need the labels of HR")
    batches = FaceBatches(faces, labels, batch_size=batch_size, seed=0, device=device)
    network.to(device).eval()
    return _stream(batches, partial(_score_batch, network, parse, judges or {}))


def _stream(batches: FaceBatches, score: Callable[[Batch], list[Scored]]) -> Iterator[FaceScore]:
    names = iter(batches.faces.names)
    for scores in one_thread_each(score, batches.in_order(), batches.device):
        for row, sr_image in scores:
            yield FaceScore(next(names), row, sr_image)


@torch.inference_mode()
def _score_batch(
    network: nn.Module, parse: Parse | None, judges: Mapping[str, Judge], batch: Batch
) -> list[Scored]:
    sr_image = network(*inputs(network, batch))
    if sr_image.shape != batch.hr_image.shape:
        shape, expected = tuple(sr_image.shape), tuple(batch.hr_image.shape)
        raise ValueError(f"the network's output is {shape}, expected {expected}")
    # float64 before rounding: the same whole numbers as the metrics round to
    exact = sr_image.to(torch.float64)
    written = _channels_last(quantize(exact))
    hr_faces = _channels_last(quantize(batch.hr_image)).cpu().numpy()
    pairs = zip(_channels_last(exact).cpu().numpy(), hr_faces, strict=True)
    rows = [_flat(metrics.score_all(sr, hr)) for sr, hr in pairs]
    if parse is not None:
        assert batch.labels is not None
        sr_labels, hr_labels = parse(written).cpu().numpy(), batch.labels.cpu().numpy()
        for row, sr, hr in zip(rows, sr_labels, hr_labels, strict=True):
            row |= _flat({"parsing": parsing.score_labels(sr, hr)})
    sr_images = written.cpu().numpy()
    for row, sr, hr in zip(rows, sr_images, hr_faces, strict=True):
        row |= _flat({name: judge(sr, hr) for name, judge in judges.items()})
    return list(zip(rows, sr_images, strict=True))


def _flat(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        f"{metric}.{key}": value
        for metric, numbers in scores.items()
        for key, value in numbers.items()
    }


def _channels_last(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).contiguous()
