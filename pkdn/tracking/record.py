"""A record as it is read again, checked."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pkdn.errors import UserError
from pkdn.provenance import Curve, read_curve


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
        raise UserError(
            f"expected the record of a run in {file}, got a broken one ({reason}); `dvc checkout "
            f"--force {file.parent}` or `dvc repro` brings it back"
        ) from error
