"""Whether the results in this folder are those that ``params.yaml`` asks for."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pkdn import params, planning
from pkdn.errors import UserError
from pkdn.files import reading
from pkdn.provenance import digest
from pkdn.runs import TRAININGS, Planned


def check_results() -> None:
    """Check that every run here was asked for what ``params.yaml`` asks for today.

    And that it read what lies here now, and what is scored is what was trained: `repro` may have
    ended between the two.

    Raises:
        UserError: one was not, or its record is broken.
    """
    planned = planning.plan(params.load())
    now = cache(digest)
    for asked in planned:
        _check(asked)
        _check_read(asked, now)
    for asked in planned:
        if asked.id.stage in TRAININGS:
            _check_scored(asked)


def _check_scored(training: Planned) -> None:
    files = [training.id.record, training.id.evaluation().record]
    if not all(file.is_file() for file in files):
        return
    made, scored = (_weights(file) for file in files)
    if made != scored and made and scored:
        raise UserError(
            f"expected scores of what {training.id.name} has trained, got those of other weights "
            f"in {files[1]}: run `python -m pkdn repro` to its end"
        )


def _weights(record: Path) -> str | None:
    with reading(record):
        return _read(record).get("weights")


def _read(record: Path) -> Any:
    return json.loads(record.read_text(encoding="utf-8"))


def _check(asked: Planned) -> None:
    plan, record = asked.id.plan, asked.id.record
    if not plan.is_file() or plan.read_text(encoding="utf-8") != asked.text():
        raise _other(asked, f"{plan} is of others, or is not there", "plan")
    is_scored = asked.id.stage.startswith("evaluate_")
    if not is_scored and not record.is_file():
        return
    with reading(record):
        found = _read(record)
        if "asked" in found:
            made, wanted = found["asked"], json.loads(asked.text())["settings"]
            names = {**made, **wanted}
        else:  # a record of before 2026-11-30
            made, wanted = (found["params"], asked.scored()) if is_scored else ({}, {})
            names = made
        others = [name for name in names if made.get(name) != wanted.get(name)]
    if others:
        raise _other(asked, f"{record} has another {others[0]}", asked.id.name)


def _check_read(asked: Planned, now: Callable[[Path], str]) -> None:
    record = asked.id.record
    if not record.is_file():
        return
    with reading(record):
        found = _read(record).get("reads", {})  # records of before 2026-12-01 have none
        others = [name for name in found if Path(name).exists() and now(Path(name)) != found[name]]
    if others:
        raise _other(asked, f"{record} is of another {others[0]}", asked.id.name)


def _other(asked: Planned, why: str, stage: str) -> UserError:
    return UserError(
        f"expected results of what params.yaml asks for, got others of {asked.id.name}: {why}; run "
        "`python -m pkdn repro`, or take back what was changed in params.yaml; where it finds "
        f"nothing to do, `dvc repro --force --single-item {stage}` comes first"
    )
