"""Which faces train, choose and score, which weights are whose, and what moves with a face."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import own_params
import pytest
import torch

from pkdn import networks, params
from pkdn.errors import UserError
from pkdn.faces.shards import Shards, ShardWriter
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.networks.pkdn import PKDN
from pkdn.planning import plan
from pkdn.systems import VARIANTS
from pkdn.training.augmentation import (
    Augmentation,
    Faces,
    affine,
    mirror,
    mirror_and_turn,
    mirror_and_zoom,
)
from pkdn.training.batches import Batch, FaceBatches
from pkdn.training.loop import train
from pkdn.training.precision import Precision
from pkdn.training.recipe import CONSTANT, Recipe
from pkdn.training.session import open_faces
from pkdn.training.task import Task
from stages import parser as parser_stage
from stages import train as train_stage
from stages.train import Training

CPU = torch.device("cpu")
RECIPE = Recipe(
    steps=6, batch_size=4, learning_rate=1e-3, schedule=CONSTANT, threads=1, augment=mirror
)
NOSE = 27
"""A landmark that a mirror leaves in its place of the list."""


def test_train_faces_train_and_validation_faces_choose_as_they_are(faces_folder: Path) -> None:
    training, validation = open_faces(faces_folder, faces_folder, RECIPE, seed=3, device=CPU)
    assert (training.faces.split, validation.faces.split) == ("train", "val")
    assert training.labels is not None and validation.labels is not None
    assert (training.labels.split, validation.labels.split) == ("train", "val")
    assert (training.augment, validation.augment) == (mirror, None)
    assert training.seed == 3


def test_the_parser_is_judged_on_faces_that_it_has_not_seen(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = params.parse(own_params.values(), Path("params.yaml"))
    (planned,) = [one for one in plan(asked) if one.id.stage == "parser"]
    planned = planned._replace(reads={"faces": faces_folder})
    run = SimpleNamespace(
        id=SimpleNamespace(folder=tmp_path, weights=tmp_path / "weights.safetensors"),
        metrics=lambda _: None,
        artifact=lambda _: None,
    )
    trained, judged = [], []
    judgement = {"miou": 0.5, "close_up_miou": 0.5, "pixel_accuracy": 0.5}
    monkeypatch.setattr(parser_stage, "planned_by_command", lambda _: planned)
    monkeypatch.setattr(parser_stage.tracking, "run", lambda *_, **__: nullcontext(run))
    monkeypatch.setattr(
        parser_stage, "train_recorded", lambda _, faces, *__, **___: trained.append(faces)
    )
    monkeypatch.setattr(
        parser_stage, "judge", lambda _, faces, __: judged.append(faces) or judgement
    )
    parser_stage.main()
    assert [one.faces.split for one in trained] == ["train"]
    assert [one.split for one in judged] == ["test"]


DIFFERENT = ("pkdn", "kdfsrnet", "full", "no_ffb", "no_lambda_ts", "no_lambda_fs")
"""Networks and variants of which no two are the same."""


def trainings(
    faces_folder: Path, names: Sequence[str] = DIFFERENT, **changes: object
) -> dict[str, Training]:
    """Return what is planned of some names, on the test's faces, by the names of the runs."""
    asked = params.parse(own_params.values(**changes), Path("params.yaml"))
    there = {"faces": faces_folder, "maps": faces_folder}
    return {
        one.id.name: Training(one._replace(reads={**one.reads, **there}))
        for one in plan(asked)
        if one.id.stage in ("teacher", "student", "baseline") and one.id.system in names
    }


def identity(training: Training) -> tuple[str, str, str]:
    """Return what tells whether two trainings on the same faces are the same, beside the code."""
    values = repr(sorted(training.params().items()))
    return training.computes(), values, str(training.reads.get("teacher"))


def test_no_two_trainings_pass_for_the_same(faces_folder: Path) -> None:
    found: list[tuple[str, str, str]] = []
    for precision in ("fp32", "bf16"):
        several = trainings(faces_folder, seeds=[0, 1], precision=precision)
        assert len(several) == 16
        found += map(identity, several.values())
    assert len({*found}) == len(found)


