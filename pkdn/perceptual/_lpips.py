"""LPIPS: how far two images lie apart in the features of a network that knows photos.

Zhang et al. 2018, version 0.1. The features of five layers are brought to length 1 at every place;
their squared differences are weighed by channels, as people's judgements taught, and averaged over
the image. AlexNet and VGG-16 are both usual, and their distances must not be compared.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn

from pkdn.data.fetching import download
from pkdn.data.fetching.published import read_tensors
from pkdn.perceptual._backbones import Backbone

if TYPE_CHECKING:
    from pkdn.perceptual import Judge

# Of ImageNet's photos, for images in [-1, 1]; the numbers are those of LPIPS's authors.
MEAN: Final = (-0.030, -0.088, -0.188)
DEVIATION: Final = (0.458, 0.448, 0.450)
TINY: Final = 1e-10
"""Beside the length of features that are all zero."""


def load(backbone: Backbone, device: torch.device) -> "Judge":
    """Return the metric, from ``PKDN_MIRROR``'s ``lpips/``, the downloads, or their sources.

    Raises:
        UserError: a file cannot be had, or is another one than its publishers offer.
    """
    files = (backbone.weights, backbone.channels)
    folder = download.locate("lpips", files, mirror=download.mirror())
    weights, channels = (read_tensors(folder / file.name) for file in files)
    return Lpips(backbone, weights, channels, device)


class Lpips:
    """The distance of two images.

    Args:
        backbone: Whose features are compared.
        weights: Its tensors, ``features.N.weight`` and ``features.N.bias`` among them.
        channels: ``lin0.model.1.weight`` and so on, (1, C, 1, 1) each.
        device: Where it computes, in fp32.
    """

    def __init__(
        self,
        backbone: Backbone,
        weights: dict[str, Tensor],
        channels: dict[str, Tensor],
        device: torch.device,
    ) -> None:
        self.name = backbone.name
        self.features = nn.Sequential(*backbone.layers)
        own = {name[9:]: value for name, value in weights.items() if name.startswith("features.")}
        self.features.load_state_dict(own)
        self.features.to(device).eval()
        self.channels = {
            layer: channels[f"lin{number}.model.1.weight"].to(device)
            for number, layer in enumerate(backbone.taken)
        }
        self.mean, self.deviation = (
            torch.tensor(numbers, device=device).view(1, 3, 1, 1) for numbers in (MEAN, DEVIATION)
        )

    @torch.inference_mode()
    def __call__(self, sr_image: np.ndarray, hr_image: np.ndarray) -> dict[str, float]:
        """Return the distance of two images, uint8, (H, W, 3), 0 for equal ones."""
        pair = torch.from_numpy(np.stack((sr_image, hr_image))).to(self.mean.device)
        image = (pair.permute(0, 3, 1, 2).float() / 127.5 - 1 - self.mean) / self.deviation
        distance = 0.0
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in self.channels:
                sr, hr = image / (image.square().sum(1, keepdim=True).sqrt() + TINY)
                distance += float(((sr - hr).square() * self.channels[index]).sum(1).mean())
        return {self.name: distance}
