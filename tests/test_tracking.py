"""MLflow as a view of the records: nothing twice, nothing lost, nobody waits."""

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow_server import StandIn, serving

from pkdn import packaging, provenance, tracking
from pkdn.errors import UserError
from pkdn.networks.pkdn import PKDN
from pkdn.runs import Planned, RunId
from pkdn.tracking import database, live, naming, outbox, pages, place, records, view
from pkdn.tracking.owner import OWNER_TAG, owner
from pkdn.tracking.record import Record, in_order, read
from pkdn.tracking.sender import Sender

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

SYNC = [sys.executable, "-m", "pkdn", "sync"]
GONE = owner().rsplit(" ", 1)[0] + " 1"
"""A process of this number that started in 1970."""
CURVE = [{"step": step, "loss": 1 / step, "seconds": float(step)} for step in (1, 2, 3)]


@pytest.fixture(scope="module")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        view.connect()
        yield folder / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def store(workspace: Path, new_database: Path) -> view.View:
    shutil.copy(new_database, workspace / "mlflow.db")
    return view.connect()[0]


def planned(seed: int = 0) -> Planned:
    return Planned(RunId("student", "helen", "full", seed), {}, {}, {})


def record_a_run(lambda_fs: float = 10.0, seed: int = 0) -> dict[str, Any]:
    with tracking.run(planned(seed), {"lambda_fs": lambda_fs}) as run:
        for row in CURVE:
            run.row(row)
        run.metrics({"val_psnr": 24.5, "undefined": float("inf")})
        provenance.write_curve(run.id.curve(), CURVE)
    found: dict[str, Any] = json.loads(run.id.record.read_text())
    return found


def statuses(store: view.View) -> list[str]:
    return sorted(run.info.status for run in store.client.search_runs([store.experiment]))


def steps(store: view.View, run_id: str, name: str = "loss") -> list[int]:
    return [metric.step for metric in store.client.get_metric_history(run_id, name)]


def test_a_short_run_is_recorded_and_sent_by_sync(store: view.View) -> None:
    record = record_a_run()
    assert record["name"] == "student@helen-full-0"
    assert record["metrics"]["val_psnr"] == 24.5
    assert record["machine"]["cores"] >= 1
    assert statuses(store) == []
    with closing(tracking.Messenger()) as messenger:
        found = tracking.sync(messenger)
        assert tracking.sync(messenger) == found._replace(sent=0)
    assert found.sent == 1
    assert found.pages["students"] == (
        f"/#/experiments/{store.experiment}/runs?workflowType=machine_learning"
        "&viewStateShareKey=students"
    )
    run = store.client.get_run(found.run_ids[record["fingerprint"]])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"lambda_fs": "10.0"}
    assert run.data.metrics["val_psnr"] == 24.5
    assert run.data.tags["system"] == "full"
    assert steps(store, run.info.run_id) == [1, 2, 3]


def test_other_parameters_are_another_run(store: view.View) -> None:
    sent = []
    for lambda_fs in (10.0, 0.5):
        record_a_run(lambda_fs)
        sent += [store.send(planned().id.record).is_new for _ in range(2)]
    assert sent == [True, False, True, False]


def reader(stage: str) -> Planned:
    """Return a run that reads the weights of the training."""
    reads = {"weights": planned().id.weights}
    return Planned(RunId(stage, "helen", "full", 0), reads, {}, {})


def test_what_reads_weights_is_shown_below_their_training(store: view.View) -> None:
    runs = {}
    for lambda_fs in (10.0, 0.5):
        planned().id.folder.mkdir(parents=True, exist_ok=True)
        planned().id.weights.write_text(str(lambda_fs))
        record_a_run(lambda_fs)
        with tracking.run(reader("evaluate_student"), {"lambda_fs": lambda_fs}) as run:
            run.metrics({"test_psnr": 25.0})
        for name in (planned().id, planned().id.evaluation()):
            sent = store.client.get_run(store.send(name.record).run_id)
            runs[sent.info.run_name] = sent
    name, more = "student@helen-full-0", "lambda_fs=0.5"
    assert list(runs) == [name, f"evaluate_{name}", f"{name} {more}", f"evaluate_{name} {more}"]
    for training in (name, f"{name} {more}"):
        parent = runs[f"evaluate_{training}"].data.tags["mlflow.parentRunId"]
        assert parent == runs[training].info.run_id


