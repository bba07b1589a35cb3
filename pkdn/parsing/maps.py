"""From faces to parsing maps, and the file that holds a parser."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.faces import HR_SIZE
from pkdn.parsing.bisenet import SIDE_MULTIPLE, BiSeNet
from pkdn.training import tensors
from pkdn.training.precision import exact
from pkdn.training.threads import one_thread_each

BATCH_SIZE = 8
"""Faces parsed at once; more is not faster on processors."""

_NETWORK = "bisenet"


def check_input_size(input_size: int) -> int:
    """Return ``input_size``.

    Raises:
        UserError: it is no positive multiple of 32.
    """
    if input_size <= 0 or input_size % SIDE_MULTIPLE:
        raise UserError(
            f"the parser's input_size must be a positive multiple of {SIDE_MULTIPLE}, "
            f"got {input_size}: choose 128 or 512, for example"
        )
    return input_size


def resize_images(images: Tensor, size: int) -> Tensor:
    """Resize (N, 3, H, W) to a square by bilinear interpolation, with area averaging downwards."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


class Parser:
    """BiSeNet with the input size it was trained at; calling it parses faces.

    It computes in fp32 on every device, and each batch in one thread, so that maps do not depend
    on the machine's number formats or cores.

    Args:
        network: moved to ``device`` and put into evaluation mode.
        input_size: side to which faces are resized for the network, a multiple of 32.
        device: where the network runs.
    """

    def __init__(self, network: BiSeNet, input_size: int, device: torch.device) -> None:
        self.network = network.to(device).eval()
        self.input_size = check_input_size(input_size)
        self.device = device

    @torch.inference_mode()
    def __call__(self, faces: Tensor | np.ndarray) -> Tensor:
        """Parse faces in small batches.

        Args:
            faces: RGB uint8, (N, H, W, 3).

        Returns:
            Labels 0 to 18, uint8 on the parser's device, (N, 128, 128).

        Raises:
            ValueError: the faces have another shape or type.
        """
        faces = torch.as_tensor(faces)
        if faces.dtype != torch.uint8 or faces.ndim != 4 or faces.shape[-1] != 3:
            raise ValueError(
                f"faces to parse are uint8 (N, H, W, 3), got {faces.dtype} {tuple(faces.shape)}"
            )
        batches = [batch for batch in faces.split(BATCH_SIZE) if len(batch)]
        empty = torch.empty((0, HR_SIZE, HR_SIZE), dtype=torch.uint8, device=self.device)
        with exact(self.device):
            return torch.cat([empty, *one_thread_each(self._parse, batches, self.device)])

    @torch.inference_mode()
    def _parse(self, faces: Tensor) -> Tensor:
        images = faces.to(self.device).permute(0, 3, 1, 2).float() / 255
        logits = self.network(resize_images(images, self.input_size), map_size=HR_SIZE).main
        return logits.argmax(dim=1).to(torch.uint8)


def save_parser(parser: Parser, path: Path) -> None:
    """Write the weights as safetensors, with the input size in their description."""
    description = {"network": _NETWORK, "input_size": parser.input_size}
    tensors.write(parser.network.state_dict(), description, path)


def load_parser(path: Path, device: torch.device) -> Parser:
    """Read what :func:`save_parser` wrote.

    Raises:
        UserError: the file is missing, is no safetensors file, or holds no BiSeNet.
    """
    advice = "run `dvc repro -f parser`"
    description, state = tensors.read(path, what="a face parser", advice=advice)
    if description.get("network") != _NETWORK or "input_size" not in description:
        raise UserError(
            f"expected the weights of BiSeNet with their input size in {path}, got the description "
            f"{description}; {advice}"
        )
    network = BiSeNet()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"expected the weights of BiSeNet with 19 classes in {path}, got others ({error}); "
            f"{advice}"
        ) from None
    return Parser(network, description["input_size"], device)
