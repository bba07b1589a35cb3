"""How networks are trained, in words: of a finished run, or of one that is planned."""

from collections.abc import Iterable, Mapping
from math import isnan, nan
from statistics import fmean
from typing import Any, Final, NamedTuple

import pandas as pd

from pkdn.reports.plan import Plan, by_one_recipe, title
from pkdn.reports.tables import NOTHING, Column, Table, duration, listing, number, words
from pkdn.systems import PKDN, TERMS, VARIANTS, Subject, Term, system

AUGMENTATIONS: Final = {
    "none": "none",
    "mirror": "mirrored",
    "affine": "mirrored, turned, scaled and shifted a little",
    "mirror_and_turn": "mirrored, turned by 90°",
    "mirror_and_zoom": "mirrored, enlarged",
    "distort_mirror_and_turn": "squeezed, mirrored, turned by 90°",
}


class Training(NamedTuple):
    """One row.

    Attributes:
        title: of what is trained.
        values: what :meth:`pkdn.training.recipe.Recipe.record` gives, and the distillation's.
        faces: the training faces; 0 where nobody has counted them.
        kept: the steps whose weights stayed, one for each seed.
        seconds: that it took by the clock, the mean of the seeds; NaN where that is not known.
        teacher_seconds: the same of its teacher's training; None where it has no teacher.
    """

    title: str
    values: Mapping[str, Any]
    faces: int
    kept: tuple[int, ...] = ()
    seconds: float = nan
    teacher_seconds: float | None = None


def table(trainings: Iterable[Training]) -> Table:
    """Return length, rate and augmentation of trainings, a row for each."""
    rows = [*trainings]
    steps = [row.values["steps"] for row in rows]
    passes = [passes_of(row) for row in rows]
    return [
        words("trained", [row.title for row in rows], "row", [row.title for row in rows]),
        Column("steps", [f"{count:,}" for count in steps], {"steps": steps}),
        Column("passes", [number(count, 1) for count in passes], {"passes": passes}),
        Column("batch", [str(row.values["batch_size"]) for row in rows]),
        words("rate", [f"{row.values['optimizer']} {_rate(row)}" for row in rows]),
        words("schedule", [_schedule(row.values) for row in rows]),
        words("faces are", [_augmentation(row.values["augment"]) for row in rows]),
        words("distilled by", [_distillation(row) for row in rows]),
        words("weights kept", [_kept(row) for row in rows]),
        *_times([row for row in rows if row.kept]),
    ]


def _times(rows: list[Training]) -> Table:
    """Return how long finished trainings took; nothing for planned ones."""
    if not rows:
        return []
    cells = [_time(row) for row in rows]
    time = words("time", cells, "seconds", [row.seconds for row in rows])
    teachers = {"teacher_seconds": [row.teacher_seconds for row in rows]}
    return [time, Column("", numbers=teachers)]


def passes_of(row: Training) -> float:
    """Return how often a training sees its faces; NaN where nobody has counted them."""
    if not row.faces:
        return float("nan")
    return float(row.values["steps"] * row.values["batch_size"] / row.faces)


def of_records(plan: Plan, records: pd.DataFrame, dataset: str, faces: int) -> list[Training]:
    """Return the trainings behind the tables of a data set; seeds share a row."""
    by_run = {run: (values, metrics) for run, values, metrics in _of_runs(records)}
    found = []
    for subject in plan.subjects:
        runs = [by_run[run] for seed in plan.seeds if (run := subject.run(dataset, seed)) in by_run]
        kept = tuple(int(metrics["kept_step"]) for _, metrics in runs if "kept_step" in metrics)
        if kept:
            measured = [metrics for _, metrics in runs]
            teacher = None
            if subject.stage == "student" and (name := VARIANTS[subject.system].teacher):
                taught = [Subject("teacher", name).run(dataset, seed) for seed in plan.seeds]
                teacher = _mean([by_run[run][1] for run in taught if run in by_run], "seconds")
            elif subject.stage in ("baseline", "authors") and system(subject.system).has_teacher:
                teacher = _mean(measured, "teacher_seconds")
            own = _mean(measured, "seconds")
            found.append(Training(title(subject), runs[0][0], faces, kept, own, teacher))
    return found


def _mean(metrics: Iterable[Mapping[str, float]], name: str) -> float:
    values = [of[name] for of in metrics if name in of]
    return fmean(values) if values else nan


def _of_runs(records: pd.DataFrame) -> Iterable[Any]:
    return records[["run", "params", "metrics"]].itertuples(index=False)


def slower(plan: Plan, records: pd.DataFrame, dataset: str) -> list[str]:
    """Return the systems whose rate by the one recipe is below PKDN's, with their rates."""
    rates = {
        run: values["learning_rate"]
        for run, values, _ in _of_runs(records)
        if "learning_rate" in values
    }
    usual = rates.get(PKDN.run(dataset, plan.seeds[0]), 0.0)
    runs = {name: by_one_recipe(name).run(dataset, plan.seeds[0]) for name in plan.systems}
    return [
        f"{system(name).title} at {rates[run]:g} in place of {usual:g}"
        for name, run in runs.items()
        if rates.get(run, usual) < usual
    ]


def grouped(trainings: Iterable[Training]) -> list[Training]:
    """Join the titles of trainings that are alike in everything else."""
    found: dict[str, list[Training]] = {}
    for row in trainings:
        found.setdefault(repr(row._replace(title="")), []).append(row)
    return [rows[0]._replace(title=listing(row.title for row in rows)) for rows in found.values()]


def _augmentation(name: str) -> str:
    """Return an augmentation in words; of one that is new here, those of its function's name."""
    return AUGMENTATIONS.get(name, name.replace("_", " "))


def _distillation(row: Training) -> str:
    values = row.values
    if "distill_epochs" not in values:
        return NOTHING
    epochs, passes = values["distill_epochs"], passes_of(row)
    terms = {name: term for name, term in TERMS.items() if name in values}
    said = ", ".join(
        f"{term.symbol} {values[name]:g}{_lasting(term, epochs)}" for name, term in terms.items()
    )
    last = max((_last_epoch(term, epochs) for term in terms.values()), default=0)
    return said + (f"; the training has {number(passes, 1)}" if passes < last else "")


def _last_epoch(term: Term, epochs: int) -> int:
    """Return for how many epochs a term counts; 0: for all."""
    return epochs + (not term.fades) if epochs else 0


def _lasting(term: Term, epochs: int) -> str:
    if not epochs:
        return ""
    last = _last_epoch(term, epochs)
    how = "fading over" if term.fades and epochs > 1 else "for"
    return f" {how} {last} epoch{'s' if last > 1 else ''}"


def _rate(row: Training) -> str:
    return f"{row.values['learning_rate']:g}"


def _schedule(values: Mapping[str, Any]) -> str:
    milestones = values.get("milestones", ())
    at = f" at {listing(f'{step:,}' for step in milestones)}" if milestones else ""
    return values["schedule"] + at


def _time(row: Training) -> str:
    def shown(seconds: float) -> str:
        return NOTHING if isnan(seconds) else duration(seconds)

    teacher = row.teacher_seconds
    of_teacher = "" if teacher is None else f", and {shown(teacher)} of its teacher"
    return shown(row.seconds) + of_teacher


def _kept(row: Training) -> str:
    which = str(row.values["keep"])
    if not row.kept:
        return f"the {which}"
    steps = sorted({min(row.kept), max(row.kept)})
    return f"the {which}: step {' to '.join(f'{step:,}' for step in steps)}"
