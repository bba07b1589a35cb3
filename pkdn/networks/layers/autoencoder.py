"""The autoencoder that students and teachers of KDFSRNet and PKDN are."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from pkdn.learning.network import Output, TappedNetwork
from pkdn.networks.layers.blocks import (
    Downsample,
    ResidualChannelAttentionGroup,
    Upsample,
    bicubic_input,
    conv3,
    start_near_input,
)

NUM_LEVELS = 4
DOWN_TAPS = tuple(f"down{level}" for level in range(1, NUM_LEVELS + 1))
UP_TAPS = tuple(f"up{level}" for level in range(1, NUM_LEVELS + 1))


class Autoencoder(TappedNetwork):
    """128×128 → four halvings → 8×8 → four doublings → 128×128, a stage after each.

    Every stage ends in a named tap: ``down1`` (64²) to ``down4`` (8²), ``bottleneck`` (8²),
    ``up1`` (16²) to ``up4`` (128²), each with ``width`` channels.

    Args:
        head: the first convolution.
        down: stages by their taps, their resampling first.
        bottleneck: the stage at 8×8.
        up: as ``down``.
        fusion: by taps of ``up``, joins their features with those of the encoder that have the
            same resolution, which are the head's at 128².
        tail: the last convolution.
        global_residual: add the bicubic input to the output.
    """

    def __init__(
        self,
        *,
        head: nn.Conv2d,
        down: Mapping[str, nn.Module],
        bottleneck: nn.Module,
        up: Mapping[str, nn.Module],
        fusion: Mapping[str, nn.Module],
        tail: nn.Conv2d,
        global_residual: bool,
    ) -> None:
        super().__init__()
        self.head, self.bottleneck, self.tail = head, bottleneck, tail
        self.down, self.up, self.fusion = map(nn.ModuleDict, (down, up, fusion))
        self.global_residual = global_residual
        if global_residual:
            resampling = [m for m in self.modules() if isinstance(m, Downsample | Upsample)]
            start_near_input(head, tail, resampling)

    def decode(self, image: Tensor, upsampled: Tensor, *parsing: Tensor) -> Output:
        """Run the network on its head's input.

        Args:
            image: (N, in_channels, 128, 128).
            upsampled: the bicubic input, (N, 3, 128, 128), added where the residual is on.
            parsing: the encoded parsing map, (N, P, 128, 128), where the stages take it.
        """
        taps: dict[str, Tensor] = {}
        features = self.head(image)
        encoder = [features]
        for tap, stage in self.down.items():
            features = taps[tap] = stage(features, *parsing)
            encoder.append(features)
        features = taps["bottleneck"] = self.bottleneck(features, *parsing)
        for (tap, stage), same_size in zip(self.up.items(), encoder[-2::-1], strict=True):
            features = stage(features, *parsing)
            if tap in self.fusion:
                features = self.fusion[tap](features, same_size)
            taps[tap] = features
        sr_image = self.tail(features)
        return Output(sr_image + upsampled if self.global_residual else sr_image, taps)


class AttentionAutoencoder(Autoencoder):
    """Its stages are RCAGs.

    Args:
        in_channels: channels of the head's input.
        width: channels of every feature map.
        num_blocks: RCABs in every stage.
        global_residual: add the bicubic input to the output.
    """

    def __init__(
        self, *, in_channels: int, width: int, num_blocks: int, global_residual: bool
    ) -> None:
        group = partial(ResidualChannelAttentionGroup, width, num_blocks)
        super().__init__(
            head=conv3(in_channels, width),
            down={tap: nn.Sequential(Downsample(width), group()) for tap in DOWN_TAPS},
            bottleneck=group(),
            up={tap: nn.Sequential(Upsample(width), group()) for tap in UP_TAPS},
            fusion={},
            tail=conv3(width, 3),
            global_residual=global_residual,
        )


class AttentionStudent(AttentionAutoencoder):
    """The student of KDFSRNet and PKDN: the autoencoder on the bicubic-upsampled LR face.

    At the paper's sizes 5,203,995 parameters and 13.7 GMAC. KDFSRNet's code counts 24 more, the
    frozen weights of a mean shift that does nothing.
    """

    def __init__(
        self, *, width: int = 64, num_blocks: int = 6, global_residual: bool = False
    ) -> None:
        super().__init__(
            in_channels=3, width=width, num_blocks=num_blocks, global_residual=global_residual
        )

    def output(self, lr_image: Tensor) -> Output:
        """Return the SR image with the nine taps. ``lr_image``: (N, 3, 16, 16), [0, 1]."""
        upsampled = bicubic_input(lr_image)
        return self.decode(upsampled, upsampled)
