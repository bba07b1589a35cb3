"""MLflow's view of the records: the only module that knows MLflow's store.

A run is known by its fingerprint: whoever has rows or results of a fingerprint goes on with the
run that is there, so that nothing is there twice.
"""

import logging
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from filelock import FileLock

from pkdn.provenance import main_repository
from pkdn.tracking import database
from pkdn.tracking.owner import OWNER_TAG, is_alive, is_gone, owner
from pkdn.tracking.record import Record, read

EXPERIMENT = "pkdn"
FINGERPRINT_TAG = "pkdn.fingerprint"
LOCK = "mlflow-runs.lock"
"""Held while a run is looked for and made."""
STUDENTS = "tags.stage = 'evaluate_student'"
MOST_METRICS = 1000
"""In one call."""
# MLflow's own patience with a server that is down is over four minutes for one call.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def store() -> str:
    """Return the tracking URI: ``MLFLOW_TRACKING_URI``, or a database in the main repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{main_repository() / 'mlflow.db'}"


def connect() -> tuple["View", str | None]:
    """Open the store, whose database is made where it is missing.

    Returns:
        The view, and what a user has to know of a broken database that was put aside.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient, set_tracking_uri
    from sqlalchemy import make_url

    uri, notice = store(), None
    set_tracking_uri(uri)
    if uri.startswith("sqlite:"):
        file = Path(make_url(uri).database or "").absolute()
        notice = database.ensure(file, _newest_schema(), _make_database)
    return View(MlflowClient(uri)), notice


def _newest_schema() -> str:
    """Return the version of the schema that this MLflow wants."""
    import mlflow
    from alembic.script import ScriptDirectory

    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    return str(ScriptDirectory(str(migrations)).get_current_head())


def _make_database(file: Path) -> None:
    from mlflow import MlflowClient

    View(MlflowClient(f"sqlite:///{file}"))


class Found(NamedTuple):
    """A record that was found, and its run in MLflow.

    Attributes:
        record: the file.
        fingerprint: what it is known by.
        run_id: MLflow's run.
        is_new: whether it was sent just now.
        is_finished: whether MLflow has all of it; it lacks what another process still sends.
    """

    record: Path
    fingerprint: str
    run_id: str
    is_new: bool
    is_finished: bool


