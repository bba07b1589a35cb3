"""Tensors on disk: safetensors with a description, the same bytes for the same content."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pkdn.errors import UserError
from pkdn.files import atomic_file

# One entry holds all that is described: safetensors writes several in an order that changes.
DESCRIPTION = "description"


def write(state: Mapping[str, Tensor], description: Mapping[str, Any], path: Path) -> None:
    """Write tensors with their description; the file appears whole or not at all."""
    # Copies: safetensors writes no two that share memory, as those of a recursive network do.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, {DESCRIPTION: json.dumps(description, sort_keys=True)})


def read(path: Path, *, what: str, advice: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the description and the tensors; the description is empty where a file has none of ours.

    Args:
        path: what :func:`write` wrote.
        what: the content that is expected, for messages.
        advice: what to do where it is not there, for messages.

    Raises:
        UserError: the file is missing, or no safetensors file.
    """
    if not path.is_file():
        raise UserError(f"expected {what} in {path}, found no file; {advice}")
    sys.audit("open", str(path), "r", os.O_RDONLY)  # which safetensors opens unseen by Python
    try:
        with safe_open(path, framework="pt") as file:
            description = _description((file.metadata() or {}).get(DESCRIPTION, ""))
            return description, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(
            f"expected {what} as safetensors in {path}, got: {error}; {advice}"
        ) from None


def _description(text: str) -> dict[str, Any]:
    """Read what :func:`write` noted; others may have noted anything under that name."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
