"""PKDN: Prior Knowledge Distillation Network (Yang et al. 2024, arXiv 2409.14385).

The teacher sees the face-parsing map of the HR face; the student sees the LR face alone.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.learning.network import Output, TappedNetwork
from pkdn.networks.layers.autoencoder import DOWN_TAPS, UP_TAPS, AttentionStudent
from pkdn.networks.layers.blocks import (
    ChannelAttention,
    Downsample,
    Pooling,
    ResidualChannelAttentionGroup,
    Upsample,
    bicubic_input,
    conv3,
    start_near_input,
)
from pkdn.networks.layers.encoding import encode, num_channels

TITLE = "PKDN"
INPUT = "128×128, bicubic"

# Eq. 5 sums over "each downsampling and upsampling block": eight taps, without the bottleneck
# that KDFSRNet's code distils too.
DISTILLED_TAPS = DOWN_TAPS + UP_TAPS

# Not stated in the paper; chosen because FishFSRNet's attention has it.
ATTENTION_REDUCTION = 4
SPATIAL_EXPANSION = 2

SIZES: dict[str, dict[str, Any]] = {
    "demo": {"width": 8, "num_blocks": 1},
    "small": {"width": 32, "num_blocks": 2},
    "paper": {},
}
TEACHER_SIZES: dict[str, dict[str, Any]] = {
    "demo": {"width": 8, "num_blocks": 1, "num_prior_blocks": 1},
    "small": {"width": 32, "num_blocks": 2, "num_prior_blocks": 1},
    "paper": {},
}


class PKDN(AttentionStudent):
    """The student (§3.2): an autoencoder of RCAGs on the LR face alone; all that inference runs.

    It is KDFSRNet's student, since the paper "closely follows" that one: what differs is the
    teacher, and so the weights.
    """


class SpatialAttention(nn.Module):
    """Weigh each pixel of each channel: x · σ(conv1×1(ReLU(conv1×1(x)))), as FishFSRNet has it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, SPATIAL_EXPANSION * channels, 1)
        self.reduce = nn.Conv2d(SPATIAL_EXPANSION * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return features * torch.sigmoid(self.reduce(F.relu(self.expand(features))))


class PriorFusionBlock(nn.Module):
    """PFB (§3.3, Fig. 3): fuse the parsing map into the features.

    z = Conv3([ReLU(Conv3 F), ReLU(Conv3 P↓)]);  out = F + Conv1([CA(z), SA(z)]).
    """

    def __init__(self, width: int, parsing_channels: int, pooling: Pooling) -> None:
        super().__init__()
        self.project_features = conv3(width, width)
        self.project_parsing = conv3(parsing_channels, width)
        self.fuse = conv3(2 * width, width)
        self.channel_attention = ChannelAttention(
            width, hidden=width // ATTENTION_REDUCTION, pooling=pooling
        )
        self.spatial_attention = SpatialAttention(width)
        self.merge = nn.Conv2d(2 * width, width, 1)

    def forward(self, features: Tensor, parsing: Tensor) -> Tensor:
        """Features (N, C, H, W) with the map at any size (N, P, ·, ·) → (N, C, H, W)."""
        resized = F.interpolate(parsing, features.shape[-2:], mode="nearest")
        projected = [
            F.relu(self.project_features(features)),
            F.relu(self.project_parsing(resized)),
        ]
        fused = self.fuse(torch.cat(projected, dim=1))
        attended = torch.cat([self.channel_attention(fused), self.spatial_attention(fused)], dim=1)
        return features + self.merge(attended)


class PriorFusionStage(nn.ModuleList):
    """The PFBs of one stage."""

    def __init__(
        self, width: int, num_blocks: int, parsing_channels: int, pooling: Pooling
    ) -> None:
        super().__init__(
            PriorFusionBlock(width, parsing_channels, pooling) for _ in range(num_blocks)
        )

    def forward(self, features: Tensor, parsing: Tensor) -> Tensor:
        """(N, C, H, W), (N, P, ·, ·) → (N, C, H, W)."""
        for block in self:
            features = block(features, parsing)
        return features


class UnguidedStage(nn.Module):
    """The student's RCAG in a PFB's place (Table 2, first row): it sees no parsing map."""

    def __init__(self, width: int, num_blocks: int) -> None:
        super().__init__()
        self.group = ResidualChannelAttentionGroup(width, num_blocks)

    def forward(self, features: Tensor, parsing: Tensor) -> Tensor:  # noqa: ARG002
        """(N, C, H, W) → (N, C, H, W)."""
        refined: Tensor = self.group(features)
        return refined


class ResidualBlock(nn.Module):
    """y + conv3 – ReLU – conv3 (y)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3(width, width), nn.ReLU(inplace=True), conv3(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return features + self.body(features)


class FeatureFusionBlock(nn.Module):
    """FFB (Fig. 2): feed the difference to the encoder's features back, then refine.

    out = CA(F + R(F − F_p)), with R two residual blocks, as in FishFSRNet's refinement.
    """

    def __init__(self, width: int, pooling: Pooling) -> None:
        super().__init__()
        self.projection = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.attention = ChannelAttention(
            width, hidden=width // ATTENTION_REDUCTION, pooling=pooling
        )

    def forward(self, features: Tensor, encoder_features: Tensor) -> Tensor:
        """Two of (N, C, H, W) → (N, C, H, W)."""
        return self.attention(features + self.projection(features - encoder_features))


class PKDNTeacher(TappedNetwork):
    """The teacher (§3.1, Fig. 1): PFBs in every stage, an FFB after each stage of the decoder.

    An FFB compares with the encoder's features of its own resolution: the head's at 128².

    Args:
        width: channels of every feature map.
        num_blocks: RCABs in a stage where ``prior_fusion`` is off.
        num_prior_blocks: PFBs in a stage. Not stated in the paper; chosen because FishFSRNet's
            code and KDFSRNet's teacher have two blocks in a stage.
        encoding: the parsing map as colours (3 channels) or one-hot (19).
        prior_fusion: with PFBs; without them the student's RCAG stands in their place.
        feature_fusion: with FFBs.
        pooling: the statistics of the channel attention in PFB and FFB. Not stated in the paper;
            chosen because the average is the plain reading; FishFSRNet's three are the other.
        global_residual: add the bicubic input to the output.
    """

    reads = ("lr_image", "labels")

    def __init__(
        self,
        *,
        width: int = 64,
        num_blocks: int = 6,
        num_prior_blocks: int = 2,
        encoding: str = "palette",
        prior_fusion: bool = True,
        feature_fusion: bool = True,
        pooling: Pooling = "average",
        global_residual: bool = False,
    ) -> None:
        super().__init__()
        self.encoding = encoding
        self.global_residual = global_residual

        def stage() -> nn.Module:
            if prior_fusion:
                channels = num_channels(encoding)
                return PriorFusionStage(width, num_prior_blocks, channels, pooling)
            return UnguidedStage(width, num_blocks)

        self.head = conv3(3, width)
        self.down_sample = nn.ModuleDict({tap: Downsample(width) for tap in DOWN_TAPS})
        self.down_stage = nn.ModuleDict({tap: stage() for tap in DOWN_TAPS})
        self.bottleneck = stage()
        self.up_sample = nn.ModuleDict({tap: Upsample(width) for tap in UP_TAPS})
        self.up_stage = nn.ModuleDict({tap: stage() for tap in UP_TAPS})
        fusions = UP_TAPS if feature_fusion else ()
        self.fusion = nn.ModuleDict({tap: FeatureFusionBlock(width, pooling) for tap in fusions})
        self.tail = conv3(width, 3)
        if global_residual:
            resampling = [*self.down_sample.values(), *self.up_sample.values()]
            start_near_input(self.head, self.tail, resampling)

    def output(self, lr_image: Tensor, labels: Tensor) -> Output:
        """Return the SR image with the taps.

        Args:
            lr_image: (N, 3, 16, 16), [0, 1].
            labels: (N, 128, 128), the HR face's parsing classes 0–18.
        """
        upsampled = bicubic_input(lr_image)
        parsing = encode(labels, self.encoding)
        taps: dict[str, Tensor] = {}
        features = self.head(upsampled)
        encoder = [features]
        for tap in DOWN_TAPS:
            features = self.down_stage[tap](self.down_sample[tap](features), parsing)
            taps[tap] = features
            encoder.append(features)
        encoder.pop()  # no decoder stage has the bottleneck's resolution
        features = taps["bottleneck"] = self.bottleneck(features, parsing)
        for tap in UP_TAPS:
            features = self.up_stage[tap](self.up_sample[tap](features), parsing)
            encoder_features = encoder.pop()
            if tap in self.fusion:
                features = self.fusion[tap](features, encoder_features)
            taps[tap] = features
        sr_image = self.tail(features)
        return Output(sr_image + upsampled if self.global_residual else sr_image, taps)


NETWORK = PKDN
TEACHER = PKDNTeacher
