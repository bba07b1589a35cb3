"""One training from start to files: resumed, shared between workers, recorded."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from pkdn import tracking
from pkdn.faces.batches import FaceBatches
from pkdn.faces.shards import Shards
from pkdn.provenance import write_curve
from pkdn.training.checkpoint import single_flight
from pkdn.training.loop import Row, train
from pkdn.training.precision import Precision
from pkdn.training.recipe import Augmentation, Recipe

if TYPE_CHECKING:
    from pkdn.learning.tasks import Task

FACES = Path("data/faces")
PARSING = Path("data/parsing")
CURVES = Path("data/curves")


def open_faces(
    dataset: str,
    *,
    with_labels: bool,
    batch_size: int,
    seed: int,
    precision: Precision,
    augment: Augmentation | None = None,
) -> tuple[FaceBatches, FaceBatches]:
    """Open the training and the validation faces of a data set, with parsing maps if needed.

    ``augment`` is for the training faces alone.
    """
    faces = FACES / dataset
    labels = PARSING / dataset if with_labels else None
    training, validation = (
        FaceBatches(
            Shards(faces, split),
            None if labels is None else Shards(labels, split),
            batch_size=batch_size,
            seed=seed,
            device=precision.device,
            augment=augment if split == "train" else None,
        )
        for split in ("train", "val")
    )
    return training, validation


def manifests(dataset: str, *, with_labels: bool) -> list[Path]:
    """Return the small files that identify the content of a data set's shards."""
    folders = [FACES / dataset, PARSING / dataset] if with_labels else [FACES / dataset]
    return [folder / "manifest.json" for folder in folders]


def curve_file(run: tracking.Run, phase: str = "") -> Path:
    """Return where the curve of a run's phase goes."""
    name = "-".join(part for part in (run.key, phase) if part)
    place = CURVES / run.stage
    return place / f"{name}.csv" if name else place.with_suffix(".csv")


def train_recorded(
    task: "Task",
    batches: FaceBatches,
    recipe: Recipe,
    *,
    precision: Precision,
    validate: Callable[[], Row] | None,
    run: tracking.Run,
    phase: str = "",
) -> nn.Module:
    """Train a task's network, or take the result of a worker that just trained the same one.

    The curve goes to ``data/curves`` and to the run; a stage that trains several networks gives
    each a ``phase``, which names its own curve.

    Returns:
        The trained network, in evaluation mode, in fp32 on the device.
    """
    title = f"{run.name} {phase}".strip()
    with single_flight(run.fingerprint + phase) as checkpoint:
        result: dict[str, Any] | None = checkpoint.finished()
        if result is None:
            curve = train(
                task,
                batches,
                recipe,
                precision=precision,
                title=title,
                validate=validate,
                checkpoint=checkpoint,
                on_row=None if phase else run.row,
            )
            checkpoint.finish({"network": task.network.state_dict(), "curve": curve})
        else:
            print(f"{title}: taking the result of a worker that trained it", flush=True)
            task.network.load_state_dict(result["network"])
            curve = result["curve"]
            run.curve = curve
    write_curve(curve_file(run, phase), curve)
    if curve:
        last = {**curve[-1]}
        last["faces_per_second"] = last["step"] * batches.batch_size / last["seconds"]
        prefix = f"{phase}_" if phase else ""
        skipped = ("epoch", "step", "learning_rate")
        run.metrics({prefix + name: last[name] for name in last if name not in skipped})
    return task.network.to(precision.device).eval()
