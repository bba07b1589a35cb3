"""One network beside its counterpart: what they make of the same faces, and how they learn."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import Tensor, nn

from parity.faces import Faces
from parity.names import Pair
from parity.systems import System
from pkdn.errors import UserError

Modules = tuple[str, nn.Module, nn.Module]
Sides = tuple[Tensor, Tensor]
"""Ours and theirs."""


class Differences(NamedTuple):
    """The largest differences, in fp32.

    Attributes:
        evaluated: Of SR in [0, 1], in evaluation mode.
        trained: The same in training mode.
        features: Of other outputs and of features, as shares of their largest value.
        gradients: As shares of the network's largest gradient.
        statistics: Of running means and variances after a step, as shares of their largest value.
        homeless: How many of their weights have no place in ours.
    """

    evaluated: float
    trained: float
    features: float
    gradients: float
    statistics: float
    homeless: int


def compare(system: System, theirs: nn.Module, faces: Faces) -> Differences:
    """Give ``theirs`` the weights of ours, with running statistics that say something.

    Raises:
        UserError: The weights of ours do not all fit.
    """
    torch.manual_seed(0)
    ours = system.ours()
    _perturb(ours)
    homeless = _carry(ours, theirs, system)
    with torch.no_grad():
        evaluated = _largest([_run(system, ours, theirs, faces, train=False)[0]])
    sr_image, *others = _run(system, ours, theirs, faces, train=True)
    for side in zip(sr_image, *others, strict=True):
        torch.stack([tensor.square().mean() for tensor in side]).sum().backward()
    gradients, statistics = _gradients(ours, theirs, system), list[Sides]()
    for _, here, there in _modules(ours, theirs, system.weights):
        statistics += zip(_statistics(here), _statistics(there), strict=True)
    scale = max(float(a.abs().max()) for a, _ in gradients)
    return Differences(
        evaluated,
        _largest([sr_image]),
        max(map(_share, others)),
        _largest(gradients) / scale,
        max(map(_share, statistics), default=0.0),
        homeless,
    )


def _perturb(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)


def _carry(ours: nn.Module, theirs: nn.Module, system: System) -> int:
    """Copy the weights; return how many of theirs get none."""
    given, filled = 0, set()
    for name, here, there in _modules(ours, theirs, system.weights):
        state = here.state_dict()
        there.load_state_dict({**state, "weight": _ordered(state["weight"], name, system)})
        given += sum(parameter.numel() for parameter in here.parameters())
        filled |= {id(parameter) for parameter in there.parameters()}
    if given != (all_ours := sum(p.numel() for p in ours.parameters())):
        raise UserError(
            f"expected a counterpart of all {all_ours:,} weights; the names of {given:,} are known:"
            " complete parity/names.py"
        )
    return sum(p.numel() for p in theirs.parameters() if id(p) not in filled)


def _gradients(ours: nn.Module, theirs: nn.Module, system: System) -> list[Sides]:
    pairs = []
    for name, here, there in _modules(ours, theirs, system.weights):
        for (kind, a), b in zip(here.named_parameters(), there.parameters(), strict=True):
            assert a.grad is not None and b.grad is not None
            pairs.append((_ordered(a.grad, name, system) if kind == "weight" else a.grad, b.grad))
    return pairs


def _ordered(weight: Tensor, name: str, system: System) -> Tensor:
    return weight[:, system.orders[name]] if name in system.orders else weight


def _modules(ours: nn.Module, theirs: nn.Module, pairs: Iterable[Pair]) -> Iterator[Modules]:
    """Yield what pairs name: our name, our module, theirs."""
    for here, there in pairs:
        try:
            yield here, ours.get_submodule(here), theirs.get_submodule(there)
        except AttributeError as error:
            raise UserError(
                f"expected the networks that parity/names.py knows; {error}: take the checkout's "
                "default branch, or correct the names"
            ) from error


def _run(
    system: System, ours: nn.Module, theirs: nn.Module, faces: Faces, *, train: bool
) -> list[Sides]:
    """Return the outputs and features of both, pair by pair, SR first."""
    sides = []
    for side, (network, run) in enumerate(((ours, system.run_ours), (theirs, system.run_theirs))):
        network.train(train)
        features: list[Tensor] = []
        with ExitStack() as hooks:
            for pair in system.features:
                module = network.get_submodule(pair[side])
                hooks.enter_context(
                    module.register_forward_hook(lambda _, __, out, kept=features: kept.append(out))
                )
            outputs = run(network, faces)
        sides.append([*outputs, *features])
    return [*zip(*sides, strict=True)]


def _statistics(module: nn.Module) -> list[Tensor]:
    if not isinstance(module, nn.BatchNorm2d):
        return []
    assert module.running_mean is not None and module.running_var is not None
    return [module.running_mean, module.running_var]


def _largest(pairs: Iterable[Sides]) -> float:
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def _share(pair: Sides) -> float:
    return _largest([pair]) / max(float(pair[0].detach().abs().max()), 1e-12)
