"""The autoencoder that students and teachers of KDFSRNet and PKDN are."""

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

    Attributes:
        head: the first convolution.
        down: stages by their taps, their resampling first.
        bottleneck: the stage at 8×8.
        up: as ``down``.
        fusion: joins the features of some stages of ``up`` with those of the encoder that have
            the same resolution, which are the head's at 128².
        tail: the last convolution.
        global_residual: whether the bicubic input is added to the output.
    """

    head: nn.Conv2d
    down: nn.ModuleDict
    bottleneck: nn.Module
    up: nn.ModuleDict
    fusion: nn.ModuleDict
    tail: nn.Conv2d
    global_residual: bool

    def start(self, *, global_residual: bool) -> None:
        """Set the first weights, when all layers are there."""
        self.global_residual = global_residual
        if global_residual:
            resampling = [m for m in self.modules() if isinstance(m, Downsample | Upsample)]
            start_near_input(self.head, self.tail, resampling)

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
        super().__init__()
        group = partial(ResidualChannelAttentionGroup, width, num_blocks)
        self.head = conv3(in_channels, width)
        self.down = nn.ModuleDict(
            {tap: nn.Sequential(Downsample(width), group()) for tap in DOWN_TAPS}
        )
        self.bottleneck = group()
        self.up = nn.ModuleDict({tap: nn.Sequential(Upsample(width), group()) for tap in UP_TAPS})
        self.fusion = nn.ModuleDict()
        self.tail = conv3(width, 3)
        self.start(global_residual=global_residual)


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
