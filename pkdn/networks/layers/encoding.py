"""Parsing maps as network input."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.faces.classes import NUM_CLASSES, PALETTE

ENCODINGS: dict[str, np.ndarray] = {
    "palette": PALETTE / np.float32(255),
    "onehot": np.eye(NUM_CLASSES, dtype=np.float32),
}
"""What each class becomes. ``palette`` is the colour map of both predecessor code bases; the paper
does not say which."""


class MapEncoder(nn.Module):
    """From classes to channels; what each class becomes lies where the network does.

    Args:
        encoding: ``palette`` for the class colours, ``onehot`` for one channel a class.

    Attributes:
        num_channels: of what it gives.

    Raises:
        UserError: the encoding is unknown.
    """

    def __init__(self, encoding: str) -> None:
        super().__init__()
        if encoding not in ENCODINGS:
            raise UserError(
                f"parsing encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}"
            )
        self.table: Tensor
        self.register_buffer("table", torch.tensor(ENCODINGS[encoding]), persistent=False)
        self.num_channels = self.table.shape[1]

    def forward(self, labels: Tensor) -> Tensor:
        """(N, H, W), integers 0 to 18 → (N, 3 or 19, H, W), float32 in [0, 1]."""
        return F.embedding(labels.long(), self.table).permute(0, 3, 1, 2).contiguous()
