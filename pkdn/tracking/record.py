"""A record as it is read again, checked."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pkdn.errors import UserError
from pkdn.provenance import Curve, read_curve
from pkdn.runs import RECORD, RUNS

READERS = {"evaluate_": "", "model@": "student@"}
"""How names of runs begin that read the weights of a training, and how the training's begins."""


class Dataset(BaseModel):
    """Faces that a run reads: the name of the data set, where they lie, and how many there are.

    Attributes:
        digest: of the faces' manifest, which has the checksum of every file.
        counts: faces in each split.
    """

    name: str
    source: str
    digest: str
    counts: dict[str, int]


class Record(BaseModel):
    """What :meth:`pkdn.tracking.Run.record` gives, as far as MLflow shows it."""

    stage: str
    name: str
    source: str
    fingerprint: str
    tags: dict[str, Any]
    params: dict[str, Any]
    metrics: dict[str, float]
    started: datetime
    seconds: float
    revision: str
    experiment: str | None
    machine: dict[str, Any]
    versions: dict[str, str]
    artifacts: list[Path]
    datasets: list[Dataset] = []
    weights: str | None = None

    @property
    def training(self) -> str | None:
        """The name of the training whose weights it reads, such as ``student@helen-full-0``."""
        for start, stage in READERS.items():
            if self.name.startswith(start):
                return stage + self.name.removeprefix(start)
        return None

    @property
    def ended(self) -> datetime:
        """When the run ended."""
        return self.started + timedelta(seconds=self.seconds)


def read(file: Path) -> tuple[Record, Curve]:
    """Read a record and the curve beside it, which may be missing.

    Raises:
        UserError: one of them is cut, or is something else.
    """
    curve = file.with_name("curve.csv")
    try:
        record = Record.model_validate(json.loads(file.read_text(encoding="utf-8")))
        return record, read_curve(curve) if curve.exists() else []
    except (ValueError, TypeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        else:
            reason = str(error)
        advice = f"`dvc checkout --force {file.parent}` or `dvc repro` brings it back"
        if not file.is_relative_to(RUNS):  # in the outbox, which DVC does not know
            advice = "what it told MLflow of is lost: delete it"
        raise UserError(
            f"expected the record of a run in {file}, got a broken one ({reason}); {advice}"
        ) from error


def in_order(folder: Path) -> list[Path]:
    """Return the records in a folder, trainings before the runs that read their weights."""
    return sorted(folder.rglob(RECORD), key=lambda file: (_reads_weights(file), file))


def _reads_weights(file: Path) -> bool:
    try:
        record = Record.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, OSError):  # broken, or gone: whoever reads it next says so
        return False
    return record.training is not None
