"""Weights on disk: safetensors that say which network they belong to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pkdn import networks
from pkdn.errors import UserError
from pkdn.files import atomic_file

ABSENT = "absent"


@dataclass(frozen=True)
class Description:
    """What a weights file says of itself.

    Attributes:
        network: the network's name, a file in ``pkdn/networks``.
        role: ``NETWORK`` or ``TEACHER``, the class in that file.
        arguments: the constructor's arguments.
    """

    network: str
    role: str
    arguments: dict[str, Any]


def save(network: nn.Module, description: Description, path: Path) -> None:
    """Write the weights with their description; the file appears whole or not at all."""
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    metadata = {
        "network": description.network,
        "role": description.role,
        "arguments": json.dumps(description.arguments, sort_keys=True),
    }
    with atomic_file(path) as temporary:
        save_file(state, temporary, metadata)


def save_absence(reason: str, path: Path) -> None:
    """Write, in the place of weights, why there are none, such as "needs landmarks"."""
    with atomic_file(path) as temporary:
        save_file({}, temporary, {ABSENT: reason})


def absence(path: Path) -> str:
    """Return why a file holds no weights; empty where it holds some."""
    return _read(path)[0].get(ABSENT, "")


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise UserError(f"expected weights in {path}, found no file; run `dvc repro` first")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"expected weights as safetensors in {path}, got: {error}") from None


def load(path: Path) -> nn.Module:
    """Build the network that a weights file describes, with its weights, in evaluation mode.

    Raises:
        UserError: the file is missing, is no weights file of this project, or does not fit
            the network that it names.
    """
    metadata, state = _read(path)
    if ABSENT in metadata:
        raise UserError(f"{path} holds no weights: {metadata[ABSENT]}")
    missing = {"network", "role", "arguments"} - set(metadata)
    if missing:
        raise UserError(f"expected weights of this project in {path}, but it names no network")
    module = networks.load(metadata["network"])
    network: nn.Module = getattr(module, metadata["role"])(**json.loads(metadata["arguments"]))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"the weights in {path} do not fit {module.TITLE} as it is now: {error}; train it anew"
        ) from None
    return network.eval()
