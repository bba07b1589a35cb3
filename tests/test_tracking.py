import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pkdn import closure, provenance, tracking
from pkdn.networks.pkdn import PKDN
from pkdn.runs import Planned, RunId


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def student(dataset: str, variant: str, seed: str) -> Planned:
    return Planned(RunId("student", dataset, variant, int(seed)), {}, {}, {})


def record_a_run(key: str = "helen-full-0", lambda_fs: float = 10.0) -> dict[str, object]:
    planned = student(*key.split("-"))
    with tracking.run(planned, {"lambda_fs": lambda_fs}) as run:
        curve = [{"step": step, "loss": 1 / step} for step in (1, 2, 3)]
        for row in curve:
            run.row(row)
        run.metrics({"val_psnr": 24.5, "undefined": float("inf")})
        provenance.write_curve(run.id.curve(), curve)
    return json.loads(planned.id.record.read_text())


def check_sent(run_id: str) -> None:
    run = tracking.connect().get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lambda_fs": "10.0"}
    assert run.data.metrics["val_psnr"] == 24.5
    assert run.data.tags["system"] == "full"
    history = tracking.connect().get_metric_history(run_id, "loss")
    assert [metric.step for metric in history] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore")
def test_a_short_run_is_recorded_and_sent_by_sync(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_a_run()
    assert record["name"] == "student@helen-full-0"
    assert record["metrics"]["val_psnr"] == 24.5
    assert record["machine"]["cores"] >= 1
    assert not (workspace / "mlflow.db").exists()
    sent, run_ids = tracking.sync()
    assert sent == 1
    check_sent(run_ids[record["fingerprint"]])
    assert tracking.sync() == (0, run_ids)
    number = tracking.connect().get_experiment_by_name("pkdn").experiment_id
    assert tracking.students_page() == (
        f"/#/experiments/{number}/runs?workflowType=machine_learning"
        "&searchFilter=tags.stage%20%3D%20%27evaluate_student%27"
    )
    record_a_run(lambda_fs=0.5)
    assert tracking.sync()[0] == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace / 'other.db'}")
    assert tracking.sync()[0] == 1


@pytest.mark.filterwarnings("ignore")
def test_a_long_run_is_sent_while_it_runs(
    workspace: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "LIVE_SECONDS", -1.0)
    record = record_a_run()
    check_sent(record["mlflow_run_id"])
    assert tracking.sync() == (0, {record["fingerprint"]: record["mlflow_run_id"]})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("workspace")
def test_a_dead_server_costs_seconds_and_no_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for name in tracking.HTTP_PATIENCE:
        monkeypatch.delenv(name, raising=False)
    record = record_a_run()
    started = time.monotonic()
    assert tracking.sync_or_say() == {}
    assert time.monotonic() - started < 60
    assert record["metrics"]["val_psnr"] == 24.5
    assert "send it later with `python -m pkdn sync`" in capsys.readouterr().err


@pytest.mark.usefixtures("workspace")
def test_a_failing_stage_leaves_no_record() -> None:
    planned = student("helen", "full", "0")
    with pytest.raises(ZeroDivisionError), tracking.run(planned, {}):
        _ = 1 / 0
    assert not planned.id.record.exists()


@pytest.mark.filterwarnings("ignore")
def test_processes_that_start_together_share_a_new_store(workspace: Path) -> None:
    code = (
        "from pkdn import tracking\n"
        "from pkdn.runs import Planned, RunId\n"
        "import sys\n"
        "planned = Planned(RunId('student', sys.argv[1]), {}, {}, {})\n"
        "with tracking.run(planned, {}, keep=False) as run:\n"
        "    run.row({'step': 1, 'a': 1})\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=workspace)
        for number in range(3)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    client = tracking.connect()
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in runs} == {"student@0", "student@1", "student@2"}


def test_a_fingerprint_tells_parameters_inputs_and_code_apart(workspace: Path) -> None:
    data = workspace / "manifest.json"
    data.write_text("1")
    code = closure.code("pkdn.learning.losses")

    def found(name: str = "student", value: int = 1, files: frozenset[Path] = code) -> str:
        return provenance.fingerprint(name, {"a": value}, files, [data])

    first = found()
    assert first == found()
    assert len({first, found("teacher"), found(value=2), found(files=frozenset())}) == 4
    data.write_text("2")
    assert first != found()


def test_a_folder_is_known_by_its_manifest_or_its_small_files(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_text("1")
    (tmp_path / "scores.csv").write_text("1")
    first = provenance.content(tmp_path)
    (tmp_path / "scores.csv").write_text("2")
    second = provenance.content(tmp_path)
    (tmp_path / "manifest.json").write_text("1")
    third = provenance.content(tmp_path)
    (tmp_path / "scores.csv").write_text("3")
    assert len({first, second, third}) == 3
    assert provenance.content(tmp_path) == third


def test_curves_survive_a_round_trip(tmp_path: Path) -> None:
    curve = [{"epoch": 0, "step": 1, "loss": 0.5}, {"epoch": 0, "step": 2, "val_psnr": 21.0}]
    provenance.write_curve(tmp_path / "curve.csv", curve)
    assert provenance.read_curve(tmp_path / "curve.csv") == curve


@pytest.mark.filterwarnings("ignore")
def test_a_packaged_student_takes_any_number_of_faces(tmp_path: Path) -> None:
    network = PKDN(width=8, num_blocks=1).eval()
    faces = torch.rand(3, 3, 16, 16)
    with torch.inference_mode():
        expected = network(faces)
    tracking.save_model(network, faces[:2].numpy(), expected[:2].numpy(), tmp_path / "model")
    torch.testing.assert_close(tracking.load_model(tmp_path / "model")(faces), expected)
