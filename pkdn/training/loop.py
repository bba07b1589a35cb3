"""The training loop: one for every system.

It takes a task, which turns a batch into loss terms, and knows nothing of teachers.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from pkdn.errors import UserError
from pkdn.training.batches import FaceBatches
from pkdn.training.checkpoint import Checkpoint, random_state, restore_random_state
from pkdn.training.precision import Precision
from pkdn.training.recipe import SGD, Adam, Recipe, RMSprop
from pkdn.training.task import Task

ROWS_PER_CURVE = 1000
LEAST_STEPS_PER_ROW = 10
SECONDS_BETWEEN_CHECKPOINTS = 60

Row = dict[str, float]


class _Parts:
    """What a task trains: for each loss term the module that minimises it, and its optimiser.

    A gradient is taken of each term for the parameters of its own module alone, and all of them
    before any weight moves: so a network and its adversary share a step without touching each
    other's gradients.
    """

    def __init__(self, task: Task, recipe: Recipe, precision: Precision) -> None:
        modules = {term: precision.place(module) for term, module in task.minimised.items()}
        trained = {
            term: [p for p in module.parameters() if p.requires_grad]
            for term, module in modules.items()
        }
        self.parameters = {term: found for term, found in trained.items() if found}
        self.modules = {term: modules[term] for term in self.parameters}
        self.optimizers = {
            term: _optimizer(recipe, found) for term, found in self.parameters.items()
        }

    def step(self, terms: dict[str, Tensor], rate: float) -> None:
        for term, parameters in self.parameters.items():
            gradients = torch.autograd.grad(terms[term], parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()

    def train(self, mode: bool) -> None:
        for module in self.modules.values():
            module.train(mode)

    def state(self) -> dict[str, Any]:
        return {
            "modules": {term: module.state_dict() for term, module in self.modules.items()},
            "optimizers": {term: each.state_dict() for term, each in self.optimizers.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        for term, module in self.modules.items():
            module.load_state_dict(state["modules"][term])
            self.optimizers[term].load_state_dict(state["optimizers"][term])


def _optimizer(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    match recipe.optimizer:
        case Adam(betas, epsilon):
            return torch.optim.Adam(
                parameters, lr=recipe.learning_rate, betas=betas, eps=epsilon, fused=True
            )
        case RMSprop(smoothing, epsilon):
            return torch.optim.RMSprop(
                parameters, lr=recipe.learning_rate, alpha=smoothing, eps=epsilon
            )
        case SGD(momentum, weight_decay):
            return torch.optim.SGD(
                parameters,
                lr=recipe.learning_rate,
                momentum=momentum,
                weight_decay=weight_decay,
                fused=True,
            )


@dataclass
class _Progress:
    """Where a training stands; all of it goes into a checkpoint."""

    step: int = 0
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)


class _Means:
    """Running means of the loss terms, kept on the device until they are read."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            value = value.detach().float()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def read(self) -> Row:
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


def _steps(batches: FaceBatches, recipe: Recipe, first: int) -> Iterator[tuple[int, int, Any]]:
    """Yield (step, epoch, batch) from step ``first`` to the end of the training."""
    per_epoch = len(batches)
    for epoch in range(first // per_epoch, recipe.epochs):
        skip = max(0, first - epoch * per_epoch)
        for offset, batch in enumerate(batches.epoch(epoch, first=skip), start=skip):
            yield epoch * per_epoch + offset, epoch, batch


def train(
    task: Task,
    batches: FaceBatches,
    recipe: Recipe,
    *,
    precision: Precision,
    title: str,
    validate: Callable[[], Row] | None = None,
    checkpoint: Checkpoint | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train what the task minimises, in place, and return its curve.

    With a checkpoint that holds a state, the training continues there; on the CPU it ends with
    the very weights that an uninterrupted one ends with.

    Args:
        task: the network, its adversaries if any, and their losses.
        batches: the training faces.
        recipe: optimiser, rate, schedule and length.
        precision: number and memory format.
        title: what the progress bar says.
        validate: called after every epoch with the network in evaluation mode.
        checkpoint: where the state is kept; None keeps none.
        on_row: called with every new row of the curve.

    Returns:
        Rows with ``epoch``, ``step``, ``seconds``, ``learning_rate`` and the means of the loss
        terms since the row before; after an epoch also what ``validate`` returned.

    Raises:
        UserError: the loss is no longer finite.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    parts = _Parts(task, recipe, precision)
    if not parts.modules:
        return []
    if not len(batches):
        raise UserError(f"{title}: expected training faces, found none")
    progress = _restore(checkpoint, parts)
    if on_row is not None:
        for row in progress.rows:
            on_row(row)
    num_steps = recipe.epochs * len(batches)
    if recipe.max_steps:
        num_steps = min(num_steps, recipe.max_steps)
    steps_per_row = max(LEAST_STEPS_PER_ROW, num_steps // ROWS_PER_CURVE)
    started = time.perf_counter() - progress.seconds
    saved = time.perf_counter()
    means = _Means()
    parts.train(True)
    with _progress_bar() as bar:
        line = bar.add_task(title, total=num_steps, completed=progress.step, note="")
        for step, epoch, batch in _steps(batches, recipe, progress.step):
            rate = recipe.rate(step, epoch, num_steps)
            with precision.autocast():
                terms = task.losses(batch, epoch)
            parts.step(terms, rate)
            means.add(terms)
            progress.step = step + 1
            bar.advance(line)
            is_last = progress.step == num_steps
            ends_epoch = progress.step % len(batches) == 0 or is_last
            if not ends_epoch and progress.step % steps_per_row:
                continue
            row = {"epoch": epoch, "step": progress.step, "learning_rate": rate, **means.read()}
            _check_finite(row, parts.modules, title)
            if ends_epoch and validate is not None:
                parts.train(False)
                row |= validate()
                parts.train(True)
            progress.seconds = time.perf_counter() - started
            row["seconds"] = round(progress.seconds, 3)
            progress.rows.append(row)
            bar.update(line, note=_note(row))
            if on_row is not None:
                on_row(row)
            if checkpoint and time.perf_counter() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                _save(checkpoint, parts, progress)
                saved = time.perf_counter()
            if is_last:
                break
    parts.train(False)
    return progress.rows


def _check_finite(row: Row, minimised: Iterable[str], title: str) -> None:
    for term in minimised:
        if not math.isfinite(row[term]):
            raise UserError(
                f"{title}: expected a finite {term}, got {row[term]} at step {row['step']:.0f}: "
                "the training diverged; choose a learning_rate below "
                f"{row['learning_rate']:.2g}"
            )


def _note(row: Row) -> str:
    note = f"loss {row['loss']:.4f}"
    return note + (f"  val {row['val_psnr']:.2f} dB" if "val_psnr" in row else "")


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )


def _save(checkpoint: Checkpoint, parts: _Parts, progress: _Progress) -> None:
    checkpoint.save(
        {
            **parts.state(),
            "random": random_state(),
            "step": progress.step,
            "seconds": progress.seconds,
            "rows": progress.rows,
        }
    )


def _restore(checkpoint: Checkpoint | None, parts: _Parts) -> _Progress:
    state = checkpoint.load() if checkpoint else None
    if state is None:
        return _Progress()
    parts.restore(state)
    restore_random_state(state["random"])
    print(f"continuing at step {state['step']} of a training that was interrupted", flush=True)
    return _Progress(state["step"], state["seconds"], state["rows"])
