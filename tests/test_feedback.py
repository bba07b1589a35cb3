"""The feedback block of DIC."""

import torch
from torch import Tensor

from pkdn.networks.layers.feedback import Join

WIDTH, COUNT = 4, 3


def results(found: Tensor, join: Join, maps: list[Tensor]) -> list[Tensor]:
    return [found, *torch.autograd.grad(found.square().sum(), [*maps, *join.parameters()])]


def test_maps_are_joined_as_by_one_convolution_of_all_side_by_side() -> None:
    torch.manual_seed(0)
    join = Join(WIDTH, COUNT)
    maps = [torch.randn(2, WIDTH, 8, 8, requires_grad=True) for _ in range(COUNT)]
    convolution, activation = join
    at_once = activation(convolution(torch.cat(maps, dim=1)))
    torch.testing.assert_close(
        results(join(maps), join, maps), results(at_once, join, maps), rtol=1e-4, atol=1e-5
    )
