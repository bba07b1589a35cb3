"""PKDN: Prior Knowledge Distillation Network (Yang et al. 2024, arXiv 2409.14385).

The teacher sees the face-parsing map of the HR face; the student sees the LR face alone.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pkdn.learning.network import Output
from pkdn.networks.layers.autoencoder import DOWN_TAPS, UP_TAPS, AttentionStudent, Autoencoder
from pkdn.networks.layers.blocks import (
    ChannelAttention,
    Downsample,
    Gate,
    Pooling,
    Residual,
    ResidualChannelAttentionGroup,
    Upsample,
    bicubic_input,
    conv3,
)
from pkdn.networks.layers.encoding import MapEncoder

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


class SpatialAttention(Gate):
    """Weigh each pixel of each channel: x · σ(conv1×1(ReLU(conv1×1(x)))), as FishFSRNet has it."""

    def __init__(self, channels: int) -> None:
        hidden = SPATIAL_EXPANSION * channels
        super().__init__(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1))


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


class PriorFusionStage(nn.Module):
    """A resampling and PFBs."""

    def __init__(self, resampling: nn.Module, blocks: Iterable[PriorFusionBlock]) -> None:
        super().__init__()
        self.resampling = resampling
        self.blocks = nn.ModuleList(blocks)

    def forward(self, features: Tensor, parsing: Tensor) -> Tensor:
        """(N, C, H, W), (N, P, ·, ·) → (N, C, ·, ·)."""
        features = self.resampling(features)
        for block in self.blocks:
            features = block(features, parsing)
        return features


def residual_block(width: int) -> Residual:
    """y + conv3 – ReLU – conv3 (y)."""
    return Residual(conv3(width, width), nn.ReLU(inplace=True), conv3(width, width))


class FeatureFusionBlock(nn.Module):
    """FFB (Fig. 2): feed the difference to the encoder's features back, then refine.

    out = CA(F + R(F − F_p)), with R two residual blocks, as in FishFSRNet's refinement.
    """

    def __init__(self, width: int, pooling: Pooling) -> None:
        super().__init__()
        self.projection = nn.Sequential(residual_block(width), residual_block(width))
        self.attention = ChannelAttention(
            width, hidden=width // ATTENTION_REDUCTION, pooling=pooling
        )

    def forward(self, features: Tensor, encoder_features: Tensor) -> Tensor:
        """Two of (N, C, H, W) → (N, C, H, W)."""
        return self.attention(features + self.projection(features - encoder_features))


class PKDNTeacher(Autoencoder):
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
        encode = MapEncoder(encoding)

        def stage(resampling: nn.Module) -> nn.Module:
            if not prior_fusion:
                group = ResidualChannelAttentionGroup(width, num_blocks)
                return nn.Sequential(resampling, group)
            block = partial(PriorFusionBlock, width, encode.num_channels, pooling)
            return PriorFusionStage(resampling, (block() for _ in range(num_prior_blocks)))

        def stages(
            taps: Sequence[str], resample: Callable[[int], nn.Module]
        ) -> dict[str, nn.Module]:
            resampling = [resample(width) for _ in taps]
            return dict(zip(taps, map(stage, resampling), strict=True))

        super().__init__(
            head=conv3(3, width),
            down=stages(DOWN_TAPS, Downsample),
            bottleneck=stage(nn.Identity()),
            up=stages(UP_TAPS, Upsample),
            fusion={tap: FeatureFusionBlock(width, pooling) for tap in UP_TAPS if feature_fusion},
            tail=conv3(width, 3),
            global_residual=global_residual,
        )
        self.encode = encode
        self.prior_fusion = prior_fusion

    def output(self, lr_image: Tensor, labels: Tensor) -> Output:
        """Return the SR image with the taps.

        Args:
            lr_image: (N, 3, 16, 16), [0, 1].
            labels: (N, 128, 128), the HR face's parsing classes 0–18.
        """
        upsampled = bicubic_input(lr_image)
        parsing = [self.encode(labels)] if self.prior_fusion else []
        return self.decode(upsampled, upsampled, *parsing)


NETWORK = PKDN
TEACHER = PKDNTeacher
