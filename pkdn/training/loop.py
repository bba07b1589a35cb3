"""The training loop: one for every system.

It takes a task, which turns a batch into loss terms, and knows nothing of teachers.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from pkdn.errors import UserError
from pkdn.shortages import advising
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.checkpoint import Checkpoint, Stop, random_state, restore_random_state
from pkdn.training.precision import Precision
from pkdn.training.recipe import Recipe
from pkdn.training.task import Task

ROWS_PER_CURVE = 1000
LEAST_STEPS_PER_ROW = 10
MOST_VALIDATIONS = 100
SECONDS_BETWEEN_CHECKPOINTS = 60
SMALLER_BATCHES = (
    "this training takes {size} faces in a batch: choose a smaller batch_size in params.yaml, for "
    "authors' recipes a smaller largest_batch, for the parser the batch_size of its own"
)

CRITERION = "val_psnr"
"""What the best weights are the best by."""

Row = dict[str, float]


class _Training:
    """What a task trains, and where that stands: what goes into a checkpoint.

    For each loss term it has the module that minimises it, and an optimiser. A gradient is taken
    of each term for the parameters of its own module alone, and all of them before any weight
    moves: so a network and its adversary share a step without touching each other's gradients.
    """

    def __init__(self, task: Task, recipe: Recipe, precision: Precision) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.steps, self.seconds, self.rows = 0, 0.0, list[Row]()
        self.best: dict[str, Tensor] = {}
        self.network = task.network
        self.skipped, self.may_skip = 0, recipe.skip_bad_steps
        self.since_row, self.buffers_before = list[dict[str, Tensor]](), list[Tensor]()
        for term, module in task.minimised.items():
            placed = precision.place(module)
            if trained := [p for p in placed.parameters() if p.requires_grad]:
                self.modules[term] = placed
                self.optimizers[term] = recipe.optimizer(trained, lr=recipe.learning_rate)

    def step(self, terms: dict[str, Tensor], rate: float, title: str) -> None:
        """Move the weights, unless a loss or gradient is no number and the step may be left out."""
        for term, optimizer in self.optimizers.items():
            (group,) = optimizer.param_groups
            group["lr"] = rate
            gradients = torch.autograd.grad(terms[term], group["params"], allow_unused=True)
            for parameter, gradient in zip(group["params"], gradients, strict=True):
                parameter.grad = gradient
        self.steps += 1
        if self.may_skip and not self._is_finite(terms):
            self._skip(title)
            return
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.since_row.append({k: v.detach().float() for k, v in terms.items()})

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
        for module in self.modules.values():
            module.train(training)

    def check_finite(self, row: Row, title: str) -> None:
        """Raise a :class:`UserError` where the row or a weight is no number."""
        found = {name: value for name, value in row.items() if not math.isfinite(value)}
        for module in self.modules.values():
            for name, weight in module.state_dict().items():
                if weight.is_floating_point() and not bool(weight.isfinite().all()):
                    found[name] = math.nan
        if found:
            name, value = next(iter(found.items()))
            raise UserError(
                f"{title}: expected a finite {name}, got {value} by step {self.steps}: the "
                f"training diverged; choose a learning_rate below {row['learning_rate']:.2g}, or "
                "smaller weights of the loss's terms"
            )

    def save(self, checkpoint: Checkpoint) -> None:
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
        state = checkpoint.load()
        if state is None:
            return
        for term, module in self.modules.items():
            module.load_state_dict(state["modules"][term])
            self.optimizers[term].load_state_dict(state["optimizers"][term])
        restore_random_state(state["random"])
        self.best = state["best"]
        self.steps, self.skipped, self.seconds, self.rows, self.since_row = state["progress"]
        print(f"continuing at step {self.steps} of a training that was interrupted", flush=True)


def _steps(batches: FaceBatches, first: int) -> Iterator[tuple[int, int, Batch]]:
    """Yield step, epoch and batch from step ``first`` on, without end."""
    per_epoch = len(batches)
    for epoch in count(first // per_epoch):
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
        validate: called with the network in evaluation mode at the end and after epochs, all of
            them or as many as make about 100 validations.
        checkpoint: where the state is kept; None keeps none.
        on_row: called with every new row of the curve.

    Returns:
        Rows with ``epoch``, ``step``, ``seconds``, ``learning_rate`` and the means of the loss
        terms since the row before; where it was validated also what ``validate`` returned. Where
        steps may be left out, also ``skipped_steps``, how many were, up to that row. With
        ``recipe.keep`` "best" the network has the weights of the row with the highest
        ``val_psnr``, the first of them.

    Raises:
        UserError: a loss, a weight or the validation is no longer finite, or more steps than
            ``recipe.skip_bad_steps`` had losses or gradients that are not.
        SystemExit: the process was asked to end by a signal; the state is saved.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    training = _Training(task, recipe, precision)
    if not training.modules:
        return []
    if not len(batches):
        raise UserError(f"{title}: expected training faces, found none")
    if checkpoint is not None:
        training.restore(checkpoint)
    report = on_row or (lambda _: None)
    for row in training.rows:
        report(row)
    num_steps = recipe.steps
    epochs_per_validation = math.ceil(num_steps / len(batches) / MOST_VALIDATIONS)
    steps_per_row = max(LEAST_STEPS_PER_ROW, num_steps // ROWS_PER_CURVE)
    started = time.perf_counter() - training.seconds
    saved = time.perf_counter()
    training.switch(training=True)
    smaller = SMALLER_BATCHES.format(size=batches.batch_size)
    with _progress_bar() as bar, Stop() as stop, advising(smaller):
        line = bar.add_task(title, total=num_steps, completed=training.steps, note="")
        steps = _steps(batches, training.steps)
        for number, epoch, batch in islice(steps, num_steps - training.steps):
            rate = recipe.rate(number)
            training.before_step()
            with precision.autocast():
                terms = task.losses(batch, epoch)
            training.step(terms, rate, title)
            bar.advance(line)
            step = training.steps
            training.seconds = time.perf_counter() - started
            ends_epoch = step % len(batches) == 0 or step == num_steps
            if ends_epoch or step % steps_per_row == 0:
                row = {"epoch": epoch, "step": step, "learning_rate": rate}
                row |= _means(training.since_row)
                if recipe.skip_bad_steps:
                    row["skipped_steps"] = training.skipped
                training.since_row.clear()
                training.check_finite(row, title)
                is_looked_at = step == num_steps or (epoch + 1) % epochs_per_validation == 0
                if validate is not None and ends_epoch and is_looked_at:
                    training.switch(training=False)
                    row |= validate()
                    training.switch(training=True)
                    training.check_finite(row, title)
                    if recipe.keep == "best":
                        training.keep_if_best(row)
                training.seconds = time.perf_counter() - started
                row["seconds"] = round(training.seconds, 3)
                training.rows.append(row)
                bar.update(line, note=_note(row))
                report(row)
            is_due = time.perf_counter() - saved > SECONDS_BETWEEN_CHECKPOINTS
            if checkpoint and step < num_steps and (is_due or stop.signal):
                training.check_finite({"learning_rate": rate}, title)
                training.save(checkpoint)
                saved = time.perf_counter()
            if stop.signal:
                print(f"{title}: asked to end at step {step}; it continues there", flush=True)
                sys.exit(128 + stop.signal)
    training.switch(training=False)
    if training.best:
        task.network.load_state_dict(training.best)
    return training.rows


def kept(curve: Sequence[Row], recipe: Recipe) -> Row:
    """Return the row of a curve whose weights a training of this recipe keeps."""
    validated = [row for row in curve if CRITERION in row]
    if recipe.keep == "best" and validated:
        return max(validated, key=lambda row: row[CRITERION])
    return curve[-1]


def _means(steps: Sequence[dict[str, Tensor]]) -> Row:
    """Average the loss terms of the steps of one epoch, which stay on the device until here."""
    names = steps[0] if steps else ()  # none where all were left out
    return {name: float(sum(terms[name] for terms in steps)) / len(steps) for name in names}


def _note(row: Row) -> str:
    note = f"loss {row['loss']:.4f}" if "loss" in row else "no step that counts"
    return note + (f"  val {row['val_psnr']:.2f} dB" if "val_psnr" in row else "")


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
