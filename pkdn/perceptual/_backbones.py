"""The networks whose features LPIPS compares, and where their weights are published."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from torch import nn

from pkdn.data.fetching.web import RemoteFile

VGG_WIDTHS: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions between two poolings."""


class Backbone(NamedTuple):
    """A network of features.

    Attributes:
        name: As the authors of LPIPS call it.
        layers: Those of its ``features``, as its publishers number them.
        taken: After which of them features are taken.
        weights: The network's, trained on ImageNet.
        channels: How much each of the features counts, by the authors of LPIPS.
    """

    name: str
    layers: tuple[nn.Module, ...]
    taken: tuple[int, ...]
    weights: RemoteFile
    channels: RemoteFile


def alexnet() -> Backbone:
    """Return AlexNet, in PyTorch's version."""
    layers = (
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )
    weights = _imagenet(
        "alexnet-owt-7be5be79.pth",
        244_408_911,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    )
    channels = _channels(
        "alex.pth", 6_009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"
    )
    return Backbone("alex", layers, (1, 4, 7, 9, 11), weights, channels)


def vgg16() -> Backbone:
    """Return VGG-16."""
    weights = _imagenet(
        "vgg16-397923af.pth",
        553_433_881,
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    )
    channels = _channels(
        "vgg.pth", 7_289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
    )
    return Backbone("vgg", (*_vgg_layers(),), (3, 8, 15, 22, 29), weights, channels)


def _vgg_layers() -> Iterator[nn.Module]:
    before = 3
    for group in VGG_WIDTHS:
        if before > 3:
            yield nn.MaxPool2d(2)
        for width in group:
            yield nn.Conv2d(before, width, 3, padding=1)
            yield nn.ReLU()
            before = width


def _channels(name: str, num_bytes: int, checksum: str) -> RemoteFile:
    place = "richzhang/PerceptualSimilarity"
    return RemoteFile(
        name,
        num_bytes,
        f"sha256:{checksum}",
        (f"https://raw.githubusercontent.com/{place}/master/lpips/weights/v0.1/{name}",),
        f"https://github.com/{place}, folder lpips/weights/v0.1",
    )


def _imagenet(name: str, num_bytes: int, checksum: str) -> RemoteFile:
    address = f"https://download.pytorch.org/models/{name}"
    return RemoteFile(name, num_bytes, f"sha256:{checksum}", (address,), address)