def test_a_loss_of_the_same_weights_is_the_same_training(faces_folder: Path) -> None:
    found = trainings(faces_folder, ("full", "fade", "constant"))
    full, fade, constant = (
        identity(found[f"student@synthetic-{name}-0"]) for name in ("full", "fade", "constant")
    )
    assert fade == full != constant


def test_a_student_learns_from_the_weights_of_its_teacher(
    faces_folder: Path, tmp_path: Path
) -> None:
    student = trainings(faces_folder)["student@synthetic-no_ffb-0"]
    assert str(student.reads["teacher"]).startswith("data/runs/teacher/synthetic-no_ffb-0/")
    description = networks.describe(
        "pkdn", "demo", teacher=True, **VARIANTS["no_ffb"].teacher_arguments
    )
    torch.manual_seed(5)
    teacher, file = description.build(), tmp_path / "weights.safetensors"
    networks.save(teacher, description, file)
    student.reads = {**student.reads, "teacher": file}
    found = student._teacher(None)  # type: ignore[arg-type]
    for name, value in teacher.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    task = student._task(student._seeded(student.description()), found)
    assert not found.training
    assert not any(weight.requires_grad for weight in found.parameters())
    assert {*task.minimised.values()} == {task.network}


def test_a_variant_whose_teacher_has_other_features_is_refused_before_that_is_trained(
    faces_folder: Path,
) -> None:
    teacher = trainings(faces_folder, ("no_ffb",))["teacher@synthetic-no_ffb-0"]
    teacher.arguments |= {"width": 12}
    with pytest.raises(UserError, match="or a variant's arguments of the teacher"):
        teacher.run(None)  # type: ignore[arg-type]


def test_the_seed_is_that_of_the_first_weights(faces_folder: Path) -> None:
    several = trainings(faces_folder, seeds=[0, 1])
    first = [
        torch.cat([w.flatten() for w in one._seeded(one.description()).parameters()])
        for one in (several["baseline@synthetic-pkdn-0"], several["baseline@synthetic-pkdn-1"])
    ]
    assert not torch.equal(*first)


def test_a_teacher_that_is_built_as_its_student_begins_as_another_network(
    faces_folder: Path,
) -> None:
    student, teacher = (
        one._seeded(one.description())
        for one in (
            trainings(faces_folder, ("no_pfb_no_ffb",))[f"{stage}@synthetic-no_pfb_no_ffb-0"]
            for stage in ("student", "teacher")
        )
    )
    drawn = [weight for weight in teacher.parameters() if weight.std() > 0]
    shared = [
        name
        for name, weight in student.named_parameters()
        if any(weight.shape == one.shape and torch.equal(weight, one) for one in drawn)
    ]
    assert not shared


def test_a_run_trains_by_its_seed_and_is_validated_on_the_validation_faces(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds, splits, weights = [], [], []

    def look(task: Task, batches: FaceBatches, *_: Any, validate: FaceBatches, **__: Any) -> Any:
        seeds.append(batches.seed)
        splits.append((batches.faces.split, validate.faces.split))
        weights.append(torch.cat([w.flatten() for w in task.network.parameters()]))
        return task.network

    monkeypatch.setattr("stages.train.train_recorded", look)
    monkeypatch.setattr("stages.train.psnr_on", lambda faces, *_: faces)
    run: Any = SimpleNamespace(id=SimpleNamespace(weights=tmp_path / "weights.safetensors"))
    several = trainings(faces_folder, ("pkdn",), seeds=[0, 1])
    for seed in (0, 1, 1):
        several[f"baseline@synthetic-pkdn-{seed}"].run(run)
    assert seeds == [0, 1, 1]
    assert splits == [("train", "val")] * 3
    assert torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[0], weights[1])


def batches(folder: Path, augment: Augmentation, **others: Any) -> FaceBatches:
    of = {"batch_size": 6, "seed": 0, "device": CPU, "augment": augment, **others}
    return FaceBatches(Shards(folder, "train"), Shards(folder, "train"), **of)


