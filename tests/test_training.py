import math
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pkdn import networks, systems, tracking
from pkdn.errors import UserError
from pkdn.faces.shards import Shards, ShardWriter
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.learning.validation import psnr_on
from pkdn.networks import pkdn, urdgn
from pkdn.provenance import VISIBLE_GPUS, read_curve, write_curve
from pkdn.runs import OTHERS, Planned, RunId
from pkdn.training import checkpoint as checkpoints
from pkdn.training import loop, precision, rows, threads
from pkdn.training.augmentation import Augmentation, mirror, mirror_and_zoom
from pkdn.training.batches import Batch, FaceBatches, degrade
from pkdn.training.checkpoint import (
    Checkpoint,
    random_state,
    restore_random_state,
    single_flight,
)
from pkdn.training.loop import train
from pkdn.training.precision import Precision
from pkdn.training.recipe import (
    CONSTANT,
    RMSPROP,
    SCHEDULES,
    SGD,
    AuthorsRecipe,
    Recipe,
)
from pkdn.training.session import as_the_faces_allow, train_recorded
from pkdn.training.state import Row, TrainingState
from pkdn.training.task import Task

CPU = Precision("fp32", torch.device("cpu"))
SMALL = {"width": 8, "num_blocks": 1, "global_residual": True}
RECIPE = Recipe(
    steps=12, batch_size=4, learning_rate=1e-3, schedule=SCHEDULES["one_cycle"], threads=1
)
THEIRS = {"steps": 700, "threads": 1, "skip_bad_steps": 0}
THEIRS |= {"most_steps": 0, "largest_batch": 0, "rate_factor": 1.0}


def batches(
    folder: Path, split: str = "train", batch_size: int = 4, augment: Augmentation | None = None
) -> FaceBatches:
    return FaceBatches(
        Shards(folder, split),
        Shards(folder, split),
        batch_size=batch_size,
        seed=0,
        device=torch.device("cpu"),
        augment=augment,
    )


def student_task() -> Task:
    torch.manual_seed(0)
    return SuperResolutionTask(pkdn.PKDN(**SMALL))


def run(task: Task, folder: Path, recipe: Recipe = RECIPE, **options) -> list[Row]:
    return train(task, batches(folder), recipe, precision=CPU, title="test", **options)


def test_batches_are_the_faces_and_their_degradation(faces_folder: Path) -> None:
    batch = next(batches(faces_folder).epoch(0))
    assert batch.hr_image.shape == (4, 3, 128, 128)
    assert batch.lr_image.shape == (4, 3, 16, 16)
    assert batch.labels is not None
    assert batch.labels.dtype == torch.uint8
    assert 0 <= batch.hr_image.min() < batch.hr_image.max() <= 1
    hr_faces = (batch.hr_image * 255).round().to(torch.uint8)
    assert torch.equal((batch.lr_image * 255).round().to(torch.uint8), degrade(hr_faces))


def test_an_epoch_shows_every_face_once_in_its_own_order(faces_folder: Path) -> None:
    source, other = (batches(faces_folder, batch_size=1) for _ in range(2))
    other.seed = 1
    epochs = [[b.hr_image.mean().item() for b in source.epoch(n)] for n in (0, 0, 1)]
    assert epochs[0] != [b.hr_image.mean().item() for b in other.epoch(0)]
    assert epochs[0] == epochs[1]
    assert epochs[0] != epochs[2]
    assert sorted(epochs[0]) == pytest.approx(sorted(epochs[2]))
    rest = [b.hr_image.mean().item() for b in source.epoch(1, first=5)]
    assert rest == epochs[2][5:]


def test_other_label_maps_are_refused(faces_folder: Path) -> None:
    with pytest.raises(ValueError, match="not those of the faces"):
        FaceBatches(
            Shards(faces_folder, "train"),
            Shards(faces_folder, "test"),
            batch_size=1,
            seed=0,
            device=torch.device("cpu"),
        )


@pytest.mark.parametrize("name", systems.names())
def test_every_networks_task_takes_a_step(name: str, faces_folder: Path) -> None:
    task = networks.task(name, networks.describe(name, "demo").build(), "demo")
    recipe = replace(RECIPE, batch_size=2, steps=1)
    rows = train(task, batches(faces_folder, batch_size=2), recipe, precision=CPU, title=name)
    assert [row["step"] for row in rows] == ([] if name == "bicubic" else [1])
    assert all(math.isfinite(row[term]) for row in rows for term in task.minimised)


@pytest.mark.parametrize("name", [n for n in systems.names() if n != "bicubic"])
def test_every_network_overfits_one_batch(name: str, faces_folder: Path) -> None:
    torch.manual_seed(0)
    task = SuperResolutionTask(networks.describe(name, "demo").build())
    batch = next(batches(faces_folder, batch_size=2).epoch(0))
    optimizer = torch.optim.Adam(task.network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = task.losses(batch, 0)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def adversarial_task() -> urdgn.AdversarialTask:
    torch.manual_seed(0)
    task = networks.task("urdgn", networks.describe("urdgn", "demo").build(), "demo")
    assert isinstance(task, urdgn.AdversarialTask)
    return task


def test_an_adversary_and_its_network_learn_by_their_own_losses(faces_folder: Path) -> None:
    task = adversarial_task()
    before = [p.clone() for p in task.discriminator.parameters()]
    made = [p.clone() for p in task.network.parameters()]
    run(task, faces_folder, replace(RECIPE, steps=2))
    assert not any(map(torch.equal, before, task.discriminator.parameters()))
    assert not all(map(torch.equal, made, task.network.parameters()))
    # The discriminator steps by its own term alone, whatever the generator's loss asks of it.
    fresh = adversarial_task()
    batch = next(batches(faces_folder).epoch(0))
    gradients = torch.autograd.grad(
        fresh.losses(batch, 0)["l_discriminator"],
        list(fresh.network.parameters()),
        allow_unused=True,
    )
    assert all(gradient is None for gradient in gradients)


def test_an_adversary_sees_every_face_as_it_is_and_as_it_is_made(faces_folder: Path) -> None:
    """And no face both ways in one batch."""
    task = adversarial_task()
    shown: list[torch.Tensor] = []
    task.discriminator.register_forward_pre_hook(lambda _, images: shown.append(images[0]))
    source = batches(faces_folder)
    as_it_is, as_made = Counter[int](), Counter[int]()
    for epoch in range(40):
        order = np.random.default_rng((source.seed, epoch)).permutation(12)
        for i, batch in enumerate(source.epoch(epoch)):
            shown.clear()
            task.losses(batch, epoch)
            made, *told = shown
            numbers = sorted(order[4 * i : 4 * i + 4])
            for images, all_images, counts in (
                (told[0], 2 * batch.hr_image - 1, as_it_is),
                (told[1], made, as_made),
            ):
                counts.update(
                    number
                    for number, one in zip(numbers, all_images, strict=True)
                    if any(torch.equal(one, image) for image in images)
                )
            assert len(told[0]) == len(told[1]) == 2
    for counts in (as_it_is, as_made):
        assert min(counts[number] for number in range(12)) >= 8
    assert sum(as_it_is.values()) + sum(as_made.values()) == 40 * 12


def test_a_network_and_its_adversary_follow_the_schedule_of_the_rate(faces_folder: Path) -> None:
    task = adversarial_task()
    state = TrainingState(task, RECIPE, CPU)
    weights = [*task.network.parameters(), *task.discriminator.parameters()]
    before = [weight.detach().clone() for weight in weights]
    batch = next(batches(faces_folder).epoch(0))
    state.step(task.losses(batch, 0), 0.0, "test")
    assert all(map(torch.equal, before, weights))


class KilledError(Exception):
    pass


@pytest.fixture
def killed(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Task], Checkpoint]:
    """Train a task for eight steps, and be killed before the last of them is saved."""

    def train_and_die(task: Task) -> Checkpoint:
        monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
        monkeypatch.setattr(loop, "LEAST_STEPS_PER_ROW", 1)
        saved = Checkpoint(tmp_path)

        def kill(row: Row) -> None:
            if row["step"] == 8:
                raise KilledError

        with pytest.raises(KilledError):
            run(task, faces_folder, checkpoint=saved, on_row=kill)
        return saved

    return train_and_die


