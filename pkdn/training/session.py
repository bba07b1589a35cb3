"""One training from start to files: resumed, shared between workers, recorded."""

import sys
import time
from collections.abc import Callable, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pkdn import tracking
from pkdn.faces.shards import Shards
from pkdn.provenance import write_curve
from pkdn.training.batches import FaceBatches
from pkdn.training.checkpoint import Stop, single_flight
from pkdn.training.loop import Row, kept, train
from pkdn.training.precision import Precision
from pkdn.training.recipe import Recipe
from pkdn.training.state import CRITERION
from pkdn.training.task import Task


def open_faces(
    faces: Path, maps: Path | None, recipe: Recipe, *, seed: int, device: torch.device
) -> tuple[FaceBatches, FaceBatches]:
    """Open the training and the validation faces of a data set.

    Args:
        faces: their folder.
        maps: the folder of their parsing maps, or None.
        recipe: for the size of a batch, and for the augmentation of the training faces.
        seed: of their order.
        device: where the batches are made.
    """
    training, validation = (
        FaceBatches(
            Shards(faces, split),
            None if maps is None else Shards(maps, split),
            batch_size=recipe.batch_size,
            seed=seed,
            device=device,
            augment=recipe.augment if split == "train" else None,
        )
        for split in ("train", "val")
    )
    return training, validation


def as_the_faces_allow(recipe: Recipe, batches: FaceBatches, validation: Sized) -> Recipe:
    """Return the recipe that is followed: a batch of no more faces than there are.

    Without validation faces no weights are known to be the best, and the last are kept.
    """
    keep = recipe.keep if len(validation) else "last"
    return replace(recipe, batch_size=batches.batch_size, keep=keep)


def train_recorded(
    task: Task,
    batches: FaceBatches,
    recipe: Recipe,
    *,
    precision: Precision,
    validate: Callable[[], Row] | None,
    run: tracking.Run,
    phase: str = "",
) -> nn.Module:
    """Train a task's network, or take the result of a training that computes the same.

    So a variant of the loss whose weights are those of PKDN itself is not trained a second time.
    By another version of PyTorch nothing is taken or continued.

    The curve goes to the run's folder and to the run; a stage that trains several networks gives
    each a ``phase``, which names its own curve.

    Returns:
        The trained network, in evaluation mode, placed as ``precision`` has it.
    """
    title = f"{run.name} {phase}".strip()
    began = time.monotonic()
    with single_flight(run.computes + phase) as checkpoint:
        result: dict[str, Any] | None = checkpoint.finished()
        is_own = result is None or result.get("run") == run.name
        if result is None:
            with Stop() as stop:
                curve = train(
                    task,
                    batches,
                    recipe,
                    precision=precision,
                    title=title,
                    validate=validate,
                    checkpoint=checkpoint,
                    on_row=None if phase else run.row,
                    stop=stop,
                )
                weights = task.network.state_dict()
                checkpoint.finish({"network": weights, "curve": curve, "run": run.name})
            if stop.signal:
                print(f"{title}: asked to end; what it ended with is kept", flush=True)
                sys.exit(128 + stop.signal)
        else:
            print(f"{title}: taking what the same training ended with before", flush=True)
            task.network.load_state_dict(result["network"])
            curve = result["curve"]
            if not phase:
                run.curve = curve
    write_curve(run.id.curve(phase), curve)
    if curve:
        last, best = {**curve[-1]}, kept(curve, recipe)
        if is_own:
            run.seconds_before += max(0.0, last["seconds"] - (time.monotonic() - began))
        last["kept_step"] = best["step"]
        if CRITERION in best:
            last[f"kept_{CRITERION}"] = best[CRITERION]
        last["faces_per_second"] = last["step"] * batches.batch_size / last["seconds"]
        prefix = f"{phase}_" if phase else ""
        skipped = ("epoch", "step", "learning_rate")
        run.metrics({prefix + name: last[name] for name in last if name not in skipped})
    return precision.place(task.network).eval()
