"""LPIPS by VGG-16, which is as usual in papers; its distances are other ones than AlexNet's."""

from typing import TYPE_CHECKING, Final

from pkdn.metrics import Column

if TYPE_CHECKING:
    import torch

    from pkdn.perceptual import Judge

TITLE: Final = "LPIPS 0.1 by VGG-16, of the written image"
COLUMNS: Final = (Column("vgg", "LPIPS by VGG-16", "↓", 4, ""),)


def load(device: "torch.device") -> "Judge":
    """Return the metric; see :func:`pkdn.perceptual._lpips.load`.

    PyTorch is imported here: tables need no more than the names above.
    """
    from pkdn.perceptual import _backbones, _lpips

    return _lpips.load(_backbones.vgg16(), device)
