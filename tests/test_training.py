import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pkdn import networks
from pkdn.data.batches import FaceBatches, degrade
from pkdn.data.shards import Shards
from pkdn.errors import UserError
from pkdn.networks import pkdn
from pkdn.params import Recipe
from pkdn.precision import Precision
from pkdn.tasks import DistillationTask, SuperResolutionTask, Task, TeacherTask
from pkdn.training import checkpoint as checkpoints
from pkdn.training import loop
from pkdn.training.checkpoint import Checkpoint, single_flight
from pkdn.training.loop import learning_rate, train
from pkdn.training.validation import psnr_on

CPU = Precision("fp32", torch.device("cpu"))
SMALL = {"width": 8, "num_blocks": 1, "global_residual": True}
RECIPE = Recipe(4, 4, 1e-3, "one_cycle", max_steps=0, threads=1)


def batches(folder: Path, split: str = "train", batch_size: int = 4) -> FaceBatches:
    return FaceBatches(
        Shards(folder, split),
        Shards(folder, split),
        batch_size=batch_size,
        seed=0,
        device=torch.device("cpu"),
    )


def student_task() -> Task:
    torch.manual_seed(0)
    return SuperResolutionTask(pkdn.PKDN(**SMALL))


def run(task: Task, folder: Path, recipe: Recipe = RECIPE, **options) -> list[loop.Row]:
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
    source = batches(faces_folder, batch_size=1)
    epochs = [[b.hr_image.mean().item() for b in source.epoch(n)] for n in (0, 0, 1)]
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


@pytest.mark.parametrize("name", networks.names())
def test_every_networks_tasks_take_a_step(name: str, faces_folder: Path) -> None:
    batch = next(batches(faces_folder, batch_size=2).epoch(0))
    phases = []
    for task, phase in networks.tasks(name, "demo"):
        terms = task.losses(batch, 0)
        assert terms["loss"].isfinite()
        if terms["loss"].requires_grad:
            terms["loss"].backward()
        phases.append(phase)
    assert phases[-1] == ""


@pytest.mark.parametrize("name", [n for n in networks.names() if n != "bicubic"])
def test_every_network_overfits_one_batch(name: str, faces_folder: Path) -> None:
    torch.manual_seed(0)
    task = SuperResolutionTask(networks.build(name, "demo"))
    batch = next(batches(faces_folder, batch_size=1).epoch(0))
    optimizer = torch.optim.Adam(task.network.parameters(), 2e-3)
    losses = []
    for _ in range(30):
        loss = task.losses(batch, 0)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_distillation_trains_the_student_and_leaves_the_teacher(faces_folder: Path) -> None:
    torch.manual_seed(0)
    teacher, student = pkdn.PKDNTeacher(**SMALL), pkdn.PKDN(**SMALL)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    task = DistillationTask(
        student,
        teacher,
        taps=pkdn.DISTILLED_TAPS,
        lambda_ts=0.1,
        lambda_fs=10.0,
        distill_epochs=2,
    )
    curve = run(task, faces_folder)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    first, last = curve[0], curve[-1]
    assert first["loss"] == pytest.approx(
        first["l_sr"] + 0.1 * first["l_ts"] + 10 * first["l_fs"], rel=1e-4
    )
    assert "l_fs" not in last
    assert last["loss"] == last["l_sr"]


@pytest.mark.parametrize(
    ("lambda_ts", "lambda_fs", "terms"),
    [
        (0.1, 0.0, {"loss", "l_sr", "l_ts"}),
        (0.0, 10.0, {"loss", "l_sr", "l_fs"}),
        (0.0, 0.0, {"loss", "l_sr"}),
    ],
)
def test_a_term_without_weight_is_not_computed(
    faces_folder: Path, lambda_ts: float, lambda_fs: float, terms: set[str]
) -> None:
    task = DistillationTask(
        pkdn.PKDN(**SMALL),
        pkdn.PKDNTeacher(**SMALL),
        taps=pkdn.DISTILLED_TAPS,
        lambda_ts=lambda_ts,
        lambda_fs=lambda_fs,
        distill_epochs=0,
    )
    assert set(task.losses(next(batches(faces_folder).epoch(0)), 0)) == terms


