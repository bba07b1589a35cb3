"""What a GPU computes, seen on a pretended one: nothing mixes its memory with the machine's, and no
training step waits for it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pretended_gpu import GPU, PretendedGpu
from test_training import CPU, RECIPE
from torch import nn
from torch.optim import optimizer

from bench.computing import Training, trainings
from pkdn import metrics, upscaling
from pkdn.evaluation import evaluate
from pkdn.faces.shards import Shards
from pkdn.learning.network import example
from pkdn.learning.tasks import DistillationTask, SuperResolutionTask
from pkdn.learning.validation import psnr_on
from pkdn.networks import pkdn
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.maps import Parser
from pkdn.parsing.task import ParserTask
from pkdn.training import augmentation, batches, rows
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.checkpoint import Checkpoint
from pkdn.training.loop import train
from pkdn.training.precision import Precision
from pkdn.training.recipe import SGD
from pkdn.training.state import TrainingState
from pkdn.training.task import Task

PRECISION = Precision("fp32", GPU)
AUGMENTATIONS = [
    None,
    augmentation.mirror,
    augmentation.affine,
    augmentation.mirror_and_turn,
    augmentation.mirror_and_zoom,
    augmentation.distort_mirror_and_turn,
]
AT_ROWS = {"_means", "check_finite", "validate"}
"""The functions that make a row of the curve, which may wait."""
AT_FIRST = {"place", "_mirrored_labels", "_computed"}
"""Those that send what is constant."""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendedGpu:
    """A GPU that optimisers know."""
    kinds = optimizer._get_fused_kernels_supported_devices()
    known = [*kinds, GPU.type]
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: known)
    found = PretendedGpu()
    monkeypatch.setattr(rows, "pinned", found.pinned)
    return found


def faces(
    folder: Path, split: str, augment: augmentation.Augmentation | None = None
) -> FaceBatches:
    shards = Shards(folder, split)
    return FaceBatches(shards, shards, batch_size=2, seed=0, device=GPU, augment=augment)


def take_steps(task: Task, batch: Batch, gpu: PretendedGpu) -> None:
    state = TrainingState(task, RECIPE, PRECISION)
    state.switch(training=True)
    placed = Batch(*(None if each is None else each.to(GPU) for each in batch))
    with gpu:
        state.step(task.losses(placed, 0), 1e-3, "test")
        gpu.waits.clear()  # what is constant was sent
        state.step(task.losses(placed, 0), 1e-3, "test")
    assert torch.ops.aten.convolution_backward.default in gpu.called


@pytest.mark.parametrize("training", [*trainings()], ids=lambda one: one.title)
def test_a_step_of_every_system_lies_on_the_gpu_and_does_not_wait(
    training: Training, gpu: PretendedGpu
) -> None:
    task = training.task("demo", CPU)
    if isinstance(task, DistillationTask):
        PRECISION.place(task.teacher)
    take_steps(task, example(2, CPU.device), gpu)
    assert gpu.waits == []


@pytest.mark.parametrize("hard_pixels", [False, True])
def test_a_step_of_the_parser_does_not_wait(hard_pixels: bool, gpu: PretendedGpu) -> None:
    task = ParserTask(BiSeNet(), input_size=64, hard_pixels=hard_pixels)
    batch = example(2, CPU.device)
    take_steps(task, Batch(batch.hr_image, batch.lr_image, batch.labels, None), gpu)
    assert gpu.waits == []


@pytest.mark.parametrize("kind", [rows.Streamed, rows.Resident])
@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_batches_are_made_without_waiting(
    augment: augmentation.Augmentation | None,
    kind: Callable[..., rows.Streamed],
    gpu: PretendedGpu,
    faces_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "rows_of", kind)
    source = faces(faces_folder, "train", augment)
    with gpu:
        first, *others = source.epoch(0)
        assert all(each is not None and each.device == GPU for each in first)
        gpu.waits.clear()  # what is constant was sent
        again = list(source.epoch(1))
    assert len(again) == len(others) + 1 > 1
    assert gpu.waits == []


def test_a_training_waits_at_the_rows_of_its_curve_alone(
    gpu: PretendedGpu, faces_folder: Path, tmp_path: Path
) -> None:
    network = pkdn.PKDN(width=8, num_blocks=1)
    recipe = replace(RECIPE, steps=24)
    with gpu:
        curve = train(
            SuperResolutionTask(network),
            faces(faces_folder, "train", augmentation.mirror),
            recipe,
            precision=PRECISION,
            title="test",
            validate=psnr_on(faces(faces_folder, "val"), network, PRECISION),
            checkpoint=Checkpoint(tmp_path),
        )
    assert {*gpu.waits} - AT_FIRST == AT_ROWS
    of_rows = [name for name in gpu.waits if name in AT_ROWS]
    validated = [row for row in curve if "val_psnr" in row]
    # where it is validated, the weights are looked at again
    assert len(of_rows) == 2 * len(curve) + 2 * len(validated) > 6


def test_the_parsers_optimiser_steps_on_the_gpu(gpu: PretendedGpu, faces_folder: Path) -> None:
    task, recipe = ParserTask(BiSeNet(), input_size=64), replace(RECIPE, steps=2, optimizer=SGD)
    with gpu:
        source = faces(faces_folder, "train")
        curve = train(task, source, recipe, precision=PRECISION, title="test")
    assert curve[-1]["step"] == 2


class Grey(nn.Module):
    reads = ("lr_image", "labels")

    def forward(self, lr_image: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        assert lr_image.device == labels.device == GPU
        return (labels / 255)[:, None].expand(-1, 3, -1, -1) + lr_image.mean()


def test_faces_are_scored_by_the_processors_cores_after_the_gpu_has_seen_them(
    gpu: PretendedGpu, faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards, main = Shards(faces_folder, "test"), threading.main_thread()
    scored_by, score = set[threading.Thread](), metrics.score_all
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)

    def noted(*images: np.ndarray) -> dict[str, dict[str, float]]:
        scored_by.add(threading.current_thread())
        return score(*images)

    monkeypatch.setattr(metrics, "score_all", noted)
    with gpu:
        parser = Parser(BiSeNet(), 64, GPU)
        found = [*evaluate(Grey(), shards, batch_size=3, device=GPU, labels=shards, parse=parser)]
    assert [score.name for score in found] == shards.names
    assert all(score.row["parsing.miou"] == 1 for score in found)  # ones, as all that comes back
    assert scored_by
    assert main not in scored_by


def test_own_photos_are_upscaled_on_the_gpu(
    gpu: PretendedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscaling, "found_device", lambda: GPU)
    with gpu:
        upscaler = upscaling.Upscaler(upscaling.SHIPPED)
        found = upscaler(np.zeros((2, 128, 128, 3), np.uint8))
    assert found.shape == (2, 128, 128, 3)
