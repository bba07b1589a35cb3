"""Parsing maps as network input."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.faces.classes import NUM_CLASSES, PALETTE

_NUM_CHANNELS = {"palette": 3, "onehot": NUM_CLASSES}
ENCODINGS = tuple(_NUM_CHANNELS)
"""``palette`` is the colour map of both predecessor code bases; the paper does not say which."""


def num_channels(encoding: str) -> int:
    """Return the number of channels that ``encoding`` gives.

    Raises:
        UserError: the encoding is unknown.
    """
    if encoding not in _NUM_CHANNELS:
        raise UserError(f"parsing encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}")
    return _NUM_CHANNELS[encoding]


def encode(labels: Tensor, encoding: str) -> Tensor:
    """Encode parsing maps on the device they are on.

    Args:
        labels: integers 0 to 18, (N, H, W).
        encoding: ``palette`` for the class colours, ``onehot`` for one channel a class.

    Returns:
        float32 in [0, 1], (N, 3 or 19, H, W).

    Raises:
        UserError: the encoding is unknown.
    """
    channels = num_channels(encoding)
    if encoding == "onehot":
        table = torch.eye(channels, device=labels.device)
    else:
        table = torch.tensor(PALETTE, device=labels.device, dtype=torch.float32) / 255
    return F.embedding(labels.long(), table).permute(0, 3, 1, 2).contiguous()