@pytest.mark.parametrize("augment", [mirror, affine, mirror_and_turn, mirror_and_zoom])
def test_maps_and_landmarks_move_with_their_faces(augment: Augmentation, tmp_path: Path) -> None:
    """Each face is black but for a bright square, on its map and at its nose."""
    random = np.random.default_rng(0)
    with ShardWriter(tmp_path) as writer:
        for number in range(24):
            x, y = random.integers(45, 83, 2)
            face = np.zeros((128, 128, 3), np.uint8)
            face[y - 6 : y + 7, x - 6 : x + 7] = 255
            landmarks = np.full((68, 2), 64.0, np.float32)
            landmarks[NOSE] = x, y
            arrays = {
                "faces": face,
                "labels": (face[..., 0] > 0).astype(np.uint8),
                "landmarks": landmarks,
            }
            writer.append("train", arrays, {"name": str(number)})
    source = batches(tmp_path, augment)
    torch.manual_seed(0)
    moved = 0
    as_they_are = batches(tmp_path, _as_they_are)
    for plain, batch in zip(as_they_are.epoch(0), source.epoch(0), strict=True):
        moved += int((plain.hr_image != batch.hr_image).any())
        assert batch.labels is not None and batch.landmarks is not None
        bright = batch.hr_image[:, 0] > 0.5
        assert ((batch.labels > 0) == bright).float().mean() > 0.997
        for image, points in zip(bright, batch.landmarks, strict=True):
            y, x = (positions.float().mean() for positions in torch.where(image))
            found = torch.stack([x, y])
            assert (points[NOSE] - found).abs().max() < 1.5
    assert moved == len(source)


@pytest.mark.parametrize("augment", [mirror, affine, mirror_and_turn, mirror_and_zoom])
def test_faces_are_the_same_without_their_maps(augment: Augmentation, faces_folder: Path) -> None:
    source = batches(faces_folder, augment, batch_size=2)
    found = []
    for one in (source, source.without_labels()):
        torch.manual_seed(0)
        found.append([*one.epoch(0)])
    for with_maps, without in zip(*found, strict=True):
        assert with_maps.labels is not None and without.labels is None
        assert torch.equal(with_maps.hr_image, without.hr_image)


@pytest.mark.parametrize(
    ("name", "in_training", "in_validation"),
    [
        ("baseline@synthetic-pkdn-0", False, False),
        ("teacher@synthetic-full-0", True, True),
        ("baseline@synthetic-fsrnet-0", True, False),
    ],
)
def test_maps_are_read_by_who_needs_them(
    name: str,
    in_training: bool,
    in_validation: bool,
    faces_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a GPU they would take its memory from the others."""
    seen: list[bool] = []
    monkeypatch.setattr(train_stage, "psnr_on", lambda faces, *_: faces)
    monkeypatch.setattr(
        train_stage,
        "train_recorded",
        lambda _, faces, __, *, validate, **___: seen.extend(
            one.labels is not None for one in (faces, validate)
        ),
    )
    names = ("pkdn", "full", "fsrnet")
    asked = {"networks": ["pkdn", "fsrnet"], "authors_recipes": []}
    training = trainings(faces_folder, names, **asked)[name]
    training._train(training._task(training._seeded(training.description()), None), None)  # type: ignore[arg-type]
    assert seen == [in_training, in_validation]


def _as_they_are(faces: Faces) -> Faces:
    return faces


class Attentive(SuperResolutionTask):
    """Sees in which mode its network is when it learns."""

    def losses(self, batch: Batch, epoch: int) -> dict[str, torch.Tensor]:
        assert self.network.training
        return super().losses(batch, epoch)


@pytest.mark.parametrize("threads", [1, 2])
def test_networks_learn_in_one_mode_and_are_validated_in_the_other(
    threads: int, faces_folder: Path
) -> None:
    torch.manual_seed(0)
    task = Attentive(PKDN(width=8, num_blocks=1, global_residual=True))
    seen: list[int] = []

    def validate() -> Mapping[str, float]:
        assert not task.network.training
        seen.append(torch.get_num_threads())
        return {"val_psnr": 20.0}

    before = torch.get_num_threads()
    try:
        train(
            task,
            FaceBatches(Shards(faces_folder, "train"), batch_size=4, seed=0, device=CPU),
            replace(RECIPE, threads=threads, augment=None),
            precision=Precision("fp32", CPU),
            title="test",
            validate=lambda: dict(validate()),
        )
    finally:
        torch.set_num_threads(before)
    assert seen == [threads, threads]