def test_a_killed_adversarial_training_ends_with_the_same_weights(
    faces_folder: Path, killed: Callable[[Task], Checkpoint]
) -> None:
    whole = adversarial_task()
    run(whole, faces_folder)
    saved = killed(adversarial_task())
    resumed = adversarial_task()
    torch.manual_seed(12345)
    run(resumed, faces_folder, checkpoint=saved)
    for module, expected in (
        (resumed.network, whole.network),
        (resumed.discriminator, whole.discriminator),
    ):
        for name, value in expected.state_dict().items():
            assert torch.equal(value, module.state_dict()[name]), name


def test_augmented_faces_are_degraded_afterwards(faces_folder: Path) -> None:
    torch.manual_seed(0)
    source = batches(faces_folder)
    plain = next(source.epoch(0))
    source.augment = mirror_and_zoom
    first, second = next(source.epoch(0)), next(source.epoch(0))
    assert not torch.equal(first.hr_image, plain.hr_image)
    assert not torch.equal(first.hr_image, second.hr_image)
    hr_faces = (first.hr_image * 255).round().to(torch.uint8)
    assert torch.equal((first.lr_image * 255).round().to(torch.uint8), degrade(hr_faces))


def test_landmarks_are_missed_only_where_none_is_known(faces_folder: Path, tmp_path: Path) -> None:
    assert batches(faces_folder).have_landmarks()
    face = {"faces": np.zeros((128, 128, 3), np.uint8)}
    for name, known in (("none", 0), ("one", 1)):
        (tmp_path / name).mkdir()
        with ShardWriter(tmp_path / name) as writer:
            for number in range(3):
                landmarks = np.full((68, 2), 5.0 if number < known else np.nan, np.float32)
                writer.append("train", {**face, "landmarks": landmarks}, {"name": str(number)})
        faces = Shards(tmp_path / name, "train")
        found = FaceBatches(faces, batch_size=1, seed=0, device=torch.device("cpu"))
        assert found.have_landmarks() == bool(known)


@pytest.mark.parametrize("name", ["kdfsrnet", "pkdn"])
def test_distillation_trains_the_student_and_leaves_the_teacher(
    name: str, faces_folder: Path
) -> None:
    torch.manual_seed(0)
    teacher, student = (
        networks.describe(name, "demo", teacher=which, global_residual=True).build()
        for which in (True, False)
    )
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    weights = {"lambda_ts": 0.1, "lambda_fs": 10.0}
    task = networks.distillation(name, student, teacher, **weights, distill_epochs=2)
    assert task.reads == ("labels",)
    curve = run(task, faces_folder)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    first, last = curve[0], curve[-1]
    assert first["loss"] == pytest.approx(
        first["l_sr"] + 0.1 * first["l_ts"] + 10 * first["l_fs"], rel=1e-4
    )
    assert "l_fs" not in last
    assert last["loss"] == last["l_sr"]


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({"lambda_ts": 0.1}, {"loss", "l_sr", "l_ts"}),
        ({"lambda_ts": 0.0, "lambda_fs": 10.0}, {"loss", "l_sr", "l_fs"}),
        ({"lambda_ts": 0.0, "lambda_fs": 0.0}, {"loss", "l_sr"}),
        ({}, {"loss", "l_sr"}),
    ],
)
def test_a_term_without_weight_is_not_computed(
    faces_folder: Path, weights: dict[str, float], terms: set[str]
) -> None:
    student, teacher = pkdn.PKDN(**SMALL), pkdn.PKDNTeacher(**SMALL)
    task = networks.distillation("pkdn", student, teacher, **weights, distill_epochs=0)
    assert set(task.losses(next(batches(faces_folder).epoch(0)), 0)) == terms


def test_the_curve_has_rates_losses_and_validation(faces_folder: Path) -> None:
    torch.manual_seed(0)
    teacher = pkdn.PKDNTeacher(**SMALL)
    validate = psnr_on(batches(faces_folder, "val"), teacher, CPU)
    seen: list[Row] = []
    curve = run(SuperResolutionTask(teacher), faces_folder, validate=validate, on_row=seen.append)
    assert seen == curve
    assert [row["step"] for row in curve if "val_psnr" in row] == [3, 6, 9, 12]
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert curve[-1]["val_psnr"] > curve[0]["val_psnr"]


class Noting(SuperResolutionTask):
    """Notes the epoch and the loss of each step."""

    def __init__(self) -> None:
        super().__init__(student_task().network)
        self.steps: list[tuple[int, float]] = []

    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        terms = super().losses(batch, epoch)
        self.steps.append((epoch, terms["loss"].item()))
        return terms


def test_a_row_of_the_curve_has_the_mean_of_its_steps(faces_folder: Path) -> None:
    task = Noting()
    curve = run(task, faces_folder)
    assert [row["step"] for row in curve] == [3, 6, 9, 10, 12]
    parts = [task.steps[first:end] for first, end in pairwise([0, 3, 6, 9, 10, 12])]
    means = [sum(loss for _, loss in part) / len(part) for part in parts]
    assert [row["loss"] for row in curve] == pytest.approx(means)


