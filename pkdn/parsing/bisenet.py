"""BiSeNet, the face-parsing network."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkdn.faces.classes import NUM_CLASSES
from pkdn.parsing.resnet18 import ResNet18

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
        self.ffm = FeatureFusionModule(256, 256)
        self.conv_out = ParsingHead(256, 256)
        self.conv_out16 = ParsingHead(128, 64)
        self.conv_out32 = ParsingHead(128, 64)
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
        context = self.cp((images - self.mean) / self.std)
        fused = self.ffm(context.spatial8, context.context8)
        size = (height, width)
        main = _upsample(self.conv_out(fused), size, map_size)
        if not self.training:
            return Logits(main, None, None)
        return Logits(
            main,
            _upsample(self.conv_out16(context.context8), size, map_size),
            _upsample(self.conv_out32(context.context16), size, map_size),
        )


class ContextFeatures(NamedTuple):
    """Two 128-channel maps at stride 8 and one at stride 16."""

    spatial8: Tensor
    context8: Tensor
    context16: Tensor


class ContextPath(nn.Module):
    """ResNet-18, attention refinement at strides 16 and 32, and the global average."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinementModule(256, 128)
        self.arm32 = AttentionRefinementModule(512, 128)
        self.conv_head32 = ConvNormReLU(128, 128, 3)
        self.conv_head16 = ConvNormReLU(128, 128, 3)
        self.conv_avg = ConvNormReLU(512, 128, 1)

    def forward(self, images: Tensor) -> ContextFeatures:
        """Map normalised images (N, 3, H, W) to features at strides 8 and 16."""
        features = self.resnet(images)
        refined32 = self.arm32(features.stride32) + self.conv_avg(_average(features.stride32))
        context16 = self.conv_head32(F.interpolate(refined32, scale_factor=2.0, mode="nearest"))
        refined16 = self.arm16(features.stride16) + context16
        context8 = self.conv_head16(F.interpolate(refined16, scale_factor=2.0, mode="nearest"))
        return ContextFeatures(features.stride8, context8, context16)


class AttentionRefinementModule(nn.Module):
    """Channel attention from the global average (Yu et al. 2018, Fig. 2b)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(in_channels, out_channels, 3)
        self.conv_atten = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W)."""
        features = self.conv(features)
        return features * torch.sigmoid(self.bn_atten(self.conv_atten(_average(features))))


class FeatureFusionModule(nn.Module):
    """Joins spatial and context features (Yu et al. 2018, Fig. 2c)."""

    def __init__(self, in_channels: int, out_channels: int, *, reduction: int = 4) -> None:
        super().__init__()
        self.convblk = ConvNormReLU(in_channels, out_channels, 1)
        self.conv1 = nn.Conv2d(out_channels, out_channels // reduction, 1, bias=False)
        self.conv2 = nn.Conv2d(out_channels // reduction, out_channels, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Map two (N, in / 2, H, W) to (N, out, H, W)."""
        features = self.convblk(torch.cat([spatial, context], dim=1))
        attention = torch.sigmoid(self.conv2(F.relu(self.conv1(_average(features)))))
        return features + features * attention


class ParsingHead(nn.Module):
    """A 3×3 convolution and the class scores."""

    def __init__(self, in_channels: int, mid_channels: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(in_channels, mid_channels, 3)
        self.conv_out = nn.Conv2d(mid_channels, NUM_CLASSES, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, 19, H, W)."""
        return self.conv_out(self.conv(features))


class ConvNormReLU(nn.Module):
    """Convolution that keeps the size, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W)."""
        return F.relu(self.bn(self.conv(features)))


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
