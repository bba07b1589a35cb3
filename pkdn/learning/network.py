"""What a network says of itself: what it reads of a batch, and the features that it names."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from pkdn.training.batches import Batch


class Output(NamedTuple):
    """An SR image with the features that distillation compares.

    Attributes:
        sr_image: (N, 3, 128, 128).
        taps: the named feature maps.
    """

    sr_image: Tensor
    taps: dict[str, Tensor]


LR_IMAGE_ALONE = ("lr_image",)


def reads(network: nn.Module | type[nn.Module]) -> tuple[str, ...]:
    """Return the fields of a batch that ``forward`` takes: the LR image where it says nothing."""
    return getattr(network, "reads", LR_IMAGE_ALONE)


def inputs(network: nn.Module, batch: Batch) -> list[Any]:
    """Return what a network's ``forward`` takes of a batch."""
    return [getattr(batch, name) for name in reads(network)]


class TappedNetwork(nn.Module):
    """A network whose features can be distilled.

    Attributes:
        output: returns the SR image with the features.
    """

    output: Callable[..., Output]

    def forward(self, lr_image: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the SR image alone: (N, 3, 128, 128), [0, 1] with overshoot."""
        read = (lr_image,) if labels is None else (lr_image, labels)
        return self.output(*read).sr_image
