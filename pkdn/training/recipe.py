"""How a network is trained: its optimiser, its rate over time, its batches, its length."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

Schedule = Callable[[int, float], float]
"""From an epoch, counted from 0, and the share of the training that is done, (0, 1], to the share
of the learning rate."""

Optimizer = partial[Any]
"""One of PyTorch's optimisers with its constants."""

Augmentation = Callable[[Tensor], Tensor]
"""From HR faces, uint8 (N, 3, 128, 128), to as many others."""

EPSILON = 1e-8
RECORDED = {"alpha": "smoothing", "eps": "epsilon"}
"""How records call PyTorch's constants."""
# One-cycle schedule: our choice for short trainings of networks without normalisation.
WARM_UP = 0.15
FINAL_RATE = 0.02
# As the widely used face parser was trained.
POLY_WARM_UP = 1_000 / 80_000
POLY_POWER = 0.9


def constant(epoch: int, progress: float) -> float:  # noqa: ARG001
    """Keep the rate."""
    return 1.0


def one_cycle(epoch: int, progress: float) -> float:  # noqa: ARG001
    """Rise linearly over the first 15% of the training, then fall along a half cosine to 2%."""
    if progress < WARM_UP:
        return progress / WARM_UP
    fall = 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    return FINAL_RATE + (1 - FINAL_RATE) * fall


def poly(epoch: int, progress: float) -> float:  # noqa: ARG001
    """Rise over the first 1,000 of 80,000 steps, then fall as the remaining share to the 0.9."""
    return min(1.0, progress / POLY_WARM_UP) * (1 - progress) ** POLY_POWER


def halved_at(*shares: float) -> Schedule:
    """Return a schedule that halves the rate after each of these shares of the training."""

    def halved(epoch: int, progress: float) -> float:  # noqa: ARG001
        return 0.5 ** sum(progress > share for share in shares)

    return halved


SCHEDULES: dict[str, Schedule] = {"constant": constant, "one_cycle": one_cycle, "poly": poly}


ADAM: Optimizer = partial(torch.optim.Adam, betas=(0.9, 0.99), eps=EPSILON, fused=True)
"""KDFSRNet's (not stated in the paper; chosen because PKDN follows it)."""
RMSPROP: Optimizer = partial(torch.optim.RMSprop, alpha=0.99, eps=EPSILON)
"""PyTorch's, without momentum."""
SGD: Optimizer = partial(torch.optim.SGD, momentum=0.9, weight_decay=5e-4, fused=True)
"""The widely used face parser's."""


@dataclass(frozen=True, kw_only=True)
class AuthorsRecipe:
    """What a system's authors state of their training, but for its length.

    Attributes:
        optimizer: with its constants.
        learning_rate: the rate that ``schedule`` scales.
        schedule: the share of the rate over time; the authors' steps as shares of their training.
        batch_size: faces in one step.
        augment: what the training faces go through; None for nothing.
    """

    optimizer: Optimizer = ADAM
    learning_rate: float
    schedule: Schedule
    batch_size: int
    augment: Augmentation | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe(AuthorsRecipe):
    """How a network is trained, whoever states it.

    Attributes:
        epochs: passes over the training faces.
        max_steps: where training ends though epochs are left; 0 for no such limit.
        threads: processor threads; 0 for as many as PyTorch takes.
        skip_bad_steps: how many steps may be left out whose loss or gradients are not finite.
    """

    epochs: int
    max_steps: int
    threads: int
    skip_bad_steps: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any], optimizer: Optimizer = ADAM) -> Self:
        """Return the recipe that ``params.yaml`` says, such as the one of all systems."""
        schedule = SCHEDULES[values["schedule"]]
        return cls(**{**values, "schedule": schedule, "optimizer": optimizer})

    @classmethod
    def by_authors(cls, authors: AuthorsRecipe, values: Mapping[str, Any]) -> Self:
        """Return a system's own recipe, for as many passes over the faces as the others make.

        The authors' lengths are for CelebA or not stated at all; chosen because systems compare
        when they have seen the faces equally often.

        Args:
            authors: of the system's file.
            values: ``epochs``, ``max_steps``, ``threads`` and ``skip_bad_steps`` of the one
                recipe; and what a short training needs: ``largest_batch``, 0 for no limit, and
                ``rate_factor``.
        """
        kept = ("epochs", "max_steps", "threads", "skip_bad_steps")
        length = {name: values[name] for name in kept}
        limited = {
            "batch_size": min(authors.batch_size, values["largest_batch"] or authors.batch_size),
            "learning_rate": authors.learning_rate * values["rate_factor"],
        }
        return cls(**{**vars(authors), **limited, **length})

    def record(self) -> dict[str, Any]:
        """Return the recipe as plain values, for records."""
        values = {**vars(self), "schedule": self.schedule.__name__}
        del values["augment"]
        if self.augment is not None:
            values["augment"] = self.augment.__name__
        values["optimizer"] = self.optimizer.func.__name__
        constants = {k: v for k, v in self.optimizer.keywords.items() if k != "fused"}
        named = {f"optimizer_{RECORDED.get(k, k)}": value for k, value in constants.items()}
        return {**values, **named}

    def rate(self, step: int, epoch: int, num_steps: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule(epoch, (step + 1) / num_steps)
