import numpy as np
import pytest
import torch
from PIL import Image

from pkdn.training.resampling import bicubic, quantize, to_float


@pytest.mark.parametrize(
    ("source", "target"), [(128, 16), (16, 128), (97, 128), (300, 16), (61, 50)]
)
def test_equals_pillow_bit_for_bit(source: int, target: int) -> None:
    pixels = np.random.default_rng(source).integers(0, 256, (source, source, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(pixels).resize((target, target), Image.Resampling.BICUBIC))
    ours = bicubic(torch.from_numpy(pixels).permute(2, 0, 1)[None], target)
    assert np.array_equal(ours[0].permute(1, 2, 0).numpy(), pillow)


def test_refuses_what_pillow_would_order_otherwise() -> None:
    with pytest.raises(ValueError, match="square"):
        bicubic(torch.zeros(1, 3, 20, 16, dtype=torch.uint8), 8)
    with pytest.raises(ValueError, match="uint8"):
        bicubic(torch.zeros(1, 3, 16, 16), 8)


def test_float_round_trip_keeps_every_level() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(quantize(to_float(levels)), levels)
