"""The commands that make what the tables show."""

from collections.abc import Iterable

from pkdn.reports.plan import Plan
from pkdn.reports.tables import NOTHING, Column, words
from pkdn.runs import RunId
from pkdn.systems import VARIANTS, Subject


def command(run: RunId) -> str:
    """Return what brings a run up to date, and all that it rests on."""
    return f"`dvc repro {run.name.replace(run.stage, _stage(run.stage, run.system), 1)}`"


def _stage(stage: str, system: str) -> str:
    """Return what ``dvc.yaml`` calls a stage: students by another loss are one of their own."""
    learns_elsewhere = stage.endswith("student") and VARIANTS[system].teacher != system
    return f"{stage}_loss" if learns_elsewhere else stage


def column(plan: Plan, dataset: str, rows: Iterable[Iterable[Subject]]) -> Column:
    """Return what brings the rows of a table of scores up to date.

    Args:
        plan: what the parameters ask for.
        dataset: of the table.
        rows: whose scores each row has, all by one name; what was not asked for is left out.
    """
    asked = [[one for one in dict.fromkeys(row) if one in plan.subjects] for row in rows]
    return words("made by", [_of_row(plan, dataset, row) if row else NOTHING for row in asked])


def _of_row(plan: Plan, dataset: str, subjects: list[Subject]) -> str:
    stages = _either(_stage(one.stage, one.system) for one in subjects)
    return f"`dvc repro evaluate_{stages}@{dataset}-{subjects[0].system}-{_either(plan.seeds)}`"


def _either(parts: Iterable[object]) -> str:
    """Return what a shell such as bash reads as one after the other."""
    texts = [*map(str, parts)]
    return texts[0] if len(texts) == 1 else f"{{{','.join(texts)}}}"
