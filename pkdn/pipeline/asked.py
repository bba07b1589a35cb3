"""Whether the results in this folder are those that ``params.yaml`` asks for."""

import json

from pkdn import params, planning
from pkdn.errors import UserError
from pkdn.files import reading
from pkdn.runs import Planned


def check_results() -> None:
    """Check that every run here was asked for what ``params.yaml`` asks for today.

    Raises:
        UserError: one was not, or its record is broken.
    """
    for asked in planning.plan(params.load()):
        _check(asked)


def _check(asked: Planned) -> None:
    plan, record = asked.id.plan, asked.id.record
    if not plan.is_file() or plan.read_text(encoding="utf-8") != asked.text():
        raise _other(asked, f"{plan} is of others, or is not there")
    is_scored = asked.id.stage.startswith("evaluate_")
    if not is_scored and not record.is_file():
        return
    with reading(record):
        found = json.loads(record.read_text(encoding="utf-8"))
        if "asked" in found:
            made, wanted = found["asked"], json.loads(asked.text())["settings"]
            names = {**made, **wanted}
        else:  # a record of before 2026-11-30
            made, wanted = (found["params"], asked.scored()) if is_scored else ({}, {})
            names = made
        others = [name for name in names if made.get(name) != wanted.get(name)]
    if others:
        raise _other(asked, f"{record} has another {others[0]}")


def _other(asked: Planned, why: str) -> UserError:
    return UserError(
        f"expected results of what params.yaml asks for, got others of {asked.id.name}: {why}; run "
        "`python -m pkdn repro`, or take back what was changed in params.yaml"
    )
