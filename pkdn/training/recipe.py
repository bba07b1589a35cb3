"""How a network is trained: its optimiser, its rate over time, its batches, its length."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from torch import Tensor

Schedule = Callable[[int, float], float]
"""From an epoch, counted from 0, and the share of the training that is done, (0, 1], to the share
of the learning rate."""

Augmentation = Callable[[Tensor], Tensor]
"""From HR faces, uint8 (N, 3, 128, 128), to as many others."""

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


@dataclass(frozen=True)
class Adam:
    """Adam; the defaults are KDFSRNet's (not stated in the paper; chosen because PKDN follows it).

    Attributes:
        betas: decay of the means of the gradient and of its square.
        epsilon: added to the root.
    """

    betas: tuple[float, float] = (0.9, 0.99)
    epsilon: float = 1e-8


@dataclass(frozen=True)
class RMSprop:
    """RMSprop without momentum.

    Attributes:
        smoothing: decay of the mean of the squared gradient.
        epsilon: added to the root.
    """

    smoothing: float
    epsilon: float = 1e-8


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent; the defaults are the widely used face parser's.

    Attributes:
        momentum: of the gradient.
        weight_decay: share of the weights added to it.
    """

    momentum: float = 0.9
    weight_decay: float = 5e-4


Optimizer = Adam | RMSprop | SGD


@dataclass(frozen=True)
class AuthorsRecipe:
    """What a system's authors state of their training, but for its length.

    Attributes:
        optimizer: with its constants.
        learning_rate: at the start.
        schedule: what becomes of the rate; the authors' steps as shares of their training.
        batch_size: faces in one step.
        augment: what the training faces go through; None for nothing.
    """

    optimizer: Optimizer
    learning_rate: float
    schedule: Schedule
    batch_size: int
    augment: Augmentation | None = None


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training faces.
        batch_size: faces in one step.
        learning_rate: the rate that ``schedule`` scales.
        schedule: the share of the rate over time.
        max_steps: where training ends though epochs are left; 0 for no such limit.
        threads: processor threads; 0 for as many as PyTorch takes.
        optimizer: with its constants.
        augment: what the training faces go through; None for nothing.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    max_steps: int
    threads: int
    optimizer: Optimizer = Adam()
    augment: Augmentation | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], optimizer: Optimizer = Adam()) -> Self:
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
            values: ``epochs``, ``max_steps`` and ``threads`` of the one recipe; and what a short
                training needs: ``largest_batch``, 0 for no limit, and ``rate_factor``.
        """
        return cls(
            epochs=values["epochs"],
            batch_size=min(authors.batch_size, values["largest_batch"] or authors.batch_size),
            learning_rate=authors.learning_rate * values["rate_factor"],
            schedule=authors.schedule,
            max_steps=values["max_steps"],
            threads=values["threads"],
            optimizer=authors.optimizer,
            augment=authors.augment,
        )

    def record(self) -> dict[str, Any]:
        """Return the recipe as plain values, for records."""
        values = asdict(self) | {"schedule": self.schedule.__name__}
        del values["augment"]
        if self.augment is not None:
            values["augment"] = self.augment.__name__
        optimizer = values.pop("optimizer")
        named = {f"optimizer_{name}": value for name, value in optimizer.items()}
        return {**values, "optimizer": type(self.optimizer).__name__, **named}

    def rate(self, step: int, epoch: int, num_steps: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule(epoch, (step + 1) / num_steps)
