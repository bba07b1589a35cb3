import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pkdn import provenance, tracking


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def record_a_run(key: str = "helen-full-0", lambda_fs: float = 10.0) -> dict[str, object]:
    params = {"lambda_fs": lambda_fs}
    with tracking.run("student", key, params, {"dataset": "helen", "variant": "full"}) as run:
        curve = [{"step": step, "loss": 1 / step} for step in (1, 2, 3)]
        for row in curve:
            run.row(row)
        run.metrics({"val_psnr": 24.5, "undefined": float("inf")})
        provenance.write_curve(Path(f"data/curves/student/{key}.csv"), curve)
    return json.loads(tracking.record_file("student", key).read_text())


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_recorded_and_sent(workspace: Path) -> None:
    record = record_a_run()
    assert record["name"] == "student@helen-full-0"
    assert record["metrics"]["val_psnr"] == 24.5
    assert record["machine"]["cores"] >= 1
    assert (workspace / "mlflow.db").exists()
    run = tracking.connect().get_run(record["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lambda_fs": "10.0"}
    assert run.data.metrics["val_psnr"] == 24.5
    assert run.data.tags["variant"] == "full"
    history = tracking.connect().get_metric_history(record["mlflow_run_id"], "loss")
    assert [metric.step for metric in history] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore")
def test_sync_fills_a_new_store_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_a_run()
    record_a_run(lambda_fs=0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace / 'other.db'}")
    assert tracking.sync() == (1, 0)
    assert tracking.sync() == (0, 1)
    client = tracking.connect()
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"lambda_fs": "0.5"}
    assert run.data.metrics["loss"] == pytest.approx(1 / 3)


@pytest.mark.filterwarnings("ignore")
def test_a_dead_server_costs_seconds_and_no_result(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for name in tracking.HTTP_PATIENCE:
        monkeypatch.delenv(name, raising=False)
    started = time.monotonic()
    record = record_a_run()
    assert time.monotonic() - started < 60
    assert record["mlflow_run_id"] is None
    assert record["metrics"]["val_psnr"] == 24.5
    assert "send it later with `python -m pkdn sync`" in capsys.readouterr().err


def test_a_failing_stage_leaves_no_record(workspace: Path) -> None:
    with pytest.raises(ZeroDivisionError), tracking.run("student", "x", {}, {}):
        _ = 1 / 0
    assert not tracking.record_file("student", "x").exists()


def test_processes_that_start_together_share_a_new_store(workspace: Path) -> None:
    code = (
        "from pkdn import tracking\n"
        "import sys\n"
        "with tracking.run('student', sys.argv[1], {}, {}) as run: run.metrics({'a': 1})\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=workspace)
        for number in range(3)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    for number in range(3):
        record = json.loads(tracking.record_file("student", str(number)).read_text())
        assert record["mlflow_run_id"]


def test_a_fingerprint_tells_parameters_inputs_and_code_apart(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = workspace / "manifest.json"
    data.write_text("1")
    first = provenance.fingerprint("student", {"a": 1}, [data])
    assert first == provenance.fingerprint("student", {"a": 1}, [data])
    assert first != provenance.fingerprint("teacher", {"a": 1}, [data])
    assert first != provenance.fingerprint("student", {"a": 2}, [data])
    data.write_text("2")
    changed = provenance.fingerprint("student", {"a": 1}, [data])
    assert first != changed
    monkeypatch.setattr(provenance, "NEUTRAL", (*provenance.NEUTRAL, "files.py"))
    assert changed != provenance.fingerprint("student", {"a": 1}, [data])


def test_curves_survive_a_round_trip(tmp_path: Path) -> None:
    curve = [{"epoch": 0, "step": 1, "loss": 0.5}, {"epoch": 0, "step": 2, "val_psnr": 21.0}]
    provenance.write_curve(tmp_path / "curve.csv", curve)
    assert provenance.read_curve(tmp_path / "curve.csv") == curve
