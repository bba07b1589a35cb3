"""First weights as authors' code draws them, where that is not PyTorch's way.

For ``Module.apply``.
"""

from collections.abc import Callable

from torch import Tensor, nn

DEVIATION = 0.02
"""SPARNet's and WFEN's."""


def kaiming(module: nn.Module) -> None:
    """Draw a layer's weights by He's rule for its inputs, without biases: DIC's."""
    _draw(module, lambda weight: nn.init.kaiming_normal_(weight, a=0, mode="fan_in"))


def normal(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02²), of batch normalisation from N(1, 0.02²): SPARNet's, WFEN's."""
    _draw(module, lambda weight: nn.init.normal_(weight, 0.0, DEVIATION))
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, DEVIATION)


def _draw(module: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        draw(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