def test_epochs_and_seconds_are_counted_on_after_an_interruption(
    faces_folder: Path, tmp_path: Path
) -> None:
    interrupted, saved = TrainingState(student_task(), RECIPE, CPU), Checkpoint(tmp_path)
    interrupted.steps, interrupted.seconds = 7, 1000.0
    interrupted.save(saved)
    task = Noting()
    curve = run(task, faces_folder, checkpoint=saved)
    assert [epoch for epoch, _ in task.steps] == [2, 2, 3, 3, 3]
    assert 1000 < curve[0]["seconds"] <= curve[-1]["seconds"] < 1100


class Worsening:
    """A validation that is not best at the last of four looks."""

    def __init__(self, network: torch.nn.Module, *values: float) -> None:
        self.network = network
        self.values = iter(values or (20.0, 25.0, 25.0, 22.0))
        self.seen: list[dict[str, torch.Tensor]] = []

    def __call__(self) -> Row:
        self.seen.append({k: v.clone() for k, v in self.network.state_dict().items()})
        return {"val_psnr": next(self.values)}


@pytest.mark.parametrize(
    ("keep", "values", "look"),
    [
        ("best", (20.0, 25.0, 25.0, 22.0), 1),
        ("best", (25.0, 25.0, 20.0, 22.0), 0),
        ("last", (20.0, 25.0, 25.0, 22.0), 3),
    ],
)
def test_the_weights_that_are_kept_are_the_best_or_the_last(
    keep: str, values: tuple[float, ...], look: int, faces_folder: Path
) -> None:
    task = student_task()
    validate = Worsening(task.network, *values)
    recipe = replace(RECIPE, keep=keep)
    curve = run(task, faces_folder, recipe, validate=validate)
    for name, value in validate.seen[look].items():
        assert torch.equal(value, task.network.state_dict()[name]), name
    assert loop.kept(curve, recipe)["step"] == 3 * (look + 1)


def test_the_best_weights_survive_a_kill(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    recipe, task = replace(RECIPE, keep="best"), student_task()
    validate = Worsening(task.network)

    def kill(row: Row) -> None:
        if row["step"] == 9:
            raise KilledError

    saved = Checkpoint(tmp_path)
    with pytest.raises(KilledError):
        run(task, faces_folder, recipe, validate=validate, checkpoint=saved, on_row=kill)
    resumed = student_task()
    run(resumed, faces_folder, recipe, validate=lambda: {"val_psnr": 21.0}, checkpoint=saved)
    for name, value in validate.seen[1].items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_a_long_training_is_validated_about_a_hundred_times(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MOST_VALIDATIONS", 2)
    curve = run(student_task(), faces_folder, validate=lambda: {"val_psnr": 1.0})
    assert [row["step"] for row in curve if "val_psnr" in row] == [6, 12]


def test_a_training_ends_within_an_epoch_with_a_validation(faces_folder: Path) -> None:
    task = student_task()
    validate = psnr_on(batches(faces_folder, "val"), task.network, CPU)
    curve = run(task, faces_folder, replace(RECIPE, steps=5), validate=validate)
    assert [row["step"] for row in curve if "val_psnr" in row] == [3, 5]
    assert curve[-1]["learning_rate"] == pytest.approx(0.02 * RECIPE.learning_rate)


def test_learning_rate_schedules() -> None:
    steady = replace(RECIPE, learning_rate=0.1, schedule=CONSTANT, steps=100)
    assert {steady.rate(step) for step in range(100)} == {0.1}
    long = replace(RECIPE, steps=1000)
    cycle = [long.rate(step) for step in range(1000)]
    peak = cycle.index(max(cycle))
    assert peak == pytest.approx(150, abs=2)
    assert cycle[peak] == pytest.approx(RECIPE.learning_rate)
    assert cycle[: peak + 1] == sorted(cycle[: peak + 1])
    assert cycle[peak:] == sorted(cycle[peak:], reverse=True)
    assert cycle[0] < 0.01 * cycle[peak]
    assert cycle[-1] == pytest.approx(0.02 * cycle[peak], rel=0.01)


@pytest.mark.parametrize(
    ("name", "optimizer", "rate", "batch_size", "steps", "augment"),
    [
        ("urdgn", {"name": "RMSprop", "smoothing": 0.9}, 1e-3, 128, 79_120, "none"),
        ("fsrnet", {"name": "RMSprop", "smoothing": 0.99}, 2.5e-4, 14, 700, "none"),
        ("dic", {"betas": (0.9, 0.999)}, 1e-4, 8, 150_000, "distort_mirror_and_turn"),
        ("sisn", {"betas": (0.9, 0.999)}, 2e-4, 10, 1_000_000, "mirror_and_turn"),
        ("sparnet", {"betas": (0.9, 0.99)}, 2e-4, 32, 107_000, "mirror_and_zoom"),
        ("kdfsrnet", {"betas": (0.9, 0.99)}, 1e-4, 8, 98_000, "none"),
        ("sfmnet", {"betas": (0.9, 0.99)}, 1e-4, 8, 98_000, "none"),
        ("wfen", {"betas": (0.9, 0.99)}, 2e-4, 32, 84_937, "mirror_and_zoom"),
    ],
)
def test_authors_recipes(
    name: str, optimizer: dict, rate: float, batch_size: int, steps: int, augment: str
) -> None:
    recipe = Recipe.by_authors(networks.module(name).RECIPE, "helen", THEIRS)
    assert (recipe.learning_rate, recipe.batch_size, recipe.steps) == (rate, batch_size, steps)
    optimizer = {"name": "Adam", **optimizer}
    named = {f"optimizer_{k}": v for k, v in optimizer.items() if k != "name"}
    expected = {"optimizer": optimizer["name"], **named, "optimizer_epsilon": 1e-8}
    expected["keep"] = "best" if name in ("dic", "sisn") else "last"
    assert expected.items() <= recipe.record().items()
    assert recipe.record()["augment"] == augment
    limits = {**THEIRS, "most_steps": 300, "largest_batch": 2, "rate_factor": 10.0}
    short = Recipe.by_authors(networks.module(name).RECIPE, "helen", limits)
    assert (short.batch_size, short.steps) == (2, 300)
    assert short.learning_rate == pytest.approx(10 * rate)


def test_no_profile_trains_a_network_faster_than_it_bears() -> None:
    one = {
        "schedule": "constant", "learning_rate": 0.005, "batch_size": 2, "steps": 9, "threads": 1
    }  # fmt: skip
    for network, rate in [("sfmnet", 1e-4), ("sisn", 2e-3), ("wfen", 0.005)]:
        recipe, _ = networks.recipe({"network": network, "recipe": one, "distillation": {}})
        assert recipe.learning_rate == rate
    slow = {**one, "learning_rate": 5e-5}
    recipe, _ = networks.recipe({"network": "sfmnet", "recipe": slow, "distillation": {}})
    assert recipe.learning_rate == 5e-5
    authors = {**THEIRS, "rate_factor": 10.0, "dataset": "helen"}
    recipe, _ = networks.recipe({"network": "sfmnet", "authors": authors})
    assert recipe.learning_rate == 1e-4


def test_milestones_and_fades_shrink_with_the_training() -> None:
    dic, kdfsrnet = networks.module("dic").RECIPE, networks.module("kdfsrnet").RECIPE
    theirs = Recipe.by_authors(dic, "helen", THEIRS)
    assert theirs.record()["milestones"] == [10_000, 20_000, 40_000, 80_000]
    limits = {**THEIRS, "most_steps": 1_500}
    short = Recipe.by_authors(dic, "helen", limits)
    assert short.record()["milestones"] == [100, 200, 400, 800]
    assert short.rate(99) == 2 * short.rate(100)
    assert kdfsrnet.distilled("helen", THEIRS)["distill_epochs"] == 10
    assert kdfsrnet.distilled("helen", {**THEIRS, "most_steps": 49_000})["distill_epochs"] == 5
    assert kdfsrnet.distilled("helen", limits)["distill_epochs"] == 1
    assert dic.distilled("helen", THEIRS) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"optimizer": torch.optim.AdamW}, r"optimizer: expected partial"),
        ({"schedule": "constant"}, "schedule: expected CONSTANT"),
        ({"keep": "bset"}, "keep: expected best or last, got 'bset'"),
        ({"steps": 100}, "steps: expected"),
        ({"augment": mirror}, "augment: expected"),
        ({"steps": {OTHERS: 0}}, "steps: expected"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0"),
        ({"learning_rate": "1e-4"}, "learning_rate: expected a number above 0"),
        ({"batch_size": 0}, "batch_size: expected a whole number from 1 on, got 0"),
        ({"augment": {OTHERS: "mirror"}}, "augment: expected"),
        (
            {"augment": {OTHERS: partial(mirror)}},
            "augment: expected {OTHERS: mirror}, functions by",
        ),
    ],
)
def test_a_recipe_of_other_kinds_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=f"RECIPE: {told}"):
        replace(networks.module("kdfsrnet").RECIPE, **change)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RECIPE", None, r"sfmnet\.py: expected RECIPE = AuthorsRecipe\(…\), got None: mend it"),
        ("RECIPE", RECIPE, r"expected RECIPE = AuthorsRecipe\(…\), got Recipe"),
        ("HIGHEST_RATE", 0, r"sfmnet\.py: expected HIGHEST_RATE = a number above 0, .* got 0"),
        ("HIGHEST_RATE", "1e-4", "expected HIGHEST_RATE = a number above 0"),
    ],
)
def test_what_a_network_is_trained_by_is_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, told: str
) -> None:
    monkeypatch.setattr(networks.module("sfmnet"), name, value)
    with pytest.raises(UserError, match=told):
        networks.recipe({"network": "sfmnet", "authors": {**THEIRS, "dataset": "helen"}})


