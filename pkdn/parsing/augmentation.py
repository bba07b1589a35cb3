"""What faces and their maps go through while a parser is trained."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.training.augmentation import places
from pkdn.training.rows import sent

# The widely used checkpoint's: jitter by up to a half, photos scaled to 1–2 times their size, of
# which a square of 7/8 of the original side is cut out; those scaled to 0.75, in which there is no
# such square, are seen whole at its size.
JITTER = 0.5
CUT_SHARE = 7 / 8
SCALED_SHARES = (1.0, *(CUT_SHARE / zoom for zoom in (1.0, 1.25, 1.5, 1.75, 2.0)))
# Not stated in the paper, which trains no parser; chosen because a parser that sees its photos
# whole alone knows parts by where they lie there, and fails on other crops: half of the faces
# stay whole, of the others squares of 0.45 to 0.9 of the side.
WHOLE_SHARE = 0.5
FRAME_SHARES = (0.45, 0.9)
LUMA = (0.299, 0.587, 0.114)


def jitter(images: Tensor) -> Tensor:
    """Change brightness, contrast and saturation of each face by up to a half.

    Args:
        images: RGB, [0, 1], (N, 3, H, W).

    Returns:
        The same, clamped to [0, 1].
    """
    factors = 1 + JITTER * (2 * torch.rand(3, len(images), 1, 1, 1) - 1)
    brightness, contrast, saturation = sent(factors, images.device)
    weights = sent(torch.tensor(LUMA), images.device).view(1, 3, 1, 1)
    images = (images * brightness).clamp(0, 1)
    average = (images * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    images = (average + (images - average) * contrast).clamp(0, 1)
    grey = (images * weights).sum(1, keepdim=True)
    return (grey + (images - grey) * saturation).clamp(0, 1)


def scaled_shares(count: int) -> Tensor:
    """Draw the shares of the side that squares at random scales have: (count,)."""
    return torch.tensor(SCALED_SHARES)[torch.randint(len(SCALED_SHARES), (count,))]


def framed_shares(count: int) -> Tensor:
    """Draw the shares of the side that are seen of faces, of half of them all: (count,)."""
    least, most = FRAME_SHARES
    shares = least + (most - least) * torch.rand(count)
    whole = torch.rand(count) < WHOLE_SHARE
    return torch.where(whole, 1.0, shares)


def cut(
    images: Tensor, labels: Tensor, shares: Tensor, *, centred: bool = False
) -> tuple[Tensor, Tensor]:
    """Cut a square out of each face, at a random place or around its centre.

    Args:
        images: (N, 3, S, S).
        labels: uint8, (N, S, S).
        shares: of the side that the square has, (N,).
        centred: around the centre.

    Returns:
        Images and labels of the same sizes.
    """
    centres = torch.zeros(len(images), 2)
    if not centred:
        centres = (2 * torch.rand(len(images), 2) - 1) * (1 - shares)[:, None]
    moves = torch.stack([shares, torch.zeros_like(shares), *centres.unbind(1)])
    where = places(sent(moves, images.device), images.shape[-1])
    found = F.grid_sample(images, where, padding_mode="border", align_corners=False)
    maps = F.grid_sample(
        labels[:, None].float(), where, mode="nearest", padding_mode="border", align_corners=False
    )
    return found, maps[:, 0].to(labels.dtype)
