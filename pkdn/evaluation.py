"""A network over test faces: every metric of every face, one face after the other."""

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pkdn import metrics
from pkdn.errors import UserError
from pkdn.faces.shards import Shards
from pkdn.learning.network import inputs, reads
from pkdn.perceptual import Judge
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.resampling import quantize
from pkdn.training.threads import one_thread_each

Parse = Callable[[Tensor], Tensor]
PROCESSOR = torch.device("cpu")
MEND = "train it again with a smaller learning_rate, or change the network's forward"
Scored = tuple[dict[str, float], np.ndarray]
"""A face's row, and its SR image."""


class Seen(NamedTuple):
    """What a network makes of a batch, in the machine's memory.

    Attributes:
        sr_images: (N, 128, 128, 3), float64 RGB, as the network gave them.
        written: the same, uint8.
        hr_faces: (N, 128, 128, 3), uint8 RGB.
        maps: pairs of the parsing maps of SR and HR, (128, 128) uint8, or None.
    """

    sr_images: np.ndarray
    written: np.ndarray
    hr_faces: np.ndarray
    maps: list[tuple[np.ndarray, np.ndarray]] | None


class OfEachThread(threading.local):
    """A network that each thread has for itself, but for its weights, which all share.

    What its forward keeps in the modules, such as hidden states, is no other face's then.
    """

    def __init__(self, network: nn.Module) -> None:
        held = (value for module in network.modules() for value in _held(module))
        shared = {id(value): value for value in held if isinstance(value, Tensor)}
        self.network: nn.Module = copy.deepcopy(network, shared)


def _held(module: nn.Module) -> list[Any]:
    return [*vars(module).values(), *module._parameters.values(), *module._buffers.values()]


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

    Networks run in fp32, on processors each batch in one thread, so that scores do not depend on
    the machine's number of cores. Metrics are computed on the float output, so that protocols
    without rounding see it as it is; always on processors, on a GPU's machine beside it.

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
        UserError: the split has no faces; an output that is of another shape than HR, not finite,
            or far from [0, 1].
        ValueError: no ``labels`` where they are needed; labels of other faces.
    """
    if not len(faces):
        raise UserError(
            f"expected faces in the split {faces.split} of {faces.folder}, found none: "
            "add photos or move some to this split"
        )
    if labels is None and (parse is not None or "labels" in reads(network)):
        raise ValueError("parse and teachers need the labels of HR")
    batches = FaceBatches(faces, labels, batch_size=batch_size, seed=0, device=device)
    own = OfEachThread(network.to(device).eval())
    return _stream(batches, partial(_see, own, parse), partial(_score, judges or {}))


def _stream(
    batches: FaceBatches, see: Callable[[Batch], Seen], score: Callable[[Seen], list[Scored]]
) -> Iterator[FaceScore]:
    names, all_batches = iter(batches.faces.names), batches.in_order()
    if batches.device.type == "cpu":
        scored = one_thread_each(lambda batch: score(see(batch)), all_batches, PROCESSOR)
    else:
        scored = one_thread_each(score, map(see, all_batches), PROCESSOR)
    for scores in scored:
        for row, sr_image in scores:
            yield FaceScore(next(names), row, sr_image)


@torch.inference_mode()
def _see(own: OfEachThread, parse: Parse | None, batch: Batch) -> Seen:
    sr_image = own.network(*inputs(own.network, batch))
    if sr_image.shape != batch.hr_image.shape:
        shape, expected = tuple(sr_image.shape), tuple(batch.hr_image.shape)
        raise UserError(f"expected SR images of the shape {expected}, got {shape}: {MEND}")
    brightest = float(sr_image.abs().mean((1, 2, 3)).max())
    if not brightest <= metrics.MAX_MEAN:
        raise UserError(
            f"expected SR images in [0, 1], got one with a mean of {brightest:.3g}: {MEND}"
        )
    # float64 before rounding: the same whole numbers as the metrics round to
    exact = _channels_last(sr_image.to(torch.float64))
    written = quantize(exact)
    maps = None
    if parse is not None:
        assert batch.labels is not None
        maps = [*zip(parse(written).cpu().numpy(), batch.labels.cpu().numpy(), strict=True)]
    hr_faces = _channels_last(quantize(batch.hr_image))
    return Seen(exact.cpu().numpy(), written.cpu().numpy(), hr_faces.cpu().numpy(), maps)


def _score(judges: Mapping[str, Judge], seen: Seen) -> list[Scored]:
    pairs = zip(seen.sr_images, seen.hr_faces, strict=True)
    rows = [_flat(metrics.score_all(sr, hr)) for sr, hr in pairs]
    for row, (sr, hr) in zip(rows, seen.maps or (), strict=seen.maps is not None):
        row |= _flat(metrics.score_labels(sr, hr))
    for row, sr, hr in zip(rows, seen.written, seen.hr_faces, strict=True):
        row |= _flat({name: judge(sr, hr) for name, judge in judges.items()})
    return list(zip(rows, seen.written, strict=True))


def _flat(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        f"{metric}.{key}": value
        for metric, numbers in scores.items()
        for key, value in numbers.items()
    }


def _channels_last(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).contiguous()