def test_what_is_missing_in_a_recipe_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    own = networks.module("kdfsrnet").RECIPE
    constant = replace(own, distillation={"lambda_ts": 0.1, "distill_epochs": 0})
    assert constant.distilled("helen", {**THEIRS, "most_steps": 9})["distill_epochs"] == 0
    with pytest.raises(UserError, match=r"expected a value for celeba or for others, got .*helen"):
        replace(own, steps={"helen": 7}).num_steps("celeba", THEIRS)
    assert replace(own, steps={"helen": 7}).num_steps("helen", THEIRS) == 7
    monkeypatch.setattr(networks.module("kdfsrnet"), "RECIPE", replace(own, distillation=None))
    for wrong in (None, {"lambda_f": 1.0, "distill_epochs": 1}, {"lambda_fs": 1.0}):
        own = replace(own, distillation=wrong)
        monkeypatch.setattr(networks.module("kdfsrnet"), "RECIPE", own)
        with pytest.raises(UserError, match=r"kdfsrnet\.py: expected in RECIPE the `distillation`"):
            networks.recipe({"network": "kdfsrnet", "authors": {**THEIRS, "dataset": "helen"}})


def test_dic_has_its_augmentation_on_helen_alone() -> None:
    assert Recipe.by_authors(networks.module("dic").RECIPE, "celeba", THEIRS).augment is None


@pytest.mark.parametrize(
    ("name", "step", "share"),
    [
        ("urdgn", 3 * 115, 0.99**3),
        ("urdgn", 79_119, 1e-3),
        ("dic", 9_999, 1),
        ("dic", 10_000, 1 / 2),
        ("dic", 149_999, 1 / 16),
        ("sisn", 49_999, 1 / 2**0),
        ("sisn", 999_999, 1 / 2**8),
        ("sparnet", 106_999, 1),
    ],
)
def test_authors_schedules(name: str, step: int, share: float) -> None:
    recipe = Recipe.by_authors(networks.module(name).RECIPE, "helen", THEIRS)
    assert recipe.rate(step) / recipe.learning_rate == pytest.approx(share)


def test_rmsprop_is_rmsprop(faces_folder: Path) -> None:
    task = student_task()
    before = [p.clone() for p in task.network.parameters()]
    recipe = replace(RECIPE, schedule=CONSTANT, optimizer=partial(RMSPROP, alpha=0.9), steps=1)
    run(task, faces_folder, recipe)
    # After one step the mean of the squared gradient is a tenth of it, whatever the gradient.
    moved = [(a - b).abs().max() for a, b in zip(before, task.network.parameters(), strict=True)]
    assert max(moved).item() == pytest.approx(1e-3 / 0.1**0.5, rel=0.01)


def test_the_poly_schedule_rises_and_falls() -> None:
    long = replace(RECIPE, learning_rate=1.0, schedule=SCHEDULES["poly"], steps=80_000)
    rates = [long.rate(step) for step in range(80_000)]
    assert rates.index(max(rates)) == pytest.approx(1_000, abs=2)
    assert rates[0] == pytest.approx(1e-3, rel=0.01)
    assert rates[499] == pytest.approx(1e-3**0.5)
    assert rates[39_999] == pytest.approx((40_000 / 79_000) ** 0.9)
    assert rates[-1] == 0


