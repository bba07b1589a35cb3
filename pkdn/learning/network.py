"""What a network says of itself: what it reads of a batch, and the features that it names."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pkdn.faces import HR_SIZE, LR_SIZE, NUM_LANDMARKS
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


def example(num_faces: int, device: torch.device) -> Batch:
    """Return faces of noise: costs do not depend on the picture."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (num_faces, 3, LR_SIZE, LR_SIZE), generator=generator)
    return Batch(
        hr_image=torch.zeros(num_faces, 3, HR_SIZE, HR_SIZE, device=device),
        lr_image=(levels / 255).to(device),
        labels=torch.zeros(num_faces, HR_SIZE, HR_SIZE, dtype=torch.uint8, device=device),
        landmarks=torch.zeros(num_faces, NUM_LANDMARKS, 2, device=device),
    )


class TappedNetwork(nn.Module):
    """A network whose features can be distilled.

    Attributes:
        output: returns the SR image with the features.
    """

    output: Callable[..., Output]

    def forward(
        self, lr_image: Tensor, second: Tensor | None = None, third: Tensor | None = None
    ) -> Tensor:
        """Return the SR image alone: (N, 3, 128, 128), [0, 1] with overshoot.

        Args:
            lr_image: (N, 3, 16, 16), [0, 1].
            second: the next field of a batch that it reads, if any.
            third: one more. They have no common name: PyTorch exports no forward of ``*fields``.
        """
        more = [field for field in (second, third) if field is not None]
        return self.output(lr_image, *more).sr_image
