"""How a network is trained: its optimiser, its rate over time, its batches, its length."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch

from pkdn.errors import UserError
from pkdn.runs import value_of
from pkdn.training.augmentation import AUGMENTATIONS, Augmentation

Optimizer = partial[Any]
"""One of PyTorch's optimisers with its constants."""

EPSILON = 1e-8
KEPT = ("best", "last")
A_RATE = "a number above 0, such as 1e-4"
RECORDED = {"alpha": "smoothing", "eps": "epsilon"}
"""How records call PyTorch's constants."""
# One-cycle schedule: our choice for short trainings of networks without normalisation.
WARM_UP = 0.15
FINAL_RATE = 0.02
# As the widely used face parser was trained.
POLY_WARM_UP = 1_000 / 80_000
POLY_START = 1e-5 / 1e-2
POLY_POWER = 0.9


@dataclass(frozen=True)
class Schedule:
    """The share of the learning rate over a training.

    Attributes:
        words: what it is called in tables.
        share: from the share of the training that is done, (0, 1], to that of the rate.
        milestones: shares of the training where the rate falls at once.
    """

    words: str
    share: Callable[[float], float]
    milestones: tuple[float, ...] = ()


def _one_cycle(progress: float) -> float:
    """Rise linearly over the first 15% of the training, then fall along a half cosine to 2%."""
    if progress < WARM_UP:
        return progress / WARM_UP
    fall = 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    return FINAL_RATE + (1 - FINAL_RATE) * fall


def _poly(progress: float) -> float:
    """Rise a thousandfold by equal ratios over 1,000 of 80,000 steps; fall by the power of 0.9."""
    if progress < POLY_WARM_UP:
        return POLY_START ** (1 - progress / POLY_WARM_UP)
    return float(((1 - progress) / (1 - POLY_WARM_UP)) ** POLY_POWER)


CONSTANT = Schedule("constant", lambda progress: 1.0)  # noqa: ARG005
SCHEDULES: dict[str, Schedule] = {
    "constant": CONSTANT,
    "one_cycle": Schedule("one cycle", _one_cycle),
    "poly": Schedule("poly", _poly),
}


def halved_at(*steps: int, of: int) -> Schedule:
    """Return a schedule that halves the rate after each of these steps of a training of ``of``."""
    shares = tuple(step / of for step in steps)
    return Schedule("halved", lambda done: 0.5 ** sum(done > share for share in shares), shares)


ADAM: Optimizer = partial(torch.optim.Adam, betas=(0.9, 0.99), eps=EPSILON, fused=True)
"""KDFSRNet's (not stated in the paper; chosen because PKDN follows it)."""
RMSPROP: Optimizer = partial(torch.optim.RMSprop, alpha=0.99, eps=EPSILON)
"""PyTorch's, without momentum."""
SGD: Optimizer = partial(torch.optim.SGD, momentum=0.9, weight_decay=5e-4, fused=True)
"""The widely used face parser's, but with one rate and one weight decay for all parameters (not
stated in the paper; chosen because every training here has one group of them)."""


def is_rate(value: object) -> bool:
    """Return whether something is a learning rate: a finite number above 0."""
    return isinstance(value, int | float) and value is not True and 0 < value < math.inf


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value is not True and value > 0


def _is_augmentation(value: object) -> bool:
    """Records call it by its name."""
    return value is None or (callable(value) and hasattr(value, "__name__"))


def _are(is_one: Callable[[object], bool], values: object) -> bool:
    """Return whether all values by data sets are such, where there are any."""
    return values is None or (isinstance(values, Mapping) and all(map(is_one, values.values())))


