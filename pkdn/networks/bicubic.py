"""Bicubic interpolation, the reference that needs no training."""

from typing import Any

from torch import Tensor, nn

from pkdn.networks.layers.blocks import bicubic_input

TITLE = "bicubic"
INPUT = "16×16"

SIZES: dict[str, dict[str, Any]] = {"demo": {}, "small": {}, "paper": {}}


class Bicubic(nn.Module):
    """Pillow's bicubic resampling, ×8, rounded to 8 bits as Pillow rounds."""

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, 16, 16) in [0, 1] → (N, 3, 128, 128), [0, 1]."""
        return bicubic_input(lr_image)


NETWORK = Bicubic