def test_sgd_is_sgd(faces_folder: Path) -> None:
    task = student_task()
    before = [p.clone() for p in task.network.parameters()]
    batch = next(batches(faces_folder).epoch(0))
    loss = task.losses(batch, 0)["loss"]
    gradients = torch.autograd.grad(loss, list(task.network.parameters()))
    recipe = replace(RECIPE, schedule=CONSTANT, optimizer=partial(SGD, weight_decay=0.0), steps=1)
    run(task, faces_folder, recipe)
    for old, gradient, new in zip(before, gradients, task.network.parameters(), strict=True):
        torch.testing.assert_close(new, old - 1e-3 * gradient, atol=1e-7, rtol=1e-4)


class Transposed(nn.Module):
    """Its weight is used in another layout, and so is what autograd finds for it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 2 * 3).view(2, 3))

    def forward(self, lr_image: Tensor) -> Tensor:
        means = lr_image.mean((0, 2, 3))
        return lr_image * (means[:, None] * self.weight.t().contiguous()).sum()


def test_each_weight_moves_by_its_own_gradient_however_that_lies_in_memory() -> None:
    images = torch.linspace(0.1, 1, 2 * 3 * 4 * 4).view(2, 3, 4, 4)
    network = Transposed()
    loss = network(images).square().mean()
    (gradient,) = torch.autograd.grad(loss, [network.weight])
    assert gradient.stride() != network.weight.stride()
    recipe = replace(RECIPE, optimizer=partial(SGD, weight_decay=0.0))
    state = TrainingState(SuperResolutionTask(network), recipe, CPU)
    before = network.weight.detach().clone()
    state.step({"loss": network(images).square().mean()}, 0.5, "test")
    torch.testing.assert_close(network.weight.detach(), before - 0.5 * gradient)
    assert network.weight.grad is None  # in a CUDA graph's memory it would be in the way


class First(Precision):
    memory_format = torch.contiguous_format


class Last(Precision):
    memory_format = torch.channels_last


@pytest.mark.parametrize(("first", "second"), [(First, Last), (Last, First)])
def test_a_training_continues_where_weights_lie_otherwise_in_memory(
    first: type[Precision], second: type[Precision], faces_folder: Path, tmp_path: Path
) -> None:
    batch, saved = next(batches(faces_folder).epoch(0)), Checkpoint(tmp_path)

    def after_six_steps(then: type[Precision]) -> list[Tensor]:
        for start, kind in enumerate((first, then)):
            task = student_task()
            state = TrainingState(task, RECIPE, kind("fp32", CPU.device))
            if start:
                state.restore(saved)
            state.switch(training=True)
            for _ in range(3):
                state.step(task.losses(batch, 0), 1e-3, "test")
            state.save(saved)
        return list(task.network.parameters())

    pairs = zip(after_six_steps(first), after_six_steps(second), strict=True)
    assert max((one - other).abs().max().item() for one, other in pairs) < 1e-4


def test_a_training_continues_on_a_machine_with_fewer_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generators = [torch.tensor([n], dtype=torch.uint8) for n in (3, 5)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(generators))
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device=0: generators[device])

    def put(state: Tensor, device: int = 0) -> None:
        generators[device] = state

    monkeypatch.setattr(torch.cuda, "set_rng_state", put)
    saved = Checkpoint(tmp_path)
    saved.save({"random": random_state()})
    generators[:] = [torch.tensor([7], dtype=torch.uint8)]
    state = saved.load()
    assert state is not None
    restore_random_state(state["random"])
    assert generators == [torch.tensor([3], dtype=torch.uint8)]


def test_a_recipe_records_what_it_is() -> None:
    authors = AuthorsRecipe(
        optimizer=partial(RMSPROP, alpha=0.9),
        learning_rate=1e-3,
        schedule=CONSTANT,
        batch_size=4,
        augment={OTHERS: mirror_and_zoom},
    )
    recipe = Recipe.by_authors(authors, "helen", THEIRS)
    assert recipe.record() == {
        "steps": 700,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "threads": 1,
        "keep": "last",
        "skip_bad_steps": 0,
        "optimizer": "RMSprop",
        "optimizer_smoothing": 0.9,
        "optimizer_epsilon": 1e-8,
        "augment": "mirror_and_zoom",
    }


def test_a_killed_training_ends_with_the_same_weights(
    faces_folder: Path, killed: Callable[[Task], Checkpoint]
) -> None:
    whole = student_task()
    curve = run(whole, faces_folder)
    saved = killed(student_task())
    state = saved.load()
    assert state is not None
    assert state["progress"][0] == 7
    torch.manual_seed(12345)
    resumed = SuperResolutionTask(pkdn.PKDN(**SMALL))
    resumed_curve = run(resumed, faces_folder, checkpoint=saved)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert resumed_curve[-1]["step"] == curve[-1]["step"]


@pytest.mark.parametrize("number", checkpoints.Stop.SIGNALS)
def test_a_signal_saves_the_very_step_and_ends_with_its_own_status(
    number: signal.Signals, faces_folder: Path, tmp_path: Path
) -> None:
    whole = student_task()
    curve = run(whole, faces_folder)
    asked = student_task()
    losses, calls = asked.losses, []

    def asked_to_end(batch: Batch, epoch: int) -> dict[str, torch.Tensor]:
        calls.append(epoch)
        if len(calls) == 5:
            os.kill(os.getpid(), number)
        return losses(batch, epoch)

    asked.losses = asked_to_end
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended:
        run(asked, faces_folder, checkpoint=Checkpoint(tmp_path))
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) is before
    resumed = SuperResolutionTask(pkdn.PKDN(**SMALL))
    again = run(resumed, faces_folder, checkpoint=Checkpoint(tmp_path))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert [row["loss"] for row in again] == [row["loss"] for row in curve]


def test_a_signal_at_the_last_step_loses_nothing(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    task, calls = student_task(), []

    def asked_to_end() -> Row:
        calls.append(1)
        if len(calls) == 4:  # after the last step
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    def start(validate: Callable[[], Row]) -> None:
        recorded = tracking.Run(
            Planned(RunId("student", "helen", "full", 0), {}, {}, {}), "", "abc", {}, {}
        )
        train_recorded(
            task, batches(faces_folder), RECIPE, precision=CPU, validate=validate, run=recorded
        )

    with pytest.raises(SystemExit) as ended:
        start(asked_to_end)
    assert ended.value.code == 128 + signal.SIGTERM
    start(pytest.fail)  # what it ended with is taken


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_checkpoint_with_one_bit_changed_is_named(tmp_path: Path, place: int) -> None:
    saved = Checkpoint(tmp_path)
    saved.save({"weights": torch.zeros(1000)})
    assert saved.load() is not None
    content = bytearray(saved.file.read_bytes())
    content[place] ^= 1
    saved.file.write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint in .*state\.pt, got a broken file; delete it"):
        saved.load()


def test_weights_that_are_no_numbers_are_never_saved(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    task = student_task()
    losses, calls = task.losses, []

    def with_a_wrong_gradient(batch: Batch, epoch: int) -> dict[str, torch.Tensor]:
        calls.append(epoch)
        found = losses(batch, epoch)
        if len(calls) == 5:  # after which no row comes: its loss is finite, its gradient is not
            found["loss"] = found["loss"] + (found["loss"] - found["loss"].detach()).sqrt()
        return found

    task.losses = with_a_wrong_gradient
    with pytest.raises(UserError, match=r"expected a finite .*weight, got nan by step 5: the"):
        run(task, faces_folder, checkpoint=Checkpoint(tmp_path))
    saved = SuperResolutionTask(pkdn.PKDN(**SMALL))
    state = TrainingState(saved, RECIPE, CPU)
    state.restore(Checkpoint(tmp_path))
    assert state.steps == 4
    assert all(weight.isfinite().all() for weight in saved.network.parameters())


def test_infinities_that_were_there_at_the_start_are_no_divergence(faces_folder: Path) -> None:
    task = student_task()
    task.network.register_buffer("mask", torch.full((2, 2), -math.inf))
    run(task, faces_folder)


def test_a_task_that_lacks_its_term_is_named(faces_folder: Path) -> None:
    task = student_task()
    losses = task.losses
    task.losses = lambda batch, epoch: {"l_sr": losses(batch, epoch)["loss"]}
    with pytest.raises(UserError, match=r"expected of its task's `losses` the term loss, .* l_sr"):
        run(task, faces_folder)


def test_a_weight_that_two_terms_would_move_is_refused(faces_folder: Path) -> None:
    task = student_task()
    task.network.discriminator = nn.Conv2d(3, 1, 3)
    task.minimised = {"loss": task.network, "l_d": task.network.discriminator}
    told = r"SuperResolutionTask: .* that loss and l_d both do: keep the discriminator outside"
    with pytest.raises(UserError, match=told):
        run(task, faces_folder)


def test_a_term_that_only_some_steps_have_is_averaged_over_these(
    faces_folder: Path, tmp_path: Path
) -> None:
    task = student_task()
    losses, calls = task.losses, []

    def lazily(batch: Batch, epoch: int) -> dict[str, Tensor]:
        calls.append(epoch)
        now_and_then = (
            {"l_lazy": torch.tensor(float(len(calls)))} if len(calls) in (1, 6, 7) else {}
        )
        return losses(batch, epoch) | now_and_then

    task.losses = lazily
    curve = run(task, faces_folder)
    found = {row["step"]: row.get("l_lazy") for row in curve}
    assert found == {3: 1.0, 6: 6.0, 9: 7.0, 10: None, 12: None}
    write_curve(tmp_path / "curve.csv", curve)
    assert [row.get("l_lazy") for row in read_curve(tmp_path / "curve.csv")] == [*found.values()]


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda terms: terms["loss"], r"a dict of terms, got a tensor of the shape \(\)"),
        (
            lambda terms: terms | {"l_face": torch.zeros(3)},
            r"a tensor of one number .* l_face, got .* \(3,\)",
        ),
        (lambda terms: terms | {"l_face": 0.5}, r"a tensor of one number for .* l_face, got float"),
        (
            lambda terms: terms | {"loss": terms["loss"].detach()},
            r"the term loss with its gradient, .* got one",
        ),
    ],
)
def test_terms_of_another_kind_are_named_at_the_first_step(
    faces_folder: Path, change: Callable[[dict[str, Tensor]], object], got: str
) -> None:
    task = student_task()
    losses = task.losses
    task.losses = lambda batch, epoch: change(losses(batch, epoch))
    with pytest.raises(UserError, match=r"expected of its task's `losses` " + got):
        run(task, faces_folder, on_row=lambda _: pytest.fail("it went on"))


def test_random_numbers_of_python_and_numpy_go_on_after_a_kill(tmp_path: Path) -> None:
    saved = Checkpoint(tmp_path)
    saved.save({"random": random_state()})
    expected = [random.random(), float(np.random.rand()), float(torch.rand(1))]
    state = saved.load()
    assert state is not None
    restore_random_state(state["random"])
    assert [random.random(), float(np.random.rand()), float(torch.rand(1))] == expected


def with_bad_steps(*numbers: int) -> Task:
    """Return a task whose loss or gradient is no number in some of its steps, in turn."""
    torch.manual_seed(0)
    task = SuperResolutionTask(networks.describe("fsrnet", "demo").build())  # has running means
    losses, calls = task.losses, []

    def sometimes_bad(batch: Batch, epoch: int) -> dict[str, torch.Tensor]:
        calls.append(epoch)
        loss = losses(batch, epoch)["loss"]
        if len(calls) not in numbers:
            return {"loss": loss}
        if len(calls) % 2:
            task.network.get_buffer("coarse.1.body.1.running_mean").data.fill_(math.nan)
            return {"loss": loss * math.nan}
        return {"loss": loss + (loss - loss.detach()).sqrt()}  # its gradient is infinite

    task.losses = sometimes_bad
    return task


def test_bad_steps_are_left_out_as_if_they_had_not_been(faces_folder: Path) -> None:
    recipe = replace(RECIPE, skip_bad_steps=2, schedule=CONSTANT)
    task = with_bad_steps(11, 12)
    curve = run(task, faces_folder, recipe)
    good = with_bad_steps()
    run(good, faces_folder, replace(recipe, steps=10, skip_bad_steps=0))
    for name, value in good.network.state_dict().items():
        assert torch.equal(value, task.network.state_dict()[name]), name
    assert [row["skipped_steps"] for row in curve] == [0, 0, 0, 0, 2]
    assert all(math.isfinite(value) for row in curve for value in row.values())


def test_one_bad_step_too_many_ends_the_training_and_a_restart_does_not_forget(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    recipe = replace(RECIPE, skip_bad_steps=1)
    saved = Checkpoint(tmp_path)
    expected = r"at most 1 steps to leave out \(skip_bad_steps\), got another at step 8"
    with pytest.raises(UserError, match=expected):
        run(with_bad_steps(5, 8), faces_folder, recipe, checkpoint=saved)
    with pytest.raises(UserError, match=expected):
        run(with_bad_steps(1), faces_folder, recipe, checkpoint=saved)


def test_divergence_stops_with_a_proposal(faces_folder: Path) -> None:
    with pytest.raises(UserError, match="diverged; choose a learning_rate below"):
        run(
            student_task(),
            faces_folder,
            replace(RECIPE, steps=120, learning_rate=1e6, schedule=CONSTANT),
        )


def test_what_a_training_ended_with_is_taken_by_whoever_needs_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with single_flight("abc") as first:
        assert first.finished() is None
        first.finish({"network": {}, "curve": []})
    with single_flight("abc") as again:
        assert again.finished() == {"network": {}, "curve": []}


def test_a_second_worker_waits_for_the_result_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    found = []

    def second() -> None:
        with single_flight("abc") as checkpoint:
            found.append(checkpoint.finished())

    with single_flight("abc") as first:
        worker = threading.Thread(target=second)
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive()
        assert "waiting for its result" in capsys.readouterr().out
        first.finish({"network": {}, "curve": []})
    worker.join(timeout=60)
    assert found == [{"network": {}, "curve": []}]


@pytest.mark.parametrize(("phase", "rows"), [("teacher", 0), ("", 1)])
def test_a_result_that_is_taken_gives_the_run_its_own_curve_alone(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, rows: int
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    task = student_task()
    row = {"epoch": 0.0, "step": 10.0, "learning_rate": 0.1, "loss": 0.5, "seconds": 1.0}
    with single_flight("abc" + phase) as checkpoint:
        checkpoint.finish({"network": task.network.state_dict(), "curve": [row]})
    recorded = tracking.Run(
        Planned(RunId("baseline", "helen", "kdfsrnet", 0), {}, {}, {}), "", "abc", {}, {}
    )
    train_recorded(
        task, batches(faces_folder), RECIPE, precision=CPU, validate=None, run=recorded, phase=phase
    )
    assert len(recorded.curve) == rows
    assert recorded.id.curve(phase).is_file()


@pytest.mark.parametrize(
    ("trained_by", "before"),
    [("baseline@helen-kdfsrnet-0", 1000), ("baseline@helen-pkdn-0", 0), (None, 0)],
)
def test_what_processes_before_took_of_a_training_is_counted_with_its_own_run(
    faces_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trained_by: str | None,
    before: float,
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    recorded = tracking.Run(
        Planned(RunId("baseline", "helen", "kdfsrnet", 0), {}, {}, {}), "", "abc", {}, {}
    )
    if trained_by:
        curve = [{"epoch": 3.0, "step": 12.0, "learning_rate": 0.1, "loss": 0.5, "seconds": 1000.0}]
        ended = {"network": student_task().network.state_dict(), "curve": curve}
        with single_flight("abcteacher") as checkpoint:
            checkpoint.finish({**ended, "run": trained_by})
    for phase in ("teacher", ""):
        task, learnt = student_task(), batches(faces_folder)
        train_recorded(
            task, learnt, RECIPE, precision=CPU, validate=None, run=recorded, phase=phase
        )
    assert recorded.record()["seconds_before"] == pytest.approx(before, abs=100)
    assert recorded.record()["seconds"] < 100


def test_a_result_that_is_taken_lies_in_memory_as_if_it_had_been_trained_here(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    bf16 = Precision("bf16", torch.device("cpu"))
    recorded = tracking.Run(
        Planned(RunId("baseline", "helen", "kdfsrnet", 0), {}, {}, {}), "", "abc", {}, {}
    )
    short = replace(RECIPE, steps=1)
    layouts = []
    for _ in range(2):
        task, source = student_task(), batches(faces_folder)
        network = train_recorded(
            task, source, short, precision=bf16, validate=None, run=recorded, phase="teacher"
        )
        weights = [parameter for parameter in network.parameters() if parameter.dim() == 4]
        layouts.append([w.is_contiguous(memory_format=torch.channels_last) for w in weights])
    assert all(layouts[0])
    assert layouts[0] == layouts[1]


def test_a_run_is_told_what_was_kept_and_how_fast_it_was(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    recorded = tracking.Run(
        Planned(RunId("student", "helen", "full", 0), {}, {}, {}), "", "abc", {}, {}
    )
    task = student_task()
    train_recorded(
        task,
        batches(faces_folder),
        replace(RECIPE, keep="best"),
        precision=CPU,
        validate=Worsening(task.network),
        run=recorded,
    )
    found = recorded.values
    assert (found["kept_step"], found["kept_val_psnr"], found["val_psnr"]) == (6, 25, 22)
    assert found["faces_per_second"] == pytest.approx(12 * 4 / found["seconds"])


def test_rows_that_lie_on_the_device_are_those_that_are_streamed(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = batches(faces_folder, batch_size=3, augment=mirror)
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr("pkdn.training.batches.rows_of", rows.Resident)
    resident = batches(faces_folder, batch_size=3, augment=mirror)
    for number in range(2):
        torch.manual_seed(number)
        expected = [*streamed.epoch(number)]
        torch.manual_seed(number)
        found = [*resident.epoch(number)]
        assert len(found) == len(expected) > 1
        for one, other in zip(found, expected, strict=True):
            for mine, theirs in zip(one, other, strict=True):
                assert (mine is None) is (theirs is None)
                assert mine is None or torch.equal(mine, theirs)


def test_faces_lie_on_a_gpu_where_they_take_a_quarter_of_what_is_free(
    faces_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = Shards(faces_folder, "train")
    assert shards.num_bytes() >= len(shards) * 128 * 128 * 3
    gpu = torch.device("cuda")
    for free, kind in [
        (5 * shards.num_bytes(), rows.Resident),
        (4 * shards.num_bytes(), rows.Streamed),
    ]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 2 * free))
        assert type(rows.rows_of(shards, gpu)) is kind
    assert type(rows.rows_of(shards, CPU.device)) is rows.Streamed


def test_reading_ahead_keeps_the_order_takes_no_more_than_it_needs_and_passes_errors_on() -> None:
    taken = list[int]()

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    found = threads.ahead(lambda number: 10 // (5 - number), items(), 2)
    assert [next(found), next(found)] == [2, 2]
    assert len(taken) <= 2 + 2
    assert [next(found) for _ in range(3)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_fp32_is_exact_on_gpus_and_tf32_is_for_them_alone() -> None:
    cpu = precision.default_device()
    backends = torch.backends
    for name, exact in [("fp32", True), ("bf16", False), ("fp32", True)]:
        assert precision.choose(name, cpu).name == name
        assert backends.cudnn.allow_tf32 is backends.cuda.matmul.allow_tf32 is False
        assert (backends.cudnn.deterministic, backends.cudnn.benchmark) == (exact, not exact)
    assert precision.choose("tf32", torch.device("cuda")).memory_format == torch.contiguous_format
    assert backends.cudnn.allow_tf32 is backends.cuda.matmul.allow_tf32 is True
    precision.default_device()
    assert not backends.cudnn.allow_tf32
    with pytest.raises(UserError, match="expected auto, fp32 or bf16 on a processor, got tf32"):
        precision.choose("tf32", torch.device("cpu"))


@pytest.mark.parametrize(
    ("name", "device", "has_bf16", "expected"),
    [
        ("fp32", "cpu", False, torch.channels_last),
        ("fp32", "cpu", True, torch.contiguous_format),
        ("bf16", "cpu", True, torch.channels_last),
        ("fp32", "cuda", True, torch.contiguous_format),
        ("bf16", "cuda", True, torch.channels_last),
    ],
)
def test_weights_lie_as_is_fastest(
    name: str,
    device: str,
    has_bf16: bool,
    expected: torch.memory_format,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "_multiplies_bf16", lambda _: has_bf16)
    assert Precision(name, torch.device(device)).memory_format == expected


@pytest.mark.parametrize("chosen", ["fp32", "bf16", "neither"])
def test_what_was_chosen_for_gpus_is_back_afterwards(chosen: str) -> None:
    def now() -> tuple[bool, ...]:
        cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
        return cudnn.allow_tf32, products.allow_tf32, cudnn.deterministic, cudnn.benchmark

    precision.choose("fp32" if chosen == "neither" else chosen, CPU.device)
    if chosen == "neither":  # of ours
        torch.backends.cudnn.allow_tf32 = True
    before = now()
    with precision.exact(torch.device("cuda")):
        assert now() == (False, False, True, False)
        with precision.usual():
            assert now() == (True, False, False, False)
        assert now() == (False, False, True, False)
    assert now() == before


def test_one_thread_at_a_time_changes_how_gpus_compute() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    seen = []

    def second() -> None:
        with precision.exact(torch.device("cuda")):
            seen.append(cudnn.deterministic)

    with precision.exact(torch.device("cuda")):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.2)
        assert not seen
    thread.join(timeout=60)
    assert seen == [True]
    assert cudnn.benchmark is before


@pytest.mark.parametrize(
    "chosen",
    [
        "",
        "cuda.matmul.fp32_precision = 'tf32'",
        "cudnn.conv.fp32_precision = 'tf32'",
        "cudnn.conv.fp32_precision = 'ieee'",
        "fp32_precision = 'tf32'",
        "fp32_precision = 'ieee'",
    ],
)
def test_a_program_that_chose_tf32_by_pytorchs_newer_names_has_exact_faces(chosen: str) -> None:
    program = """