@dataclass(frozen=True, kw_only=True)
class AuthorsRecipe:
    """What a system's authors state of their training.

    Attributes:
        optimizer: with its constants.
        learning_rate: the rate that ``schedule`` scales.
        schedule: its milestones are the authors' steps as shares of their training, so that they
            move with it where a profile is shorter.
        batch_size: faces in one step.
        steps: how many, by data set, and for all ``others``; None where they do not say: as many
            as the one recipe.
        augment: what the training faces go through, likewise by data set; None for nothing.
        keep: which weights stay: the ``best`` by validation, or the ``last``.
        distillation: where the system has a teacher of its own: the loss's weights, and over how
            many epochs of the authors' ``steps`` they fade; 0: they do not.
    """

    optimizer: Optimizer = ADAM
    learning_rate: float
    schedule: Schedule
    batch_size: int
    steps: Mapping[str, int] | None = None
    augment: Mapping[str, Augmentation | None] | None = None
    keep: str = "last"
    distillation: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Refuse values of other kinds, which a training would meet late or not at all.

        Raises:
            UserError: the first of them.
        """
        for name, is_one, kind in (
            ("optimizer", isinstance(self.optimizer, partial), "partial(torch.optim.Adam, …)"),
            ("learning_rate", is_rate(self.learning_rate), A_RATE),
            ("schedule", isinstance(self.schedule, Schedule), "CONSTANT or halved_at(…)"),
            ("batch_size", _is_count(self.batch_size), "a whole number from 1 on"),
            ("keep", self.keep in KEPT, " or ".join(KEPT)),
            ("steps", _are(_is_count, self.steps), '{"helen": 1000, OTHERS: 1000}'),
            ("augment", _are(_is_augmentation, self.augment), "{OTHERS: mirror}, functions by def"),
        ):
            if not is_one:
                found = getattr(self, name)
                raise UserError(f"RECIPE: {name}: expected {kind}, got {found!r}: mend it")

    def num_steps(self, dataset: str, values: Mapping[str, Any]) -> int:
        """Return how long the training is: see :meth:`Recipe.by_authors` for ``values``."""
        steps = values["steps"] if self.steps is None else value_of(self.steps, dataset)
        return min(steps, values["most_steps"] or steps)

    def distilled(self, dataset: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the distillation, its epochs scaled as the training is.

        They are at least one, or 0 as stated, with which the weights stay as they are.
        """
        found: dict[str, Any] = dict(self.distillation or {})
        if found.get("distill_epochs") and self.steps is not None:
            share = self.num_steps(dataset, values) / value_of(self.steps, dataset)
            found["distill_epochs"] = max(1, round(found["distill_epochs"] * share))
        return found


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, whoever states it.

    Attributes:
        optimizer: with its constants.
        learning_rate: the rate that ``schedule`` scales.
        schedule: the share of the rate over time.
        batch_size: faces in one step.
        steps: how many.
        threads: processor threads; 0 for as many as PyTorch takes.
        keep: which weights stay: the ``best`` by validation, or the ``last``.
        augment: what the training faces go through; None for nothing.
        skip_bad_steps: how many steps may be left out whose loss or gradients are not finite.
    """

    optimizer: Optimizer = ADAM
    learning_rate: float
    schedule: Schedule
    batch_size: int
    steps: int
    threads: int
    keep: str = "last"
    augment: Augmentation | None = None
    skip_bad_steps: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any], optimizer: Optimizer = ADAM) -> Self:
        """Return the recipe that ``params.yaml`` says, such as the one of all systems."""
        schedule = SCHEDULES[values["schedule"]]
        augment = AUGMENTATIONS[values.get("augment", "none")]
        named = {"schedule": schedule, "optimizer": optimizer, "augment": augment}
        return cls(**{**values, **named})

    @classmethod
    def by_authors(cls, authors: AuthorsRecipe, dataset: str, values: Mapping[str, Any]) -> Self:
        """Return a system's own recipe.

        Args:
            authors: of the system's file.
            dataset: which of the authors' lengths and augmentations.
            values: ``steps``, ``threads`` and ``skip_bad_steps`` of the one recipe; and
                what a short training needs: ``most_steps`` and ``largest_batch``, 0 for no limit,
                and ``rate_factor``.
        """
        return cls(
            optimizer=authors.optimizer,
            learning_rate=authors.learning_rate * values["rate_factor"],
            schedule=authors.schedule,
            batch_size=min(authors.batch_size, values["largest_batch"] or authors.batch_size),
            steps=authors.num_steps(dataset, values),
            threads=values["threads"],
            skip_bad_steps=values["skip_bad_steps"],
            keep=authors.keep,
            augment=value_of(authors.augment, dataset) if authors.augment else None,
        )

    def record(self) -> dict[str, Any]:
        """Return the recipe as plain values, for records."""
        values = {**vars(self), "schedule": self.schedule.words}
        if self.schedule.milestones:
            values["milestones"] = [round(share * self.steps) for share in self.schedule.milestones]
        values["augment"] = self.augment.__name__ if self.augment else "none"
        values["optimizer"] = self.optimizer.func.__name__
        constants = {k: v for k, v in self.optimizer.keywords.items() if k != "fused"}
        named = {f"optimizer_{RECORDED.get(k, k)}": value for k, value in constants.items()}
        return {**values, **named}

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule.share((step + 1) / self.steps)