class Entry:
    """A run in MLflow that this process may write to.

    Args:
        client: an ``MlflowClient``.
        info: of the run, as MLflow gives it.
        is_taken: it is finished, or another process writes to it: nothing is to be sent.
        is_new: it was made just now, so that nothing is there.
    """

    def __init__(self, client: Any, info: Any, *, is_taken: bool, is_new: bool) -> None:
        self._client = client
        self.run_id = str(info.run_id)
        self.is_taken, self._is_new = is_taken, is_new
        self.is_finished = info.status == "FINISHED"
        self._start_ms = int(info.start_time)
        self._there: dict[str, set[int]] = {}

    def describe(self, params: Mapping[str, Any]) -> None:
        """Log the parameters, which may be there already."""
        from mlflow.entities import Param

        self._client.log_batch(self.run_id, params=[Param(k, str(v)) for k, v in params.items()])

    def log(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Log the finite figures of rows, each at its ``step``, that are not there already.

        A row without ``step`` is at 0; its time is that of its ``seconds`` after the start.
        """
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, self._start_ms + int(1000 * row.get("seconds", 0)), step)
            for row in rows
            for name, value in row.items()
            for step in [int(row.get("step", 0))]
            if name != "step" and math.isfinite(value) and step not in self._steps(name)
        ]
        for start in range(0, len(metrics), MOST_METRICS):
            part = metrics[start : start + MOST_METRICS]
            try:
                self._client.log_batch(self.run_id, metrics=part)
            except Exception:
                self._is_new = False  # it may have been heard all the same
                self._there.clear()
                raise
            for metric in part:
                self._there[metric.key].add(metric.step)

    def _steps(self, name: str) -> set[int]:
        """Return where the run has a figure of this name."""
        if name not in self._there:
            known = [] if self._is_new else self._client.get_metric_history(self.run_id, name)
            self._there[name] = {metric.step for metric in known}
        return self._there[name]

    def finish(self, record: Record) -> None:
        """Log the final figures and files of a record, and close its run."""
        self.log([{**record.metrics, "step": 0}])
        for path in record.artifacts:
            if path.exists():
                self._client.log_artifact(self.run_id, str(path))
        self.close("FINISHED", int(1000 * record.ended.timestamp()))

    def close(self, status: str, ended_ms: int | None = None) -> None:
        """Close the run as finished, failed or killed."""
        self._client.set_terminated(self.run_id, status=status, end_time=ended_ms)


class View:
    """An open store, with the project's experiment in it.

    Args:
        client: an ``MlflowClient``.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        found = client.get_experiment_by_name(EXPERIMENT)
        self.experiment = str(found.experiment_id if found else self._make_experiment())

    def _make_experiment(self) -> str:
        is_local = store().startswith("sqlite:")
        place = (main_repository() / "mlartifacts").as_uri() if is_local else None
        return str(self.client.create_experiment(EXPERIMENT, artifact_location=place))

    def claim(self, record: Record, by: str) -> Entry:
        """Take the run of a record's fingerprint, or make it.

        Args:
            record: of the run.
            by: whose it is from now on; see :func:`pkdn.tracking.owner.owner`.
        """
        with FileLock(main_repository() / ".pkdn" / LOCK):
            runs = self._search(f"tags.`{FINGERPRINT_TAG}` = '{record.fingerprint}'")
            done = [run for run in runs if run.info.status == "FINISHED" or _has_owner(run, by)]
            is_taken, is_new = bool(done), not runs
            run = (done or runs or [None])[0] or self._create(record, by)
            if not is_taken and not is_new:
                self.client.set_tag(run.info.run_id, OWNER_TAG, by)
                self.client.update_run(run.info.run_id, status="RUNNING")
        entry = Entry(self.client, run.info, is_taken=is_taken, is_new=is_new)
        if not is_taken:
            entry.describe(record.params)
        return entry

    def _search(self, query: str) -> list[Any]:
        return [*self.client.search_runs([self.experiment], query)]

    def _create(self, record: Record, by: str) -> Any:
        tags = {
            **{name: str(value) for name, value in record.tags.items()},
            "mlflow.runName": record.name,
            "mlflow.source.name": record.source,
            "dvc.stage": record.name,
            "dvc.exp": record.experiment or "",
            "stage": record.stage,
            "revision": record.revision,
            FINGERPRINT_TAG: record.fingerprint,
            OWNER_TAG: by,
            **{f"machine.{name}": str(value) for name, value in record.machine.items()},
            **{f"version.{name}": value for name, value in record.versions.items()},
        }
        started_ms = int(1000 * record.started.timestamp())
        return self.client.create_run(self.experiment, start_time=started_ms, tags=tags)

    def close_lost(self) -> None:
        """Mark runs as killed whose process, on this machine, is gone."""
        with FileLock(main_repository() / ".pkdn" / LOCK):
            for run in self._search("attributes.status = 'RUNNING'"):
                if OWNER_TAG not in run.data.tags or is_gone(run.data.tags[OWNER_TAG]):
                    self.client.set_terminated(run.info.run_id, status="KILLED")

    def send(self, file: Path) -> Found:
        """Send a record, and the curve beside it, where they are not there.

        Raises:
            UserError: one of them is broken.
        """
        record, curve = read(file)
        entry = self.claim(record, owner())
        if not entry.is_taken:
            entry.log(curve)
            entry.finish(record)
        is_finished = entry.is_finished or not entry.is_taken
        return Found(file, record.fingerprint, entry.run_id, not entry.is_taken, is_finished)

    def students_page(self) -> str:
        """Return where MLflow's own page lists students with their parameters and test figures.

        MLflow opens on another view, which has nothing of these runs.
        """
        query = {"workflowType": "machine_learning", "searchFilter": STUDENTS}
        return f"/#/experiments/{self.experiment}/runs?{urlencode(query, quote_via=quote)}"


def _has_owner(run: Any, by: str) -> bool:
    """Return whether a process other than this one is still writing to a run."""
    name = run.data.tags.get(OWNER_TAG, by)
    return run.info.status == "RUNNING" and name != by and is_alive(name)