import torch
from pkdn.training import precision
backends = torch.backends
def now():
    return [kind.fp32_precision for kind in (backends.cudnn.conv, backends.cuda.matmul, backends)]
CHOSEN
before = now()
with precision.exact(torch.device("cuda")):
    assert now()[:2] == ["ieee", "ieee"]
assert now() == before
import sys
assert "torch._dynamo" not in sys.modules
"""
    line = f"backends.{chosen}" if chosen else ""
    subprocess.run([sys.executable, "-c", program.replace("CHOSEN", line)], check=True)


@pytest.mark.parametrize(("named", "is_told"), [("0,1", True), ("", False), ("-1", False)])
def test_a_gpu_that_was_given_and_cannot_be_used_is_told(
    named: str,
    is_told: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, named)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert precision.default_device() == torch.device("cpu")
    told = capsys.readouterr().out
    assert ("is 0,1, and PyTorch can use no GPU: the processor computes" in told) == is_told


def test_fp32_is_deterministic_on_gpus_where_pytorch_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # is put back
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    precision.choose("fp32", CPU.device)
    assert not torch.are_deterministic_algorithms_enabled()  # processors are, without
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    try:
        for name in ("bf16", "fp32"):
            precision.choose(name, torch.device("cuda"))
            assert torch.are_deterministic_algorithms_enabled() is (name == "fp32")
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == precision.CUBLAS_WORKSPACE
    finally:
        torch.use_deterministic_algorithms(False)


def test_old_results_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with single_flight("old") as old:
        old.finish({"network": {}, "curve": []})
    monkeypatch.setattr(checkpoints, "KEEP_RESULT_SECONDS", -1)
    with single_flight("new"):
        pass
    assert not old.result.exists()


def test_a_teacher_stays_as_long_as_its_student_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with single_flight("abcteacher") as teacher:
        teacher.finish({"network": {}, "curve": []})
    with single_flight("abc") as student:
        student.save({"steps": 1})
    monkeypatch.setattr(checkpoints, "KEEP_RESULT_SECONDS", -1)
    with single_flight("another"):
        assert teacher.result.exists()
    with single_flight("abc") as student:
        student.finish({"network": {}, "curve": []})
    with single_flight("another"):
        assert not teacher.result.exists()


def test_a_recipe_is_recorded_as_few_faces_allow_it(faces_folder: Path, tmp_path: Path) -> None:
    few, some = batches(faces_folder, batch_size=100), batches(faces_folder, "val")
    stated = replace(RECIPE, batch_size=100, keep="best")
    followed = as_the_faces_allow(stated, few, some)
    assert (followed.batch_size, followed.keep) == (12, "best")
    with ShardWriter(tmp_path) as writer:
        writer.append("train", {"faces": np.zeros((128, 128, 3), np.uint8)}, {"name": "1"})
    nothing = Shards(tmp_path, "val")
    none = FaceBatches(nothing, batch_size=4, seed=0, device=torch.device("cpu"))
    assert as_the_faces_allow(stated, few, none).keep == "last"


def test_validation_is_the_psnr_over_all_channels(faces_folder: Path) -> None:
    class Cyan(torch.nn.Module):
        """Its red is below 0 and its blue above 1."""

        def forward(self, lr_image: torch.Tensor) -> torch.Tensor:
            colour = torch.tensor([-0.5, 0.75, 1.5])[:, None, None]
            return colour.expand(len(lr_image), 3, 128, 128)

    source = batches(faces_folder, "val", batch_size=3)
    found = psnr_on(source, Cyan(), CPU)()["val_psnr"]
    faces = torch.from_numpy(Shards(faces_folder, "val").read("faces", range(4))).double() / 255
    errors = (faces - torch.tensor([0, 0.75, 1])).square().mean((1, 2, 3))
    assert found == pytest.approx(sum(-10 * math.log10(e) for e in errors) / 4, abs=1e-4)
