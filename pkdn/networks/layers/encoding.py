"""Parsing maps as network input."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.faces.classes import NUM_CLASSES, PALETTE

ENCODINGS: dict[str, np.ndarray] = {
    "palette": PALETTE / np.float32(255),
    "onehot": np.eye(NUM_CLASSES, dtype=np.float32),
}
"""What each class becomes. ``palette`` is the colour map of both predecessor code bases; the paper
does not say which."""


def num_channels(encoding: str) -> int:
    """Return the number of channels that ``encoding`` gives.

    Raises:
        UserError: the encoding is unknown.
    """
    if encoding not in ENCODINGS:
        raise UserError(f"parsing encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}")
    return ENCODINGS[encoding].shape[1]


def encode(labels: Tensor, encoding: str) -> Tensor:
    """Encode parsing maps on the device they are on.

    Args:
        labels: integers 0 to 18, (N, H, W).
        encoding: ``palette`` for the class colours, ``onehot`` for one channel a class.

    Returns:
        float32 in [0, 1], (N, 3 or 19, H, W).
    """
    table = torch.from_numpy(ENCODINGS[encoding]).to(labels.device)
    return F.embedding(labels.long(), table).permute(0, 3, 1, 2).contiguous()
