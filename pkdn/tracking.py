"""Run records, and MLflow as a view of them: the only module that knows MLflow.

A stage's numbers first go to a file that DVC caches, the record in its run's folder. A stage
that takes long tells MLflow while it runs. Short ones do not, since importing MLflow would be a
third of their time: the report stage, which runs last, sends all that MLflow lacks, as does
``python -m pkdn sync``. When MLflow does not answer, a line says so and the stage goes on.
"""

import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from pkdn import closure
from pkdn.files import atomic_file, reading
from pkdn.provenance import (
    Curve,
    Watch,
    fingerprint,
    machine,
    main_repository,
    read_curve,
    revision,
    versions,
)
from pkdn.runs import RUNS, Planned, RunId

EXPERIMENT = "pkdn"
FINGERPRINT_TAG = "pkdn.fingerprint"
STUDENTS = "tags.stage = 'evaluate_student'"
# A stage that takes longer than this shows in MLflow while it runs.
LIVE_SECONDS = 30.0
MOST_METRICS = 1000
"""In one call."""
# MLflow's own patience with a server that is down is over four minutes for one call.
HTTP_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


@dataclass
class Run:
    """One run of a stage: what it was given, what came out, and its place in MLflow."""

    id: RunId
    source: str
    fingerprint: str
    params: Mapping[str, Any]
    tags: Mapping[str, Any]
    values: dict[str, float] = field(default_factory=dict)
    curve: Curve = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)
    mlflow_run_id: str | None = None

    def __post_init__(self) -> None:
        self.name = self.id.name
        self.started = datetime.now(UTC)
        self._clock = self._last_sent = time.monotonic()
        self._sent = 0

    def metrics(self, values: Mapping[str, float]) -> None:
        """Add final figures; they replace earlier ones of the same name."""
        self.values |= {name: float(value) for name, value in values.items()}

    def row(self, row: Mapping[str, float]) -> None:
        """Add a row of the curve, with its ``step``; send the newest ones where it is time."""
        self.curve.append(dict(row))
        if time.monotonic() - self._last_sent > LIVE_SECONDS:
            self._last_sent = time.monotonic()
            _guarded(self._send_live)

    def artifact(self, path: Path) -> None:
        """Add a file, such as a figure, that MLflow shows with the run."""
        self.artifacts.append(path)

    def record(self) -> dict[str, Any]:
        """Return the run as ``data/runs`` holds it."""
        return {
            "stage": self.id.stage,
            "name": self.name,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "tags": self.tags,
            "params": self.params,
            "metrics": self.values,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 2),
            "revision": revision(),
            "experiment": os.environ.get("DVC_EXP_NAME"),
            "machine": machine(),
            "versions": versions(),
            "artifacts": [path.as_posix() for path in self.artifacts],
            "mlflow_run_id": self.mlflow_run_id,
        }

    def _send_live(self) -> None:
        client = connect()
        if self.mlflow_run_id is None:
            self.mlflow_run_id = _create(client, self.record())
        _log(client, self.mlflow_run_id, self.curve[self._sent :], datetime.now(UTC))
        self._sent = len(self.curve)

    def finish(self) -> None:
        """Send the rest to MLflow, where it knows the run already."""
        if self.mlflow_run_id is not None:
            self._send_live()
            _finish(connect(), self.mlflow_run_id, self.record())

    def send_all(self) -> None:
        """Send the run to MLflow, whether it knows it already or not."""
        self._send_live()
        self.finish()

    def fail(self, *, killed: bool) -> None:
        """Mark the run as failed, or as killed, where MLflow knows it already."""
        if self.mlflow_run_id is not None:
            status = "KILLED" if killed else "FAILED"
            connect().set_terminated(self.mlflow_run_id, status=status)


@contextmanager
def run(
    planned: Planned,
    params: Mapping[str, Any],
    *,
    tags: Mapping[str, Any] = MappingProxyType({}),
    by_name: Sequence[str] = (),
    keep: bool = True,
) -> Iterator[Run]:
    """Record a stage: yield its :class:`Run`, then write the record into the run's folder.

    Args:
        planned: What the stage was asked to do.
        params: All that decides about its results, and that MLflow shows.
        tags: What a user filters by, beside data set, system and seed.
        by_name: Modules that the stage imports by their names.
        keep: write the record. The report, which reads all of them, goes to MLflow at once
            instead.

    Raises:
        RuntimeError: code was loaded or data were read that the fingerprint does not know.
    """
    identity = {key: value for key, value in vars(planned.id).items() if value not in ("", None)}
    script = closure.running()
    code = closure.code(script, *by_name)
    known = fingerprint(planned.id.name, params, code, planned.reads.values())
    current = Run(planned.id, script, known, dict(params), {**identity, **tags})
    mine = (planned.id.folder, planned.id.plan, *planned.writes.values())
    try:
        with Watch([*planned.reads.values(), *mine]):
            yield current
        closure.check_loaded(script, code)
    except BaseException as error:
        _guarded(partial(current.fail, killed=not isinstance(error, Exception)))
        raise
    if not keep:
        _guarded(current.send_all)
        return
    _guarded(current.finish)
    with atomic_file(planned.id.record) as temporary:
        temporary.write_text(json.dumps(current.record(), indent=1) + "\n", encoding="utf-8")