def test_the_curve_has_rates_losses_and_validation(faces_folder: Path) -> None:
    torch.manual_seed(0)
    teacher = pkdn.PKDNTeacher(**SMALL)
    validate = psnr_on(batches(faces_folder, "val"), teacher, CPU, with_labels=True)
    seen: list[loop.Row] = []
    curve = run(TeacherTask(teacher), faces_folder, validate=validate, on_row=seen.append)
    assert seen == curve
    assert [row["step"] for row in curve if "val_psnr" in row] == [3, 6, 9, 12]
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert curve[-1]["val_psnr"] > curve[0]["val_psnr"]


def test_max_steps_ends_within_an_epoch_with_a_validation(faces_folder: Path) -> None:
    task = student_task()
    validate = psnr_on(batches(faces_folder, "val"), task.network, CPU, with_labels=False)
    curve = run(task, faces_folder, replace(RECIPE, max_steps=5), validate=validate)
    assert [row["step"] for row in curve if "val_psnr" in row] == [3, 5]
    assert curve[-1]["learning_rate"] == pytest.approx(0.02 * RECIPE.learning_rate)


def test_learning_rate_schedules() -> None:
    constant = Recipe(1, 1, 0.1, "constant", 0, 1)
    assert {learning_rate(constant, step, 100) for step in range(100)} == {0.1}
    cycle = [learning_rate(RECIPE, step, 1000) for step in range(1000)]
    peak = cycle.index(max(cycle))
    assert peak == pytest.approx(150, abs=2)
    assert cycle[peak] == pytest.approx(RECIPE.learning_rate)
    assert cycle[: peak + 1] == sorted(cycle[: peak + 1])
    assert cycle[peak:] == sorted(cycle[peak:], reverse=True)
    assert cycle[0] < 0.01 * cycle[peak]
    assert cycle[-1] == pytest.approx(0.02 * cycle[peak], rel=0.01)


class KilledError(Exception):
    pass


def test_a_killed_training_ends_with_the_same_weights(
    faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = student_task()
    curve = run(whole, faces_folder)

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    monkeypatch.setattr(loop, "LEAST_STEPS_PER_ROW", 1)
    saved = Checkpoint(tmp_path, waited=False)

    def kill(row: loop.Row) -> None:
        if row["step"] == 8:
            raise KilledError

    with pytest.raises(KilledError):
        run(student_task(), faces_folder, checkpoint=saved, on_row=kill)
    state = saved.load()
    assert state is not None
    assert state["step"] == 7
    torch.manual_seed(12345)
    resumed = SuperResolutionTask(pkdn.PKDN(**SMALL))
    resumed_curve = run(resumed, faces_folder, checkpoint=saved)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert resumed_curve[-1]["step"] == curve[-1]["step"]


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    saved = Checkpoint(tmp_path, waited=False)
    saved.file.write_bytes(b"half a file")
    with pytest.raises(UserError, match=r"checkpoint in .*state\.pt"):
        saved.load()


def test_divergence_stops_with_a_proposal(faces_folder: Path) -> None:
    with pytest.raises(UserError, match="diverged; choose a learning_rate below"):
        run(student_task(), faces_folder, Recipe(40, 4, 1e6, "constant", 0, 1))


def test_only_a_worker_that_waited_takes_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with single_flight("abc") as first:
        assert first.finished() is None
        first.finish({"network": {}, "curve": []})
    with single_flight("abc") as again:
        assert again.finished() is None
    assert Checkpoint(again.folder, waited=True).finished() == {"network": {}, "curve": []}


def test_old_results_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with single_flight("old") as old:
        old.finish({"network": {}, "curve": []})
    monkeypatch.setattr(checkpoints, "KEEP_RESULT_SECONDS", -1)
    with single_flight("new"):
        pass
    assert not old.result.exists()


def test_validation_is_the_psnr_over_all_channels(faces_folder: Path) -> None:
    class Dark(torch.nn.Module):
        def forward(self, lr_image: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(lr_image), 3, 128, 128)

    source = batches(faces_folder, "val", batch_size=3)
    found = psnr_on(source, Dark(), CPU, with_labels=False)()["val_psnr"]
    faces = torch.from_numpy(Shards(faces_folder, "val").read("faces", range(4))).double() / 255
    errors = faces.square().mean((1, 2, 3))
    assert found == pytest.approx(sum(-10 * math.log10(e) for e in errors) / 4, abs=1e-4)
