"""What a network says of itself: what it reads of a batch, and the features that it names."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from pkdn.training.batches import Batch

READS = ("lr_image",)
"""What a network takes that does not say."""


class Output(NamedTuple):
    """An SR image with the features that distillation compares.

    Attributes:
        sr_image: (N, 3, 128, 128).
        taps: the named feature maps.
    """

    sr_image: Tensor
    taps: dict[str, Tensor]


def inputs(network: nn.Module, batch: Batch) -> list[Any]:
    """Return what a network's ``forward`` takes: the fields of the batch that it ``reads``.

    Teachers take ``labels`` beside ``lr_image``.
    """
    return [getattr(batch, name) for name in getattr(network, "reads", READS)]


class TappedNetwork(nn.Module):
    """A network whose features can be distilled.

    Attributes:
        reads: the fields of a batch that ``output`` takes.
        output: returns the SR image with the features.
    """

    reads: tuple[str, ...] = READS
    output: Callable[..., Output]

    def forward(self, lr_image: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the SR image alone: (N, 3, 128, 128), [0, 1] with overshoot."""
        read = (lr_image,) if labels is None else (lr_image, labels)
        return self.output(*read).sr_image
