"""BiSeNet, the face-parsing network."""

from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkdn.faces.classes import NUM_CLASSES

SIDE_MULTIPLE = 32
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Logits(NamedTuple):
    """Class scores (N, 19, H, W); the auxiliary heads speak in training mode only."""

    main: Tensor
    auxiliary8: Tensor | None
    auxiliary16: Tensor | None


class BiSeNet(nn.Module):
    """Bilateral segmentation network (Yu et al. 2018) with a ResNet-18 context path.

    It is the form of the widely used face-parsing checkpoint, whose state dict loads key for
    key: the stride-8 features of the ResNet stand in for the spatial path, and the names
    ``conv_out16`` and ``conv_out32`` are the checkpoint's for heads at strides 8 and 16.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusionModule(256)
        self.conv_out = parsing_head(256, 256)
        self.conv_out16 = parsing_head(128, 64)
        self.conv_out32 = parsing_head(128, 64)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, images: Tensor, *, map_size: int | None = None) -> Logits:
        """Score every pixel for every class.

        Args:
            images: RGB, [0, 1], (N, 3, H, W); H and W multiples of 32.
            map_size: side of the logits; without it they have the images' size.

        Returns:
            Logits, in the geometry that they have at the images' size; the auxiliary ones are
            None in evaluation mode.

        Raises:
            ValueError: a side is no multiple of 32.
        """
        height, width = images.shape[-2:]
        if height % SIDE_MULTIPLE or width % SIDE_MULTIPLE:
            raise ValueError(
                f"BiSeNet takes images whose sides are multiples of {SIDE_MULTIPLE}, "
                f"got {height}×{width}: resize them first"
            )
        spatial8, context8, context16 = self.cp((images - self.mean) / self.std)
        fused = self.ffm(spatial8, context8)
        size = (height, width)
        main = _upsample(self.conv_out(fused), size, map_size)
        if not self.training:
            return Logits(main, None, None)
        return Logits(
            main,
            _upsample(self.conv_out16(context8), size, map_size),
            _upsample(self.conv_out32(context16), size, map_size),
        )


def named(**layers: nn.Module) -> nn.Sequential:
    """Return layers in sequence under the names that they have in the checkpoint."""
    return nn.Sequential(OrderedDict(layers))


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """Return a convolution that keeps the size, batch normalisation, ReLU."""
    padding = kernel_size // 2
    return named(
        conv=nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False),
        bn=nn.BatchNorm2d(out_channels),
        relu=nn.ReLU(),
    )


def parsing_head(in_channels: int, mid_channels: int) -> nn.Sequential:
    """Return a 3×3 convolution and the class scores."""
    return named(
        conv=conv_norm_relu(in_channels, mid_channels, 3),
        conv_out=nn.Conv2d(mid_channels, NUM_CLASSES, 1, bias=False),
    )


class ContextPath(nn.Module):
    """ResNet-18, attention refinement at strides 16 and 32, and the global average."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinementModule(256, 128)
        self.arm32 = AttentionRefinementModule(512, 128)
        self.conv_head32 = conv_norm_relu(128, 128, 3)
        self.conv_head16 = conv_norm_relu(128, 128, 3)
        self.conv_avg = conv_norm_relu(512, 128, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map normalised images to the ResNet's features at stride 8, and context at 8 and 16.

        Args:
            images: (N, 3, H, W).

        Returns:
            (N, 128, H/8, W/8), (N, 128, H/8, W/8), (N, 128, H/16, W/16).
        """
        stride8, stride16, stride32 = self.resnet(images)
        refined32 = self.arm32(stride32) + self.conv_avg(_average(stride32))
        context16 = self.conv_head32(F.interpolate(refined32, scale_factor=2.0, mode="nearest"))
        refined16 = self.arm16(stride16) + context16
        context8 = self.conv_head16(F.interpolate(refined16, scale_factor=2.0, mode="nearest"))
        return stride8, context8, context16


class AttentionRefinementModule(nn.Module):
    """Channel attention from the global average (Yu et al. 2018, Fig. 2b)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv_norm_relu(in_channels, out_channels, 3)
        self.conv_atten = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W)."""
        features = self.conv(features)
        return features * torch.sigmoid(self.bn_atten(self.conv_atten(_average(features))))


class FeatureFusionModule(nn.Module):
    """Joins spatial and context features (Yu et al. 2018, Fig. 2c)."""

    def __init__(self, channels: int, *, reduction: int = 4) -> None:
        super().__init__()
        self.convblk = conv_norm_relu(channels, channels, 1)
        self.conv1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.conv2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Map two (N, channels / 2, H, W) to (N, channels, H, W)."""
        features = self.convblk(torch.cat([spatial, context], dim=1))
        attention = torch.sigmoid(self.conv2(F.relu(self.conv1(_average(features)))))
        return features + features * attention


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016, Fig. 5 left)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H / stride, W / stride)."""
        shortcut = self.downsample(features)
        residual = F.relu(self.bn1(self.conv1(features)), inplace=True)
        return F.relu(shortcut + self.bn2(self.conv2(residual)), inplace=True)


class ResNet18(nn.Module):
    """The convolutional part of ResNet-18 (He et al. 2016, Table 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map normalised images (N, 3, H, W) to features at strides 8, 16 and 32."""
        features = F.relu(self.bn1(self.conv1(images)), inplace=True)
        stem = F.max_pool2d(features, 3, stride=2, padding=1)
        stride8 = self.layer2(self.layer1(stem))
        stride16 = self.layer3(stride8)
        return stride8, stride16, self.layer4(stride16)


def _average(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3), keepdim=True)


def _upsample(logits: Tensor, size: tuple[int, int], map_size: int | None) -> Tensor:
    if map_size is None:
        # The checkpoint was trained with aligned corners.
        return F.interpolate(logits, size, mode="bilinear", align_corners=True)
    rows, columns = (
        _weights(source, through, map_size, logits.device).to(logits.dtype)
        for source, through in zip(logits.shape[-2:], size, strict=True)
    )
    return rows @ logits @ columns.T


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)  # cached for trainings too
def _weights(source: int, through: int, target: int, device: torch.device) -> Tensor:
    """Interpolate to ``through`` pixels and from there to ``target``, as one (target, source).

    Both steps at once cost a fraction of either, above all backwards on processors.
    """
    steps = torch.eye(source)[None]
    steps = F.interpolate(steps, through, mode="linear", align_corners=True)
    return F.interpolate(steps, target, mode="linear")[0].T.contiguous().to(device)
