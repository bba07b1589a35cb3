"""The record of a stage's run: made while it runs, written when it has ended."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pkdn import closure
from pkdn.errors import UserError
from pkdn.files import atomic_file, reading, sha256
from pkdn.provenance import (
    DIGEST_LETTERS,
    MANIFEST,
    Curve,
    Watch,
    content,
    digest,
    fingerprint,
    machine,
    revision,
    versions,
)
from pkdn.runs import FACES, Planned, RunId
from pkdn.tracking import outbox
from pkdn.tracking.live import Live

# A stage that takes longer than this shows in MLflow while it runs.
LIVE_SECONDS = 30.0


@dataclass
class Run:
    """One run of a stage: what it was given, what came out, and how MLflow is told of it.

    Attributes:
        fingerprint: identifies it.
        computes: likewise, but equal for all runs that compute the same.
        seconds_before: that processes before this one took of it.
    """

    planned: Planned
    source: str
    fingerprint: str
    params: Mapping[str, Any]
    tags: Mapping[str, Any]
    computes: str = ""
    seconds_before: float = 0.0
    values: dict[str, float] = field(default_factory=dict)
    curve: Curve = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.computes = self.computes or self.fingerprint
        self.id: RunId = self.planned.id
        self.name = self.id.name
        self._revision, self._datasets = revision(), datasets(self.planned)
        paths = (p for p in self.planned.reads.values() if p.is_file() or (p / MANIFEST).is_file())
        self._reads = {path.as_posix(): digest(path) for path in paths}
        self.started = datetime.now(UTC)
        self._clock = self._last_sent = time.monotonic()
        self._sent = 0
        self._live = Live()

    def metrics(self, values: Mapping[str, float]) -> None:
        """Add final figures; they replace earlier ones of the same name."""
        self.values |= {name: float(value) for name, value in values.items()}

    def row(self, row: Mapping[str, float]) -> None:
        """Add a row of the curve, with its ``step``; pass the newest ones on where it is time."""
        self.curve.append(dict(row))
        if time.monotonic() - self._last_sent > LIVE_SECONDS:
            self._last_sent = time.monotonic()
            opening = {} if self._sent else {"record": self.record()}
            self._live.tell(self._unsent(), **opening)
        self._live.attend()

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
            "asked": self.planned.settings,
            "metrics": self.values,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 2),
            "seconds_before": round(self.seconds_before, 2),
            "revision": self._revision,
            "experiment": os.environ.get("DVC_EXP_NAME"),
            "machine": machine(),
            "versions": versions(),
            "artifacts": [path.as_posix() for path in self.artifacts],
            "datasets": self._datasets,
            "reads": self._reads,
            "weights": weights(self.planned),
            "mlflow_run_id": self._live.run_id,
        }

    def sync(self) -> Mapping[str, str]:
        """Bring MLflow up to date with all records; return its run for each fingerprint."""
        return self._live.sync()

    def finish(self, *, keep: bool) -> None:
        """Write the record, then let MLflow have what it lacks; see :func:`run`."""
        record = self.record()
        if keep:
            with atomic_file(self.id.record) as temporary:
                temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        outbox.put(record, self.curve)
        if not keep:
            self._live.sync()
        self._live.end(self._unsent(), record=record, status="FINISHED")

    def fail(self, *, killed: bool) -> None:
        """Mark the run as failed, or as killed, where MLflow knows it already."""
        self._live.end(self._unsent(), status="KILLED" if killed else "FAILED")

    def _unsent(self) -> Curve:
        """Return the rows that MLflow was not told of before."""
        rows = self.curve[self._sent :]
        self._sent = len(self.curve)
        return rows


def datasets(planned: Planned) -> list[dict[str, Any]]:
    """Return the faces that a run reads, as :class:`pkdn.tracking.record.Dataset` has them."""
    faces = planned.reads.get("faces", Path())
    manifest = faces / MANIFEST
    if not manifest.is_file():
        return []
    name = faces.name if faces.parent == FACES else planned.settings.get("dataset", faces.name)
    with reading(manifest):
        counts = json.loads(manifest.read_text(encoding="utf-8"))["rows"]
    known = sha256(manifest)[:DIGEST_LETTERS]
    return [{"name": name, "source": faces.as_posix(), "digest": known, "counts": counts}]


def weights(planned: Planned) -> str | None:
    """Return what identifies the weights that a run reads, or else those that it made."""
    file = planned.reads.get("weights", planned.id.weights)
    return sha256(file)[:DIGEST_LETTERS] if file.is_file() else None


@contextmanager
def run(
    planned: Planned,
    params: Mapping[str, Any],
    *,
    tags: Mapping[str, Any] = MappingProxyType({}),
    by_name: Sequence[str] = (),
    computes: str = "",
    keep: bool = True,
) -> Iterator[Run]:
    """Record a stage: yield its :class:`Run`, then write the record into the run's folder.

    Args:
        planned: What the stage was asked to do.
        params: All that decides about its results, and that MLflow shows.
        tags: What a user filters by, beside data set, system and seed.
        by_name: Modules that the stage imports by their names.
        computes: In the place of the run's name: what it has in common with others that compute
            the same.
        keep: write the record. The report, which reads all of them, goes to MLflow at once
            instead.

    Raises:
        RuntimeError: code was loaded or data were read that the fingerprint does not know.
        UserError: code, data or the plan have changed since the start.
    """
    identity = {key: value for key, value in vars(planned.id).items() if value not in ("", None)}
    script = closure.running()
    code = closure.code(script, *by_name)
    at_start = closure.at_start
    _check_unchanged({file: at_start[file] for file in code if file in at_start}, planned.id.name)
    before = {path: content(path) for path in sorted([*code, *planned.reads.values()])}
    reads = planned.reads.values()
    settings = {**params, "asked": dict(planned.settings)}
    known = fingerprint(planned.id.name, settings, code, reads)
    same = fingerprint(computes, params, code, reads) if computes else ""
    current = Run(planned, script, known, dict(params), {**identity, **tags}, same)
    mine = (planned.id.folder, planned.id.plan, *planned.writes.values())
    try:
        closure.check_loaded(script, code)
        with Watch([*planned.reads.values(), *mine]):
            yield current
        closure.check_loaded(script, code)
        _check_unchanged(before, current.name)
        _check_asked(planned)
    except BaseException as error:
        current.fail(killed=not isinstance(error, Exception))
        raise
    current.finish(keep=keep)


def _check_unchanged(before: Mapping[Path, str], name: str) -> None:
    """Refuse results of code or data that are others now: DVC would note them as those of these.

    Raises:
        UserError: files have changed.
    """
    changed = [str(path) for path, known in before.items() if content(path) != known]
    if changed:
        raise UserError(
            f"{name}: expected code and data to stay as they were while it ran, got changes in "
            f"{', '.join(changed)}; run it again, or take them back first: a training that came "
            "to its end is then not trained again"
        )


def _check_asked(planned: Planned) -> None:
    """Refuse results of another plan: DVC would note them as those of the one that is there now.

    Raises:
        UserError: it was replaced, such as by `dvc checkout`.
    """
    file = planned.id.plan
    if file.is_file() and file.read_text(encoding="utf-8") != planned.text():
        raise UserError(
            f"{planned.id.name}: expected {file} to stay as it was while it ran, got another one: "
            "run it again by the parameters that you want"
        )
