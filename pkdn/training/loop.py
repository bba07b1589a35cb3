"""The training loop: one for every system.

It takes a task, which turns a batch into loss terms, and knows nothing of teachers.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import count, islice

import torch
from torch import Tensor

from pkdn.errors import UserError
from pkdn.progress import Progress
from pkdn.shortages import advising
from pkdn.training import compiling
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.checkpoint import Checkpoint, Stop
from pkdn.training.precision import Precision
from pkdn.training.recipe import Recipe
from pkdn.training.state import CRITERION, Row, TrainingState
from pkdn.training.task import Task

ROWS_PER_CURVE = 1000
LEAST_STEPS_PER_ROW = 10
MOST_VALIDATIONS = 100
SECONDS_BETWEEN_CHECKPOINTS = 60
SMALLER_BATCHES = (
    "this training takes {size} faces in a batch: choose a smaller batch_size in params.yaml, for "
    "authors' recipes a smaller largest_batch, for the parser the batch_size of its own"
)


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
    stop: Stop | None = None,
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
        stop: what listens to signals already; a signal at the last step does not end the training.

    Returns:
        Rows with ``epoch``, ``step``, ``seconds``, ``learning_rate`` and the means of the loss
        terms since the row before, each over the steps that have it; where it was validated also
        what ``validate`` returned. Where steps may be left out, also ``skipped_steps``, how many
        were, up to that row. With ``recipe.keep`` "best" the network has the weights of the row
        with the highest ``val_psnr``, the first of them.

    Raises:
        UserError: a loss, a weight or the validation is no longer finite, or more steps than
            ``recipe.skip_bad_steps`` had losses or gradients that are not.
        SystemExit: the process was asked to end by a signal; the state is saved.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    training = TrainingState(task, recipe, precision)
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
    listening = nullcontext(stop) if stop else Stop()
    losses = compiling.losses_of(task, precision)
    telling = compiling.telling() if precision.compiled else nullcontext()
    progress = Progress(title, num_steps, done=training.steps)
    with progress, listening as heard, advising(smaller), telling:
        steps = _steps(batches, training.steps)
        for number, epoch, batch in islice(steps, num_steps - training.steps):
            rate = recipe.rate(number)
            training.before_step()
            with precision.autocast():
                terms = losses(batch, epoch)
            training.step(terms, rate, title)
            progress.advance()
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
                progress.words = _words(row)
                report(row)
            is_due = time.perf_counter() - saved > SECONDS_BETWEEN_CHECKPOINTS
            if step == num_steps:  # what it ends with is kept by whoever called
                break
            if checkpoint and (is_due or heard.signal):
                training.check_finite({"learning_rate": rate}, title)
                training.save(checkpoint)
                saved = time.perf_counter()
            if heard.signal:
                print(f"{title}: asked to end at step {step}; it continues there", flush=True)
                sys.exit(128 + heard.signal)
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
    """Average each loss term over the steps that have it; they stay on the device until here."""
    found: dict[str, list[Tensor]] = {}
    for terms in steps:
        for name, value in terms.items():
            found.setdefault(name, []).append(value)
    return {name: float(sum(values)) / len(values) for name, values in found.items()}


def _words(row: Row) -> str:
    loss = f"loss {row['loss']:.4f}" if "loss" in row else "no step that counts"
    return loss + (f", val {row['val_psnr']:.2f} dB" if "val_psnr" in row else "")
