"""What a training has reached: its weights, optimisers and curve, and what a checkpoint holds."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pkdn.errors import UserError
from pkdn.training.checkpoint import Checkpoint, random_state, restore_random_state
from pkdn.training.precision import Precision
from pkdn.training.recipe import Recipe
from pkdn.training.task import Task

CRITERION = "val_psnr"
"""What the best weights are the best by."""

Row = dict[str, float]


class TrainingState:
    """What a task trains, and where that stands: what goes into a checkpoint.

    For each loss term it has the module that minimises it, and an optimiser. A gradient is taken
    of each term for the parameters of its own module alone, and all of them before any weight
    moves: so a network and its adversary share a step without touching each other's gradients.

    Raises:
        UserError: two terms have a weight in common, whose gradients would be added up.
    """

    def __init__(self, task: Task, recipe: Recipe, precision: Precision) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.is_compiled = precision.compiled
        self.steps, self.seconds, self.rows = 0, 0.0, list[Row]()
        self.best: dict[str, Tensor] = {}
        self.network = task.network
        self.skipped, self.may_skip = 0, recipe.skip_bad_steps
        self.since_row, self.buffers_before = list[dict[str, Tensor]](), list[Tensor]()
        self.never_finite = set[tuple[str, str]]()  # such as the infinities of a mask
        minimises: dict[nn.Parameter, str] = {}
        for term, module in task.minimised.items():
            self.never_finite |= {
                (term, name) for name, value in _numbers(module) if not value.isfinite().all()
            }
            placed = precision.place(module)
            if trained := [p for p in placed.parameters() if p.requires_grad]:
                if again := [minimises[p] for p in trained if p in minimises]:
                    raise UserError(
                        f"{type(task).__name__}: expected weights that one term of `minimised` "
                        f"trains, got some that {again[0]} and {term} both do: keep the "
                        "discriminator outside NETWORK, and name each module once"
                    )
                minimises |= dict.fromkeys(trained, term)
                self.modules[term] = placed
                self.optimizers[term] = recipe.optimizer(trained, lr=recipe.learning_rate)

    def step(self, terms: dict[str, Tensor], rate: float, title: str) -> None:
        """Move the weights, unless a loss or gradient is no number and the step may be left out."""
        self._check(terms, title)
        for left, (term, optimizer) in enumerate(self.optimizers.items(), 1 - len(self.optimizers)):
            (group,) = optimizer.param_groups
            group["lr"] = rate
            # Compiled, all terms have one backward pass, which each of them runs.
            again = self.is_compiled and left < 0
            # Unlike `torch.autograd.grad`, it lays gradients out as their weights, which fused
            # optimisers take for granted.
            torch.autograd.backward(terms[term], inputs=group["params"], retain_graph=again)
        self.steps += 1
        if self.may_skip and not self._is_finite(terms):
            self._skip(title)
        else:
            for optimizer in self.optimizers.values():
                optimizer.step()
            copies = {k: v.detach().to(torch.float32, copy=True) for k, v in terms.items()}
            self.since_row.append(copies)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()  # a CUDA graph's memory, where they may lie, is needed again

    def _check(self, terms: Mapping[str, Tensor], title: str) -> None:
        """Look at the kinds of what a task, perhaps a user's, returned; a GPU is not waited for."""
        expected = f"{title}: expected of its task's `losses`"
        if not isinstance(terms, Mapping):
            raise UserError(f"{expected} a dict of terms, got {_kind(terms)}")
        if lacking := self.optimizers.keys() - terms.keys():
            raise UserError(
                f"{expected} the term {min(lacking)}, which the task minimises, got "
                f"{', '.join(terms) or 'none'}: let it return that"
            )
        for name, value in terms.items():
            if not isinstance(value, Tensor) or value.ndim:
                raise UserError(
                    f"{expected} a tensor of one number for the term {name}, got "
                    f"{_kind(value)}: let it return the mean, say"
                )
        for name in self.optimizers:
            if not terms[name].requires_grad:
                raise UserError(
                    f"{expected} the term {name} with its gradient, which the task minimises, got "
                    "one from which none comes: it may be detached, or no network may be in it"
                )

    def _is_finite(self, terms: dict[str, Tensor]) -> bool:
        """Look at all losses and gradients; on a GPU this waits for them."""
        groups = (optimizer.param_groups[0]["params"] for optimizer in self.optimizers.values())
        gradients = [p.grad for group in groups for p in group if p.grad is not None]
        found = [value.isfinite().all() for value in (*terms.values(), *gradients)]
        return bool(torch.stack(found).all())

    def _skip(self, title: str) -> None:
        """Leave this step out: what the forward pass did to running means is undone as well."""
        if self.skipped == self.may_skip:
            raise UserError(
                f"{title}: expected at most {self.may_skip} steps to leave out (skip_bad_steps), "
                f"got another at step {self.steps} whose loss or gradients are not finite: choose "
                "a smaller learning_rate, or smaller weights of the loss's terms"
            )
        self.skipped += 1
        print(f"{title}: step {self.steps} is left out, its loss or gradients are not finite")
        for buffer, value in zip(self._buffers(), self.buffers_before, strict=True):
            buffer.copy_(value)

    def before_step(self) -> None:
        """Keep what a forward pass changes, where its step may be left out."""
        if self.may_skip:
            self.buffers_before = [buffer.clone() for buffer in self._buffers()]

    def _buffers(self) -> list[Tensor]:
        return [buffer for module in self.modules.values() for buffer in module.buffers()]

    def keep_if_best(self, row: Row) -> None:
        """Copy the network where no earlier validation was as good."""
        before = [earlier[CRITERION] for earlier in self.rows if CRITERION in earlier]
        if CRITERION in row and row[CRITERION] > max(before, default=-math.inf):
            self.best = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}

    def switch(self, *, training: bool) -> None:
        """Put all modules into training or into evaluation mode."""
        for module in self.modules.values():
            module.train(training)

    def check_finite(self, row: Row, title: str) -> None:
        """Raise a :class:`UserError` where the row or a weight is no number."""
        found = {name: value for name, value in row.items() if not math.isfinite(value)}
        weights = [
            (name, weight)
            for term, module in self.modules.items()
            for name, weight in _numbers(module)
            if (term, name) not in self.never_finite
        ]
        finite = torch.stack([weight.isfinite().all() for _, weight in weights]).tolist()
        found |= {
            name: math.nan for (name, _), good in zip(weights, finite, strict=True) if not good
        }
        if found:
            name, value = next(iter(found.items()))
            raise UserError(
                f"{title}: expected a finite {name}, got {value} by step {self.steps}: the "
                f"training diverged; choose a learning_rate below {row['learning_rate']:.2g}, or "
                "smaller weights of the loss's terms"
            )

    def save(self, checkpoint: Checkpoint) -> None:
        """Write all that a training needs to go on."""
        checkpoint.save(
            {
                "modules": {term: module.state_dict() for term, module in self.modules.items()},
                "optimizers": {term: each.state_dict() for term, each in self.optimizers.items()},
                "random": random_state(),
                "best": self.best,
                "progress": (self.steps, self.skipped, self.seconds, self.rows, self.since_row),
            }
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint stands, where it holds something."""
        state = checkpoint.load()
        if state is None:
            return
        for term, module in self.modules.items():
            module.load_state_dict(state["modules"][term])
            self.optimizers[term].load_state_dict(state["optimizers"][term])
            _lay_out_as_weights(self.optimizers[term])
        restore_random_state(state["random"])
        self.best = state["best"]
        self.steps, self.skipped, self.seconds, self.rows, self.since_row = state["progress"]
        print(f"continuing at step {self.steps} of a training that was interrupted", flush=True)


def _numbers(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, t) for name, t in module.state_dict().items() if t.is_floating_point()]


def _lay_out_as_weights(optimizer: torch.optim.Optimizer) -> None:
    """Put what an optimiser remembers of each weight into the weight's memory format.

    Fused optimisers go by places in memory, and another machine may lay weights out otherwise.
    """
    for parameter, remembered in optimizer.state.items():
        for name, value in remembered.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                remembered[name] = torch.empty_like(parameter).copy_(value)


def _kind(found: Any) -> str:
    """Say what something is."""
    if isinstance(found, Tensor):
        return f"a tensor of the shape {tuple(found.shape)}"
    return type(found).__name__
