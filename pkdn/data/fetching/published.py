"""Published weights: files of tensors, in which no code is run."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from pkdn.errors import UserError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file of PyTorch, by their names, on the processor.

    Raises:
        UserError: the file is damaged, or holds anything else.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _other(path, f"a file that cannot be read as such ({error})") from None
    if not isinstance(found, dict):
        raise _other(path, f"a {type(found).__name__}")
    if others := [str(name) for name, value in found.items() if not isinstance(value, Tensor)]:
        raise _other(path, f"{others[0]!r}, which is none")
    return found


def _other(path: Path, what: str) -> UserError:
    return UserError(
        f"expected tensors by their names in {path}, got {' '.join(what.split())[:200]}: fetch it "
        "again"
    )
