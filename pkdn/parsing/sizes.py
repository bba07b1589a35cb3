"""The parser's input size, and how faces and maps get there."""

from torch import Tensor
from torch.nn import functional as F

from pkdn.errors import UserError
from pkdn.parsing.bisenet import SIDE_MULTIPLE


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
