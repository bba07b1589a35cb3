"""The training loop: one for every system.

It takes a task, which turns a batch into loss terms, and knows nothing of teachers.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from pkdn.data.batches import FaceBatches
from pkdn.errors import UserError
from pkdn.params import Recipe
from pkdn.precision import Precision
from pkdn.training.checkpoint import Checkpoint, random_state, restore_random_state

if TYPE_CHECKING:  # a parser is trained here too, and does not depend on PKDN's losses
    from pkdn.tasks import Task

# Not stated in the paper; chosen because KDFSRNet's code has them.
ADAM_BETAS = (0.9, 0.99)
ADAM_EPSILON = 1e-8
# One-cycle schedule: our choice for short trainings of networks without normalisation.
WARM_UP = 0.15
FINAL_RATE = 0.02

ROWS_PER_CURVE = 1000
LEAST_STEPS_PER_ROW = 10
SECONDS_BETWEEN_CHECKPOINTS = 60

Row = dict[str, float]


def learning_rate(recipe: Recipe, step: int, num_steps: int) -> float:
    """Return the rate of a step, counted from 0.

    ``constant``: the recipe's rate. ``one_cycle``: a linear rise to it over the first 15% of the
    training, then a half cosine down to 2% of it.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    progress = (step + 1) / num_steps
    if progress < WARM_UP:
        return recipe.learning_rate * progress / WARM_UP
    fall = 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    return recipe.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * fall)


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
        self.__init__()  # type: ignore[misc]
        return means


def _steps(batches: FaceBatches, recipe: Recipe, first: int) -> Iterator[tuple[int, int, Any]]:
    """Yield (step, epoch, batch) from step ``first`` to the end of the training."""
    per_epoch = len(batches)
    for epoch in range(first // per_epoch, recipe.epochs):
        skip = max(0, first - epoch * per_epoch)
        for offset, batch in enumerate(batches.epoch(epoch, first=skip), start=skip):
            yield epoch * per_epoch + offset, epoch, batch


def train(
    task: "Task",
    batches: FaceBatches,
    recipe: Recipe,
    *,
    precision: Precision,
    title: str,
    validate: Callable[[], Row] | None = None,
    checkpoint: Checkpoint | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train ``task.network`` in place and return its curve.

    With a checkpoint that holds a state, the training continues there; on the CPU it ends with
    the very weights that an uninterrupted one ends with.

    Args:
        task: the network and its loss.
        batches: the training faces.
        recipe: epochs, rate and schedule.
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
    network = precision.place(task.network)
    parameters = [p for p in network.parameters() if p.requires_grad]
    if not parameters:
        return []
    optimizer = torch.optim.Adam(
        parameters, lr=recipe.learning_rate, betas=ADAM_BETAS, eps=ADAM_EPSILON, fused=True
    )
    if not len(batches):
        raise UserError(f"{title}: expected training faces, found none")
    progress = _restore(checkpoint, network, optimizer)
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
    network.train()
    with _progress_bar() as bar:
        line = bar.add_task(title, total=num_steps, completed=progress.step, note="")
        for step, epoch, batch in _steps(batches, recipe, progress.step):
            rate = learning_rate(recipe, step, num_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with precision.autocast():
                terms = task.losses(batch, epoch)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            optimizer.step()
            means.add(terms)
            progress.step = step + 1
            bar.advance(line)
            is_last = progress.step == num_steps
            ends_epoch = progress.step % len(batches) == 0 or is_last
            if not ends_epoch and progress.step % steps_per_row:
                continue
            row = {"epoch": epoch, "step": progress.step, "learning_rate": rate, **means.read()}
            _check_finite(row, title)
            if ends_epoch and validate is not None:
                network.eval()
                row |= validate()
                network.train()
            progress.seconds = time.perf_counter() - started
            row["seconds"] = round(progress.seconds, 3)
            progress.rows.append(row)
            bar.update(line, note=_note(row))
            if on_row is not None:
                on_row(row)
            if checkpoint and time.perf_counter() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                _save(checkpoint, network, optimizer, progress)
                saved = time.perf_counter()
            if is_last:
                break
    network.eval()
    return progress.rows


def _check_finite(row: Row, title: str) -> None:
    if not math.isfinite(row["loss"]):
        raise UserError(
            f"{title}: expected a finite loss, got {row['loss']} at step {row['step']:.0f}: the "
            f"training diverged; choose a learning_rate below {row['learning_rate']:.2g}"
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


def _save(
    checkpoint: Checkpoint,
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: _Progress,
) -> None:
    checkpoint.save(
        {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": random_state(),
            "step": progress.step,
            "seconds": progress.seconds,
            "rows": progress.rows,
        }
    )


def _restore(
    checkpoint: Checkpoint | None, network: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> _Progress:
    state = checkpoint.load() if checkpoint else None
    if state is None:
        return _Progress()
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    restore_random_state(state["random"])
    print(f"continuing at step {state['step']} of a training that was interrupted", flush=True)
    return _Progress(state["step"], state["seconds"], state["rows"])
