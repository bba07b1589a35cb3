"""MLflow's view of the records: the only package that writes to MLflow's store.

A run is known by its fingerprint: whoever has rows or results of a fingerprint goes on with the
run that is there, so that nothing is there twice. Where it is done again, such as by ``dvc repro
-f`` or on another machine, it is another run.
"""

import logging
import os
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from pkdn.errors import UserError
from pkdn.provenance import main_repository
from pkdn.tracking import database, pages, place
from pkdn.tracking.address import without_password
from pkdn.tracking.naming import Known, name_for
from pkdn.tracking.owner import OWNER_TAG, is_alive, is_gone, owner
from pkdn.tracking.place import store
from pkdn.tracking.record import Record, read
from pkdn.tracking.view.entry import STARTED_TAG, WEIGHTS_TAG, Entry

EXPERIMENT = "pkdn"
FINGERPRINT_TAG = "pkdn.fingerprint"
LOCK = "mlflow-runs.lock"
"""Held while a run, or a tag of the experiment, is looked for and made."""
STAGE_TAG = "dvc.stage"
PARENT_TAG = "mlflow.parentRunId"
"""The tag by which MLflow shows a run below another one."""
# MLflow's own patience with a server that is down is over four minutes for one call.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


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


class View:
    """An open store, with the project's experiment in it.

    Args:
        client: an ``MlflowClient``.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        found = client.get_experiment_by_name(EXPERIMENT)
        if found and found.lifecycle_stage == "deleted":
            raise UserError(
                f"expected the experiment {EXPERIMENT} in MLflow, got one that was deleted there: "
                f"`MLFLOW_TRACKING_URI={without_password(store())} mlflow experiments restore "
                f"--experiment-id {found.experiment_id}` brings it back"
            )
        self.experiment = str(found.experiment_id if found else self._make_experiment())

    def _make_experiment(self) -> str:
        location = place.artifact_location()
        return str(self.client.create_experiment(EXPERIMENT, artifact_location=location))

    def claim(self, record: Record, by: str) -> Entry:
        """Take the run of a record's fingerprint, or make it.

        Args:
            record: of the run.
            by: whose it is from now on; see :func:`pkdn.tracking.owner.owner`.
        """
        with _alone():
            found = self._search(f"tags.`{FINGERPRINT_TAG}` = '{record.fingerprint}'")
            runs = [run for run in found if not _is_of_before(run, record)]
            done = [run for run in runs if run.info.status == "FINISHED" or _has_owner(run, by)]
            is_taken, is_new = bool(done), not runs
            run = (done or runs or [None])[0] or self._create(record, by)
            if is_new:
                self._end_twins(run, found, record, by)
            if not is_taken and not is_new:
                for name, value in {OWNER_TAG: by, **_of_attempt(record)}.items():
                    self.client.set_tag(run.info.run_id, name, value)
                self.client.update_run(run.info.run_id, status="RUNNING")
        entry = Entry(self.client, run.info, is_taken=is_taken, is_new=is_new)
        if not is_taken:
            entry.describe(record)
        return entry

    def _search(self, query: str) -> list[Any]:
        """Return the runs that a query finds, the oldest first."""
        return [*self.client.search_runs([self.experiment], query, order_by=["start_time ASC"])]

    def _create(self, record: Record, by: str) -> Any:
        same = self._search(f"tags.`{STAGE_TAG}` = '{record.name}'")
        parent = self._training(record)
        name = name_for(
            record, [_known(run) for run in same], parent.info.run_name if parent else ""
        )
        tags = {
            **{name: str(value) for name, value in record.tags.items()},
            **({PARENT_TAG: parent.info.run_id} if parent else {}),
            "mlflow.runName": name,
            "mlflow.source.name": record.source,
            STAGE_TAG: record.name,
            "stage": record.stage,
            FINGERPRINT_TAG: record.fingerprint,
            OWNER_TAG: by,
            **_of_attempt(record),
        }
        started_ms = int(1000 * record.started.timestamp())
        return self.client.create_run(self.experiment, start_time=started_ms, tags=tags)

    def _end_twins(self, run: Any, before: list[Any], record: Record, by: str) -> None:
        """Delete what a slow server has made of the same call, which MLflow's client repeats."""
        known = {one.info.run_id for one in (run, *before)}
        for twin in self._search(f"tags.`{FINGERPRINT_TAG}` = '{record.fingerprint}'"):
            if twin.info.run_id not in known and twin.data.tags.get(OWNER_TAG) == by:
                self.client.delete_run(twin.info.run_id)

    def _training(self, record: Record) -> Any:
        """Return the run that made the weights that a run reads, or None."""
        if not record.training or not record.weights:
            return None
        query = f"tags.`{WEIGHTS_TAG}` = '{record.weights}'"
        found = self._search(f"{query} AND tags.`{STAGE_TAG}` = '{record.training}'")
        return found[-1] if found else None

    def close_lost(self) -> None:
        """Mark runs as killed whose process, on this machine, is gone."""
        with _alone():
            for run in self._search("attributes.status = 'RUNNING'"):
                if OWNER_TAG not in run.data.tags or is_gone(run.data.tags[OWNER_TAG]):
                    self.client.set_terminated(run.info.run_id, status="KILLED")

    def send(self, file: Path, root: Path = Path()) -> Found:
        """Send a record, and the curve beside it, where they are not there.

        Args:
            file: the record.
            root: where the paths of its artifacts begin.

        Raises:
            UserError: one of them is broken.
        """
        record, curve = read(file)
        entry = self.claim(record, owner())
        if not entry.is_taken:
            entry.log(curve)
            entry.finish(record, root)
        is_finished = entry.is_finished or not entry.is_taken
        return Found(file, record.fingerprint, entry.run_id, not entry.is_taken, is_finished)

    def pages(self) -> dict[str, str]:
        """Let MLflow have its pages of these runs; return where each is, without the server."""
        with _alone():
            known = self.client.get_experiment(self.experiment).tags
            for name, value in pages.tags().items():
                if known.get(name) != value:
                    self.client.set_experiment_tag(self.experiment, name, value)
        return pages.addresses(self.experiment)


def _alone() -> FileLock:
    """Return what lets one process of this project at a time look for something and make it."""
    return FileLock(main_repository() / ".pkdn" / LOCK)


def _of_attempt(record: Record) -> dict[str, str]:
    """Return the tags that may be others where a training that was ended goes on."""
    return {
        "dvc.exp": record.experiment or "",
        "revision": record.revision,
        **{f"machine.{name}": str(value) for name, value in record.machine.items()},
        **{f"version.{name}": value for name, value in record.versions.items()},
    }


def _known(run: Any) -> Known:
    return Known(run.info.run_name, run.data.params)


def _is_of_before(run: Any, record: Record) -> bool:
    """Return whether a run is a finished one that was done again, such as by ``dvc repro -f``."""
    started = run.data.tags.get(STARTED_TAG)  # runs of before 2026-11-30 have none
    return run.info.status == "FINISHED" and started not in (None, record.started.isoformat())


def _has_owner(run: Any, by: str) -> bool:
    """Return whether a process other than this one is still writing to a run."""
    name = run.data.tags.get(OWNER_TAG, by)
    return run.info.status == "RUNNING" and name != by and is_alive(name)