def test_records_are_sent_after_those_whose_weights_they_read(workspace: Path) -> None:
    record_a_run()
    for stage in ("evaluate_student", "model"):
        with tracking.run(reader(stage), {}):
            pass
    (workspace / "data/runs/broken").mkdir()
    (workspace / "data/runs/broken/record.json").write_text("{")
    found = [file.parts[-3] for file in in_order(workspace / "data/runs")]
    assert found == ["runs", "student", "evaluate_student", "model"]


def test_a_curve_does_not_get_its_last_figures_twice(store: view.View) -> None:
    with tracking.run(planned(), {}) as run:
        provenance.write_curve(run.id.curve(), CURVE)
        run.metrics({"loss": CURVE[-1]["loss"], "kept_step": 2})
    run_id = store.send(run.id.record).run_id
    assert steps(store, run_id) == [1, 2, 3]
    assert steps(store, run_id, "kept_step") == [0]


def test_the_model_is_a_version_once_and_its_files_know_no_folder(
    store: view.View, workspace: Path
) -> None:
    with tracking.run(reader("model"), {}) as run:
        folder = run.id.folder / "model"
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text("signature")
        (folder / "MLmodel").chmod(0o444)
        run.artifact(folder)
    found = store.send(run.id.record)
    store.client.update_run(found.run_id, status="RUNNING")
    store.send(run.id.record)  # as after a sync that was killed
    (version,) = store.client.search_model_versions("name = 'pkdn-helen'")
    assert version.source == f"mlflow-artifacts:/{found.run_id}/artifacts/model"
    file = workspace / "mlartifacts" / found.run_id / "artifacts/model/MLmodel"
    assert file.read_text() == "signature"
    with closing(sqlite3.connect("mlflow.db")) as connection:
        rows = connection.execute(
            "SELECT artifact_uri FROM runs UNION SELECT source FROM model_versions"
        ).fetchall()
    assert rows
    assert str(workspace) not in str(rows)


