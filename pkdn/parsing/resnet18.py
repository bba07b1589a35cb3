"""ResNet-18 without its classifier, giving the features at strides 8, 16 and 32."""

from typing import NamedTuple

from torch import Tensor, nn

NUM_BLOCKS_PER_STAGE = 2


class StrideFeatures(NamedTuple):
    """Features (N, C, H / stride, W / stride) with 128, 256 and 512 channels."""

    stride8: Tensor
    stride16: Tensor
    stride32: Tensor


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016, Fig. 5 left)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H / stride, W / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        residual = self.relu(self.bn1(self.conv1(features)))
        return self.relu(shortcut + self.bn2(self.conv2(residual)))


class ResNet18(nn.Module):
    """The convolutional part of ResNet-18 (He et al. 2016, Table 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, stride=1)
        self.layer2 = _stage(64, 128, stride=2)
        self.layer3 = _stage(128, 256, stride=2)
        self.layer4 = _stage(256, 512, stride=2)

    def forward(self, images: Tensor) -> StrideFeatures:
        """Map normalised images (N, 3, H, W) to three feature maps."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        stride8 = self.layer2(self.layer1(stem))
        stride16 = self.layer3(stride8)
        return StrideFeatures(stride8, stride16, self.layer4(stride16))


def _stage(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    blocks = [BasicBlock(in_channels, out_channels, stride)]
    while len(blocks) < NUM_BLOCKS_PER_STAGE:
        blocks.append(BasicBlock(out_channels, out_channels, stride=1))
    return nn.Sequential(*blocks)
