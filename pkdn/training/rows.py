"""Rows of shards as tensors on a device: streamed from files, or all of them there already."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pkdn.faces.shards import Shards

SHARE_OF_MEMORY = 0.25
"""Of a GPU's free memory, that faces or maps may take."""
ROWS_AT_ONCE = 1024


def chunks(count: int, size: int) -> Iterator[range]:
    """Yield the indices 0 to ``count`` - 1 in order, at most ``size`` at a time."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def pinned(values: Tensor, device: torch.device) -> Tensor:
    """Put values where the device takes them from without anybody waiting."""
    return values.pin_memory() if device.type == "cuda" else values


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Send values to the device, without waiting for what it has still to do."""
    return pinned(values, device).to(device, non_blocking=True)


class Streamed:
    """Rows that are read when they are asked for.

    Args:
        shards: of one split.
        device: where the rows go.
    """

    def __init__(self, shards: Shards, device: torch.device) -> None:
        self.shards, self.device = shards, device

    def read(self, array: str, indices: np.ndarray) -> Tensor:
        """Return rows in the machine's memory."""
        return pinned(torch.from_numpy(self.shards.read(array, indices)), self.device)

    def place(self, values: Tensor) -> Tensor:
        """Send what was read to the device."""
        return values.to(self.device, non_blocking=True)


class Resident(Streamed):
    """Rows that lie on the device, from the first time on that one of their array is asked for."""

    def __init__(self, shards: Shards, device: torch.device) -> None:
        super().__init__(shards, device)
        self._arrays = dict[str, Tensor]()

    def read(self, array: str, indices: np.ndarray) -> Tensor:
        """Return rows on the device."""
        if array not in self._arrays:
            self._arrays[array] = self._all(array)
        return self._arrays[array][sent(torch.from_numpy(indices), self.device)]

    def _all(self, array: str) -> Tensor:
        count, found = len(self.shards), torch.empty(0)
        for look in chunks(count, ROWS_AT_ONCE):
            values = torch.from_numpy(self.shards.read(array, look)).to(self.device)
            if not look.start:
                found = values.new_empty((count, *values.shape[1:]))
            found[look.start : look.stop] = values
        return found


def rows_of(shards: Shards, device: torch.device) -> Streamed:
    """Return the rows of a split: on a GPU where they fit, and from files elsewhere.

    On a processor a batch from files takes a thousandth of a training step, and the memory is for
    others.
    """
    if device.type != "cuda":
        return Streamed(shards, device)
    free, _ = torch.cuda.mem_get_info(device)
    fits = shards.num_bytes() < SHARE_OF_MEMORY * free
    return Resident(shards, device) if fits else Streamed(shards, device)