def test_a_server_that_registers_no_models_is_one_line(
    store: view.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("Permission\ndenied")

    monkeypatch.setattr(store.client, "create_registered_model", refuse)
    with tracking.run(reader("model"), {}) as run:
        (run.id.folder / "model").mkdir(parents=True)
        run.artifact(run.id.folder / "model")
    with pytest.raises(UserError, match="register the model of model@helen-full-0, got Permission"):
        store.send(run.id.record)


def test_the_load_of_the_machine_is_logged_while_a_run_is_open(
    store: view.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view.entry, "SAMPLE_SECONDS", 0.1)
    entry = store.claim(Record.model_validate(record_a_run()), owner(os.getppid()))
    entry.watch_machine()
    until = time.monotonic() + 60
    while not store.client.get_run(entry.run_id).data.metrics and time.monotonic() < until:
        time.sleep(0.1)
    entry.close("FINISHED")
    metrics = store.client.get_run(entry.run_id).data.metrics
    assert metrics["system/system_memory_usage_percentage"] > 0


def test_a_run_names_its_data_set_with_its_counts(store: view.View) -> None:
    faces = Path("data/faces/helen")
    faces.mkdir(parents=True)
    (faces / "manifest.json").write_text('{"rows": {"train": 12, "test": 4}}')
    with tracking.run(Planned(planned().id, {"faces": faces}, {}, {}), {}) as run:
        pass
    sent = store.client.get_run(store.send(run.id.record).run_id)
    (found,) = sent.inputs.dataset_inputs
    assert found.dataset.name == "helen"
    assert found.dataset.digest == provenance.sha256(faces / "manifest.json")[:16]
    assert json.loads(found.dataset.profile) == {"num_rows": 16, "train": 12, "test": 4}


def test_names_of_runs_differ_whatever_it_is_that_differs(workspace: Path) -> None:  # noqa: ARG001
    record = Record.model_validate(record_a_run())
    known = list[naming.Known]()
    for change in (
        {},
        {"params": {"lambda_fs": 0.5}},
        {"experiment": "vapid-cobs"},
        {"revision": "abc"},
        {"fingerprint": "123"},
        {"params": {"a": 1, "b": 2, "c": 3, "d": "x" * 99}},
    ):
        other = record.model_copy(update={"revision": "r", "fingerprint": "f", **change})
        known.append(naming.Known(naming.name_for(other, known), {"lambda_fs": "10.0"}))
    start = "student@helen-full-0"
    assert [one.name.removeprefix(start).strip() for one in known] == [
        "",
        "lambda_fs=0.5",
        "vapid-cobs",
        "abc",
        "r",
        "a=1 b=2 c=3 …",
    ]


def test_what_is_done_again_and_again_has_a_name_each_time(workspace: Path) -> None:  # noqa: ARG001
    record, known = Record.model_validate(record_a_run()), list[naming.Known]()
    for _ in range(7):
        known.append(naming.Known(naming.name_for(record, known), {"lambda_fs": "10.0"}))
    assert len({one.name for one in known}) == 7


def test_a_record_that_mlflow_refuses_stops_no_other(
    store: view.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "alarm", lambda _: None)  # which ends the sender's process
    for seed in range(3):
        record_a_run(seed=seed)
    send, told = view.View.send, io.StringIO()

    def refuse_one(self: view.View, file: Path, root: Path = Path()) -> view.Found:
        if "helen-full-1" in str(file):
            raise MlflowException("413 for http://me:secret@example.org/mlflow")
        return send(self, file, root)

    monkeypatch.setattr(view.View, "send", refuse_one)
    Sender(told, "somebody").sync(Path("data/runs"))
    found = json.loads(told.getvalue())["synced"]
    assert (found["sent"], len(found["run_ids"]), statuses(store)) == (2, 2, ["FINISHED"] * 2)
    (line,) = found["broken"]
    assert line.startswith("MLflow did not take data/runs/student/helen-full-1/record.json (Mlf")
    assert "http://example.org/mlflow" in line
    assert found["pages"]
    monkeypatch.setattr(view.View, "send", lambda *_: (_ for _ in ()).throw(OSError("down")))
    with pytest.raises(OSError, match="down"):  # three in a row
        Sender(told, "somebody").sync(Path("data/runs"))


def test_refused_records_end_a_sync_only_where_they_follow_each_other(
    store: view.View,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal, "alarm", lambda _: None)  # which ends the sender's process
    for seed in range(5):
        record_a_run(seed=seed)
    told, answers = io.StringIO(), iter([OSError, None, OSError, None, OSError])

    def refuse_every_other(_: view.View, file: Path, root: Path) -> view.Found:  # noqa: ARG001
        if error := next(answers):
            raise error
        return view.Found(file, str(file), "run", is_new=True, is_finished=True)

    monkeypatch.setattr(view.View, "send", refuse_every_other)
    Sender(told, "somebody").sync(Path("data/runs"))
    found = json.loads(told.getvalue())["synced"]
    assert (found["sent"], len(found["broken"])) == (2, 3)


def test_what_a_repeated_call_has_made_twice_is_there_once(
    store: view.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_a_run()
    create = store.client.create_run

    def twice(*words: Any, **named: Any) -> Any:
        create(*words, **named)
        return create(*words, **named)

    monkeypatch.setattr(store.client, "create_run", twice)
    found = store.send(RunId("student", "helen", "full", 0).record)
    (run,) = store.client.search_runs([store.experiment])
    assert (run.info.run_id, run.info.status) == (found.run_id, "FINISHED")


def test_a_run_that_another_machine_makes_at_the_same_time_is_left_to_it(
    store: view.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_a_run()
    create = store.client.create_run

    def both(*words: Any, tags: dict[str, str], **named: Any) -> Any:
        create(*words, tags=tags | {OWNER_TAG: "elsewhere 1 1"}, **named)
        return create(*words, tags=tags, **named)

    monkeypatch.setattr(store.client, "create_run", both)
    store.send(planned().id.record)
    owners = {run.data.tags[OWNER_TAG] for run in store.client.search_runs([store.experiment])}
    assert owners == {"elsewhere 1 1", owner()}


def test_a_folder_that_no_address_of_a_database_can_hold_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "feature%2Fx"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"without %2F in its name, got .*feature%2Fx: rename it"):
        place.store()
    elsewhere = f"sqlite:///{tmp_path}/my%20runs/m.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
    assert place.store() == elsewhere  # who writes that may mean it
    (plain := tmp_path / "50% c").mkdir()
    monkeypatch.chdir(plain)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert place.store() == f"sqlite:///{plain}/mlflow.db"


def test_a_broken_record_says_how_it_comes_back(workspace: Path) -> None:
    for folder, advice in (
        (Path("data/runs/student/helen-full-0"), "dvc checkout --force data/runs/student"),
        (workspace / ".pkdn/records/1", "what it told MLflow of is lost: delete it"),
    ):
        folder.mkdir(parents=True)
        (folder / "record.json").write_text("{")
        with pytest.raises(UserError, match=advice):
            read(folder / "record.json")


def test_an_experiment_that_was_deleted_is_one_line(store: view.View) -> None:
    store.client.delete_experiment(store.experiment)
    with pytest.raises(UserError, match="mlflow experiments restore --experiment-id"):
        view.connect()


def test_a_database_is_found_from_the_workspace_of_an_experiment(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine/runs.db")
    (workspace / "temporary").mkdir()
    monkeypatch.chdir(workspace / "temporary")
    assert place.store() == f"sqlite:///{workspace}/mine/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/runs.db")
    assert place.store() == "sqlite:////elsewhere/runs.db"


def test_a_resumed_training_goes_on_with_its_run(store: view.View) -> None:
    record = Record.model_validate(record_a_run())
    first = store.claim(record, GONE)
    first.log(CURVE[:2])
    first.close("KILLED")
    elsewhere = {"revision": "later", "experiment": "of-mine", "machine": {"processor": "another"}}
    second = store.claim(record.model_copy(update=elsewhere), owner())
    assert second.run_id == first.run_id
    tags = store.client.get_run(first.run_id).data.tags
    assert [tags[name] for name in ("revision", "dvc.exp", "machine.processor")] == [
        "later", "of-mine", "another"
    ]  # fmt: skip
    assert statuses(store) == ["RUNNING"]
    second.log(CURVE)
    second.log(CURVE)
    second.finish(record)
    assert steps(store, first.run_id) == [1, 2, 3]
    assert statuses(store) == ["FINISHED"]


def test_a_run_that_is_done_again_is_another_one(store: view.View) -> None:
    record_a_run()
    first = store.send(planned().id.record)
    assert not store.send(planned().id.record).is_new
    record = json.loads(planned().id.record.read_text())
    record |= {"started": "2030-01-02T03:04:05+00:00"}
    planned().id.record.write_text(json.dumps(record))
    second = store.send(planned().id.record)
    assert second.is_new and second.run_id != first.run_id
    assert store.send(planned().id.record).run_id == second.run_id
    assert statuses(store) == ["FINISHED", "FINISHED"]


def test_sync_goes_on_with_a_run_that_was_killed(store: view.View) -> None:
    record = Record.model_validate(record_a_run())
    store.claim(record, GONE).log(CURVE[:2])
    found = store.send(planned().id.record)
    assert statuses(store) == ["FINISHED"]
    assert steps(store, found.run_id) == [1, 2, 3]


def test_runs_whose_process_is_gone_are_closed(store: view.View) -> None:
    for seed, by in enumerate([GONE, owner(os.getppid()), "elsewhere 1 1"]):
        store.claim(Record.model_validate(record_a_run(seed=seed)), by)
    store.close_lost()
    assert statuses(store) == ["KILLED", "RUNNING", "RUNNING"]


def test_a_run_that_another_process_sends_is_left_to_it(store: view.View) -> None:
    record = Record.model_validate(record_a_run())
    theirs = store.claim(record, owner(os.getppid()))
    found = store.send(planned().id.record)
    assert found[2:] == (theirs.run_id, False, False)
    assert steps(store, theirs.run_id) == []


def test_processes_that_start_together_share_a_new_store_and_send_every_run_once(
    workspace: Path,
) -> None:
    for seed in range(2):
        record_a_run(seed=seed)
    both = [subprocess.Popen(SYNC, cwd=workspace, stdout=subprocess.PIPE) for _ in range(2)]
    sent = [process.communicate(timeout=300)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], sent
    assert statuses(view.connect()[0]) == ["FINISHED", "FINISHED"]


def test_tags_of_the_experiment_are_made_by_one_process_at_a_time(store: view.View) -> None:
    waiting = threading.Thread(target=store.pages)
    with FileLock(provenance.main_repository() / ".pkdn" / view.LOCK):
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        assert not set(pages.tags()) & set(store.client.get_experiment(store.experiment).tags)
    waiting.join(60)
    assert pages.tags().items() <= store.client.get_experiment(store.experiment).tags.items()


SLOWLY = """
import sqlite3, time
from contextlib import closing
from pathlib import Path
from pkdn.tracking import database

def make(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for number in range(40):
            connection.execute(f"CREATE TABLE t{number} (a)")
            time.sleep(0.005)
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES ('1')")

print(flush=True)
database.ensure(Path("mlflow.db").absolute(), "1", make)
"""
"""Makes a database as MLflow does: in many steps."""


def test_a_database_is_whole_whenever_its_maker_is_killed(workspace: Path) -> None:
    file = workspace / "mlflow.db"
    for seconds in (0.02, 0.1, 0.2):
        with subprocess.Popen([sys.executable, "-c", SLOWLY], stdout=subprocess.PIPE) as maker:
            assert maker.stdout is not None
            maker.stdout.readline()
            time.sleep(seconds)
            maker.kill()
        assert not file.exists() or database.fault(file, "1") is None
    subprocess.run([sys.executable, "-c", SLOWLY], check=True)
    assert database.fault(file, "1") is None
    assert [*workspace.glob(".mlflow*")] == []


def never(_: Path) -> None:
    raise AssertionError


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 3)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def zeroed(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(40960)
        stream.write(bytes(40960))


def stopped_half_way(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'an earlier one'")


@pytest.mark.parametrize("damage", [cut, emptied, zeroed, stopped_half_way])
def test_a_broken_database_is_put_aside(
    damage: Callable[[Path], None], workspace: Path, new_database: Path
) -> None:
    file = workspace / "mlflow.db"
    shutil.copy(new_database, file)
    damage(file)
    broken = file.read_bytes()
    version = view._newest_schema()
    notice = database.ensure(file, version, lambda path: shutil.copy(new_database, path))
    (aside,) = workspace.glob("mlflow.db.broken-*")
    assert notice is not None
    assert str(aside) in notice
    assert aside.read_bytes() == broken
    assert database.fault(file, version) is None


def test_a_database_of_another_version_is_kept_when_there_are_runs(store: view.View) -> None:
    record_a_run()
    store.send(planned().id.record)
    stopped_half_way(Path("mlflow.db"))
    assert database.fault(Path("mlflow.db"), view._newest_schema()) is None


def test_a_folder_in_place_of_the_database_is_one_line(workspace: Path) -> None:
    (workspace / "mlflow.db").mkdir()
    with pytest.raises(UserError, match="got a folder or a device"):
        database.ensure(workspace / "mlflow.db", "1", never)


def test_a_database_that_may_not_be_written_is_one_line(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "mlflow.db").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="got one that may not be written"):
        database.ensure(workspace / "mlflow.db", "1", never)


def test_a_broken_database_of_somebody_else_is_left(workspace: Path) -> None:
    other = workspace / "other.db"
    other.write_text("no database")
    with pytest.raises(UserError, match="got a broken one"):
        database.ensure(other, "1", never)
    assert other.read_text() == "no database"


def test_records_of_a_workspace_that_is_deleted_are_sent_all_the_same(
    workspace: Path, new_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(new_database, workspace / "mlflow.db")
    of_experiment = workspace / ".dvc" / "tmp" / "exps" / "one"
    of_experiment.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.chdir(of_experiment)
    record_a_run()
    monkeypatch.chdir(workspace)
    shutil.rmtree(of_experiment)
    cut_record = planned(1).id.record
    cut_record.parent.mkdir(parents=True)
    cut_record.write_text('{"stage": "stu')
    done = subprocess.run(SYNC, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("1 runs sent to sqlite:///")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"expected the record of a run in {cut_record.resolve()}" in done.stderr
    assert [*outbox.folder().iterdir()] == []
    store = view.connect()[0]
    (run,) = store.client.search_runs([store.experiment])
    assert steps(store, run.info.run_id) == [1, 2, 3]


def test_an_alias_names_the_model_of_the_parameters_that_ran_last(store: view.View) -> None:
    fingerprints = []
    for lambda_fs in (0.1, 0.5):
        with tracking.run(reader("model"), {"lambda_fs": lambda_fs}) as run:
            (run.id.folder / "model").mkdir(parents=True, exist_ok=True)
            run.artifact(run.id.folder / "model")
        fingerprints.append(run.fingerprint)
        with closing(tracking.Messenger()) as messenger:
            tracking.sync(messenger)
        if lambda_fs == 0.1:
            first = run.id.record.read_bytes()
    run.id.record.unlink()
    run.id.record.write_bytes(first)  # out of DVC's cache
    current = []
    for _ in range(2):
        with closing(tracking.Messenger()) as messenger:
            tracking.sync(messenger)
        version = store.client.get_model_version_by_alias("pkdn-helen", "seed-0")
        current.append((int(version.version), version.tags["pkdn.fingerprint"]))
    assert current == [(1, fingerprints[0])] * 2


def test_what_the_next_parameters_write_over_is_sent_all_the_same(store: view.View) -> None:
    for value in (0.1, 0.5):
        with tracking.run(reader("evaluate_student"), {"lambda_fs": value}):
            pass
    assert len([*outbox.folder().iterdir()]) == 2
    with closing(tracking.Messenger()) as messenger:
        assert tracking.sync(messenger).sent == 2
    assert [*outbox.folder().iterdir()] == []
    sent = store.client.search_runs([store.experiment])
    assert sorted(run.data.params["lambda_fs"] for run in sent) == ["0.1", "0.5"]


def test_a_run_of_another_workspace_is_sent_with_its_own_files(
    store: view.View, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def package(text: str) -> str:
        with tracking.run(reader("model"), {"of": text}) as run:
            (run.id.folder / "model").mkdir(parents=True)
            (run.id.folder / "model/weights.txt").write_text(text)
            run.artifact(run.id.folder / "model")
        return run.fingerprint

    of_experiment = workspace / ".dvc" / "tmp" / "exps" / "one"
    of_experiment.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.chdir(of_experiment)
    first = package("the experiment's")
    monkeypatch.chdir(workspace)
    shutil.rmtree(of_experiment)
    second = package("the workspace's")
    with closing(tracking.Messenger()) as messenger:
        run_ids = tracking.sync(messenger).run_ids
    files = [
        (workspace / "mlartifacts" / run_ids[known] / "artifacts/model/weights.txt").read_text()
        for known in (first, second)
    ]
    assert files == ["the experiment's", "the workspace's"]
    assert [*outbox.folder().iterdir()] == []
    assert len(store.client.search_model_versions("name = 'pkdn-helen'")) == 2


@pytest.fixture
def server(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:  # noqa: ARG001
    monkeypatch.setattr(records, "LIVE_SECONDS", -1.0)
    with serving() as found:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", found.address)
        yield found


def rows_until(run: tracking.Run, is_enough: Callable[[], bool]) -> float:
    """Give a run rows of a curve, and return the longest time that one took, in seconds."""
    longest, until = 0.0, time.monotonic() + 60
    for step in range(1, 100_000):
        started = time.monotonic()
        run.row({"step": step, "loss": 1 / step})
        longest = max(longest, time.monotonic() - started)
        if is_enough():
            break
        assert time.monotonic() < until
        time.sleep(0.05)
    return longest


def test_a_long_run_is_sent_while_it_runs(server: StandIn) -> None:
    with tracking.run(planned(), {}) as run:
        rows_until(run, lambda: bool(run._live.run_id))
        run.row({"step": 100_000, "loss": 0.0})
    (sent,) = server.runs.values()
    record = json.loads(run.id.record.read_text())
    assert sent["info"]["run_id"] == record["mlflow_run_id"]
    assert sent["info"]["status"] == "FINISHED"
    logged = [metric["step"] for metric in sent["data"]["metrics"]]
    assert logged == [int(row["step"]) for row in run.curve]


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_nobody_waits_for_a_server_that_stops_to_answer(
    server: StandIn, behaviour: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(live, "END_SECONDS", 0.5)
    with tracking.run(planned(), {}) as run:
        rows_until(run, lambda: bool(run._live.run_id))
        server.behaviour = behaviour
        enough = time.monotonic() + 0.5
        assert rows_until(run, lambda: time.monotonic() > enough) < 5
        ended = time.monotonic()
    assert time.monotonic() - ended < 20
    (line,) = capsys.readouterr().err.splitlines()
    assert "the results are not affected; send them later with `python -m pkdn sync`" in line
    assert run.id.record.is_file()


def test_a_server_that_drops_calls_is_given_up_with_one_line(
    server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behaviour = "drop"
    with tracking.run(planned(), {}) as run:
        rows_until(run, lambda: run._live._has_failed)
        run.row({"step": 100_000, "loss": 0.0})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("MLflow does not answer (MlflowException: ")


def test_a_run_whose_stage_is_killed_is_marked_as_killed(server: StandIn) -> None:
    code = (
        "from pkdn import tracking\n"
        "from pkdn.runs import Planned, RunId\n"
        "from pkdn.tracking import records\n"
        "import time\n"
        "records.LIVE_SECONDS = -1.0\n"
        "with tracking.run(Planned(RunId('student'), {}, {}, {}), {}) as run:\n"
        "    for step in range(1, 1000):\n"
        "        run.row({'step': step, 'loss': 1.0})\n"
        "        time.sleep(0.1)\n"
    )
    stage = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not server.runs and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(0.5)
    stage.send_signal(signal.SIGKILL)
    stage.wait()
    while server.runs["0" * 32]["info"]["status"] == "RUNNING" and time.monotonic() < until:
        time.sleep(0.1)
    assert server.runs["0" * 32]["info"]["status"] == "KILLED"


def test_a_stage_ends_well_where_no_process_can_be_started(
    workspace: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(records, "LIVE_SECONDS", -1.0)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    record = record_a_run()
    assert record["mlflow_run_id"] is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected to start a process" in line


def test_sync_says_in_one_line_that_a_server_is_dead(workspace: Path) -> None:
    record_a_run()
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        SYNC, cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: MLflow does not answer")


def test_a_packaged_student_takes_any_number_of_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = PKDN(width=8, num_blocks=1).eval()
    faces = torch.rand(3, 3, 16, 16)
    with torch.inference_mode():
        expected = network(faces)
    packaging.save_model(network, faces[:2].numpy(), expected[:2].numpy(), tmp_path / "model")
    torch.testing.assert_close(packaging.load_model(tmp_path / "model")(faces), expected)
    import mlflow.pyfunc

    # As `mlflow models serve` does it, also where there is a GPU.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    served = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(faces.numpy())
    np.testing.assert_allclose(served, expected.numpy(), atol=1e-6)
