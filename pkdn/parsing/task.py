"""The loss that trains a face parser."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.faces.classes import NUM_CLASSES
from pkdn.parsing.augmentation import CUT_SHARE, cut, framed_shares, jitter, scaled_shares
from pkdn.parsing.bisenet import SIDE_MULTIPLE, BiSeNet
from pkdn.parsing.maps import check_input_size, resize_images
from pkdn.training.augmentation import Faces, mirror
from pkdn.training.batches import Batch
from pkdn.training.task import Task

AUXILIARY_WEIGHT = 1.0
"""α of Yu et al. 2018, BiSeNet: both auxiliary heads weigh as much as the main one."""

BALANCE = 1 / 3
"""Exponent of the class weights: none leaves rare classes out, a half or more fattens them."""

HARD_PROBABILITY = 0.7
LEAST_HARD_PIXELS = 16

MIN_FACES = 2
"""Batch normalisation of globally averaged features needs two values to normalise."""


class ParserTask(Task):
    """Cross-entropy of BiSeNet's three heads on labelled faces.

    PKDN takes a pretrained parser and states no training. The mirroring and the equal weights
    of the heads are those of the widely used checkpoint.

    Args:
        network: the parser to train.
        input_size: side to which faces are resized, a multiple of 32; the loss is taken at the
            size of their maps.
        hard_pixels: the rest of that checkpoint's recipe: the loss of the hardest pixels, jitter
            of the colours, random squares at random scales of 7/8 of the input's side (448 pixels
            of 512; else the multiple of 32 that is nearest). Without it all pixels count, rare
            classes more, and half of the faces stay whole (chosen because that serves a training
            of minutes far better).

    Raises:
        UserError: the input size is no positive multiple of 32.
    """

    reads = ("labels",)

    def __init__(self, network: BiSeNet, *, input_size: int, hard_pixels: bool = False) -> None:
        super().__init__(network)
        self.input_size = check_input_size(input_size)
        self.hard_pixels = hard_pixels

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return ``loss`` and its terms ``l_main``, ``l_auxiliary8`` and ``l_auxiliary16``.

        In training mode every face is mirrored with probability ½, by the global random state.
        In evaluation mode there is the main head alone, and ``loss`` equals ``l_main``.

        Args:
            batch: labelled faces.
            epoch: ignored; the loss is the same throughout.

        Raises:
            UserError: the batch has no labels, or a single face in training mode.
        """
        if batch.labels is None:
            raise UserError("a parser is trained on faces with label maps, and these have none")
        images, labels, side = batch.hr_image, batch.labels, self.input_size
        if self.network.training:
            if len(images) < MIN_FACES:
                raise UserError(
                    f"a parser is trained on batches of at least {MIN_FACES} faces, "
                    f"got {len(images)}: choose a larger batch_size or add labelled faces"
                )
            images, mirrored, _ = mirror(Faces(images, labels))
            assert mirrored is not None
            labels = mirrored
            if self.hard_pixels:
                images = jitter(images)
                side = _side_of_cuts(side)
            draw = scaled_shares if self.hard_pixels else framed_shares
            images, labels = cut(images, labels, draw(len(images)))
        labels = labels.long()
        logits = self.network(resize_images(images, side), map_size=labels.shape[-1])
        terms = {
            f"l_{head}": self._cross_entropy(scores, labels)
            for head, scores in logits._asdict().items()
            if scores is not None
        }
        auxiliary = [term for head, term in terms.items() if head != "l_main"]
        return {"loss": terms["l_main"] + AUXILIARY_WEIGHT * sum(auxiliary), **terms}

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.hard_pixels:
            return hard_cross_entropy(logits, labels)
        return F.cross_entropy(logits, labels, balanced_weights(labels))


def _side_of_cuts(input_size: int) -> int:
    """Return 7/8 of a side, as a multiple of 32: whole faces are smaller so than at inference."""
    return max(1, round(CUT_SHARE * input_size / SIDE_MULTIPLE)) * SIDE_MULTIPLE


def hard_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Average the cross-entropy over the pixels whose true class has less than 0.7 probability.

    At least a sixteenth of the pixels count (online hard example mining, as for the widely used
    checkpoint).

    Args:
        logits: (N, 19, H, W).
        labels: int64 0 to 18, (N, H, W).
    """
    losses = F.cross_entropy(logits.float(), labels, reduction="none").flatten()
    least = max(1, losses.numel() // LEAST_HARD_PIXELS)
    hard = losses > -math.log(HARD_PROBABILITY)
    count = hard.sum()
    of_hard = torch.where(hard, losses, 0).sum() / count.clamp_min(1)
    return torch.where(count >= least, of_hard, losses.topk(least).values.mean())


def balanced_weights(labels: Tensor) -> Tensor:
    """Weigh each class by one over the cube root of its share of the pixels.

    Brows, eyes and lips are a twentieth of the pixels and a third of the classes.

    Args:
        labels: int64 0 to 18, (N, H, W).

    Returns:
        float32 (19,).
    """
    classes = torch.arange(NUM_CLASSES, device=labels.device)
    counts = (labels.flatten() == classes[:, None]).sum(1)  # bincount would wait for a GPU
    return (counts.clamp_min(1) / labels.numel()).pow(-BALANCE)
