"""PKDN: face super-resolution by prior-knowledge distillation, as a reproducible laboratory."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkdn.upscaling import Upscaler

__version__ = "0.1.0"


def load(weights: str | Path | None = None, *, device: str | None = None) -> "Upscaler":
    """Return a trained student that upscales faces of 16×16 pixels to 128×128.

    Args:
        weights: a file; or the name of a student that was trained here, such as ``helen-full-0``.
            By default the full student that was trained here on photographs, else the one in
            ``weights/``.
        device: where it computes, such as ``cpu`` or ``cuda:1``; by default the GPU where there
            is one.

    Raises:
        UserError: there is none, it is no student, or students of several data sets were trained
            here and none is named.
    """
    from pkdn import upscaling

    return upscaling.Upscaler(upscaling.chosen_weights(weights), device)
