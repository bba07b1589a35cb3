"""A run in MLflow, and all that is written to it."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pkdn.errors import UserError
from pkdn.tracking import models, place
from pkdn.tracking.record import Dataset, Record

WEIGHTS_TAG = "pkdn.weights"
"""The tag of a training that identifies its weights; the runs that read them find it by that."""
STARTED_TAG = "pkdn.started"
"""The tag of a finished run that says which of the runs of its fingerprint it is."""
MOST_METRICS = 1000
"""In one call."""
SAMPLE_SECONDS = 10
"""Between two looks at how busy the machine is."""
SAMPLES = 3
"""Looks of which the mean is logged."""


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
        self._files = str(info.artifact_uri)
        self._there: dict[str, set[int]] = {}
        self._monitor: Any = None

    def describe(self, record: Record) -> None:
        """Log parameters and data sets, which may be there already."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in record.params.items()]
        self._client.log_batch(self.run_id, params=params)
        if record.datasets:
            inputs = [_input(dataset, record) for dataset in record.datasets]
            self._client.log_inputs(self.run_id, inputs)

    def watch_machine(self) -> None:
        """Log how busy processors, memory, disk, network and GPUs are, until the run is closed."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        if not self.is_taken:
            self._monitor = SystemMetricsMonitor(
                self.run_id, SAMPLE_SECONDS, SAMPLES, resume_logging=not self._is_new
            )
            self._monitor.start()

    def log(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Log the finite figures of rows, each at its ``step``, that are not there already.

        A row without ``step`` is at 0; its time is that of its ``seconds`` after the start.
        """
        from mlflow.entities import Metric

        metrics = [
            Metric(_allowed(name), value, self._start_ms + int(1000 * row.get("seconds", 0)), step)
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
        name = _allowed(name)
        if name not in self._there:
            known = [] if self._is_new else self._client.get_metric_history(self.run_id, name)
            self._there[name] = {metric.step for metric in known}
        return self._there[name]

    def finish(self, record: Record, root: Path = Path()) -> None:
        """Log the final figures and files of a record, and close its run.

        Args:
            record: of the run.
            root: where the paths of its artifacts begin.

        Raises:
            UserError: MLflow does not register the model.
        """
        # A curve has its last figures already, at their step.
        final = {name: value for name, value in record.metrics.items() if not self._steps(name)}
        self.log([{**final, "step": 0}])
        if record.weights and record.training is None:
            self._client.set_tag(self.run_id, WEIGHTS_TAG, record.weights)
        for path in (root / artifact for artifact in record.artifacts):
            if path.exists():
                self._put(path)
                if record.stage == models.STAGE:
                    self._register(path.name, record)
        self._client.set_tag(self.run_id, STARTED_TAG, record.started.isoformat())
        self.close("FINISHED", int(1000 * record.ended.timestamp()))

    def _put(self, path: Path) -> None:
        if place.is_mine(self._files):
            place.put(path, self._files)
        else:
            self._client.log_artifact(self.run_id, str(path))

    def _register(self, name: str, record: Record) -> None:
        from mlflow.exceptions import MlflowException

        dataset, seed = str(record.tags["dataset"]), str(record.tags["seed"])
        tags = {"seed": seed, "pkdn.fingerprint": record.fingerprint}
        source = f"{self._files}/{name}"
        try:
            models.register(self._client, self.run_id, source, dataset, tags)
        except MlflowException as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"expected MLflow to register the model of {record.name}, got {reason}; ask who "
                "runs MLflow's server to allow that, then `python -m pkdn sync`"
            ) from error

    def close(self, status: str, ended_ms: int | None = None) -> None:
        """Close the run as finished, failed or killed."""
        if self._monitor is not None:
            self._monitor.finish()
        self._client.set_terminated(self.run_id, status=status, end_time=ended_ms)


def _input(dataset: Dataset, record: Record) -> Any:
    """Return a data set as MLflow shows it with a run: what it is used for, and its counts."""
    from mlflow.entities import Dataset as Data
    from mlflow.entities import DatasetInput, InputTag

    source = json.dumps({"uri": dataset.source})
    profile = json.dumps({"num_rows": sum(dataset.counts.values()), **dataset.counts})
    use = "training" if record.training is None else "test"
    data = Data(dataset.name, dataset.digest, "local", source, profile=profile)
    return DatasetInput(data, [InputTag("mlflow.data.context", use)])


def _allowed(name: str) -> str:
    """Return a figure's name as MLflow takes it, such as ``pck_0.1`` for ``pck@0.1``."""
    return re.sub(r"[^\w\-. :/]", "_", name)