def _guarded(send: Any) -> None:
    """Call ``send``; whatever MLflow does wrong becomes one line."""
    try:
        send()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        print(
            f"MLflow does not answer ({type(error).__name__}: {reason}); the results are "
            f"not affected; send it later with `python -m pkdn sync`",
            file=sys.stderr,
        )


def store() -> str:
    """Return the tracking URI: ``MLFLOW_TRACKING_URI``, or a database in the main repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{main_repository() / 'mlflow.db'}"


def connect() -> Any:
    """Return an MLflow client for the project's store, which is made where it is missing."""
    for name, value in HTTP_PATIENCE.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    from filelock import FileLock
    from mlflow import MlflowClient, set_tracking_uri

    set_tracking_uri(store())
    # Several processes that first touch a new database together break it for good, and making
    # a client already touches it.
    lock = main_repository() / ".pkdn" / "mlflow.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):
        client = MlflowClient(store())
        _experiment(client)
    return client


def _experiment(client: Any) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if store().startswith("sqlite"):
        place = (main_repository() / "mlartifacts").as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=place))


def _create(client: Any, record: Mapping[str, Any]) -> str:
    from mlflow.entities import Param

    tags = {
        **{name: str(value) for name, value in record["tags"].items()},
        "mlflow.runName": record["name"],
        "mlflow.source.name": record["source"],
        "dvc.stage": record["name"],
        "dvc.exp": record["experiment"] or "",
        "stage": record["stage"],
        "revision": record["revision"],
        FINGERPRINT_TAG: record["fingerprint"],
        **{f"machine.{name}": str(value) for name, value in record["machine"].items()},
        **{f"version.{name}": value for name, value in record["versions"].items()},
    }
    started = int(datetime.fromisoformat(record["started"]).timestamp() * 1000)
    created = client.create_run(_experiment(client), start_time=started, tags=tags)
    run_id = str(created.info.run_id)
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in record["params"].items()])
    return run_id


def _log(client: Any, run_id: str, rows: Iterable[Mapping[str, float]], at: datetime) -> None:
    """Log the finite figures of rows, each at its ``step``, 0 where it has none."""
    from mlflow.entities import Metric

    time_ms = int(1000 * at.timestamp())
    metrics = [
        Metric(name, value, time_ms, int(row.get("step", 0)))
        for row in rows
        for name, value in row.items()
        if name != "step" and math.isfinite(value)
    ]
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])


def _finish(client: Any, run_id: str, record: Mapping[str, Any]) -> None:
    """Log the final figures and files of a record, and close its run."""
    ended = datetime.fromisoformat(record["started"]) + timedelta(seconds=record["seconds"])
    _log(client, run_id, [record["metrics"]], ended)
    for path in record["artifacts"]:
        if Path(path).exists():
            client.log_artifact(run_id, path)
    client.set_terminated(run_id, end_time=int(1000 * ended.timestamp()))


def sync(runs: Path = RUNS) -> tuple[int, dict[str, str]]:
    """Send the recorded runs that MLflow lacks, also those that came out of DVC's cache.

    Returns:
        How many it lacked, and its run for each fingerprint.
    """
    client = connect()
    experiment = _experiment(client)
    sent = 0
    run_ids: dict[str, str] = {}
    for file in sorted(runs.rglob("record.json")):
        with reading(file):
            record = json.loads(file.read_text(encoding="utf-8"))
        query = f"tags.`{FINGERPRINT_TAG}` = '{record['fingerprint']}' and status = 'FINISHED'"
        found = client.search_runs([experiment], query, max_results=1)
        if found:
            run_ids[record["fingerprint"]] = found[0].info.run_id
            continue
        run_id = _create(client, record)
        curve = file.with_name("curve.csv")
        if curve.exists():
            _log(client, run_id, read_curve(curve), datetime.now(UTC))
        _finish(client, run_id, record)
        run_ids[record["fingerprint"]] = run_id
        sent += 1
    return sent, run_ids


def students_page() -> str:
    """Return where MLflow's own page lists students with their parameters and test figures.

    MLflow opens on another view, which has nothing of these runs.
    """
    query = {"workflowType": "machine_learning", "searchFilter": STUDENTS}
    return f"/#/experiments/{_experiment(connect())}/runs?{urlencode(query, quote_via=quote)}"


def sync_or_say() -> Mapping[str, str]:
    """Call :func:`sync`; where MLflow does not answer, say so and return what is known: nothing."""
    run_ids: dict[str, str] = {}
    _guarded(lambda: run_ids.update(sync()[1]))
    return run_ids


def save_model(network: Any, faces: Any, sr_images: Any, folder: Path) -> None:
    """Write a network as an MLflow model.

    Args:
        network: a torch module.
        faces: an input of at least two faces, (N, 3, 16, 16), as a NumPy array.
        sr_images: its output, (N, 3, 128, 128); both make the signature.
        folder: must not exist yet.
    """
    import mlflow.pytorch
    from mlflow.models import infer_signature

    mlflow.pytorch.save_model(
        network,
        str(folder),
        signature=infer_signature(faces, sr_images),
        input_example=faces,
        pip_requirements=[f"torch=={versions()['torch'].partition('+')[0]}", "numpy"],
    )


def load_model(folder: Path) -> Any:
    """Load what :func:`save_model` wrote, as a torch module."""
    import mlflow.pytorch

    return mlflow.pytorch.load_model(str(folder))
