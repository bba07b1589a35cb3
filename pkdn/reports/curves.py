"""Which training curves go into which panel."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.reports import colours
from pkdn.reports.figures import VALIDATION, Line
from pkdn.reports.inputs import read_csv
from pkdn.reports.plan import Plan, short_title, title
from pkdn.systems import (
    PKDN,
    PKDN_NETWORK,
    PKDN_TEACHER,
    VARIANTS,
    Subject,
    in_order,
    of_variant,
    system,
)

TEACHER_PHASE: Final = "teacher"


def panels(root: Path, plan: Plan, dataset: str) -> dict[str, Sequence[Line]]:
    """Return the lines of the panels: systems by either recipe, PKDN's students and teachers.

    A panel that the plan asks for stays where it has no line; without any line there is no panel.
    """
    palette, of_variants = colours.of_systems(plan.networks), colours.of_variants(VARIANTS)

    def line(subject: Subject, label: str, colour: str, phase: str = "") -> Line:
        dashed = TEACHER_PHASE in (subject.stage, phase)
        return Line(label, colour, dashed, of_subject(root, plan, dataset, subject, phase))

    systems = []
    for name in plan.systems:
        subject, of_system = Subject("baseline", name), system(name)
        role = ": student" if of_system.has_teacher else ""
        systems.append(line(subject, of_system.title + role, palette[name]))
        if of_system.has_teacher:
            label = f"{of_system.title}: teacher"
            systems.append(line(subject, label, palette[name], TEACHER_PHASE))
    systems.append(line(PKDN, f"{title(PKDN)}: student", palette[PKDN_NETWORK]))
    systems.append(line(PKDN_TEACHER, f"{title(PKDN)}: teacher", palette[PKDN_NETWORK]))

    def of_pkdn(subject: Subject, variant: str) -> Line:
        return line(subject, short_title(variant), of_variants[variant])

    authors = in_order(plan.authors_recipes)
    asked = {
        "Systems, one recipe": systems,
        "Systems, authors' recipes": [
            line(Subject("authors", name), system(name).title, palette[name]) for name in authors
        ],
        "PKDN's students": [of_pkdn(of_variant(name), name) for name in plan.variants],
        "PKDN's teachers": [of_pkdn(Subject("teacher", name), name) for name in plan.teachers],
    }
    found = {heading: [one for one in lines if one.curves] for heading, lines in asked.items()}
    return {heading: found[heading] for heading in found if asked[heading] and any(found.values())}


def of_subject(
    root: Path, plan: Plan, dataset: str, subject: Subject, phase: str = ""
) -> list[pd.DataFrame]:
    """Return a subject's curves, one for each seed that has one."""
    paths = [root / subject.run(dataset, seed).curve(phase) for seed in plan.seeds]
    found = [read_csv(path) for path in paths if path.is_file()]
    return [curve for curve in found if not curve.empty]


def best_validation(root: Path, plan: Plan, dataset: str, subject: Subject) -> float:
    """Return a subject's best validation PSNR, in dB over RGB, the mean over seeds; NaN: none."""
    curves = of_subject(root, plan, dataset, subject)
    best = [float(curve[VALIDATION].max()) for curve in curves if VALIDATION in curve]
    return sum(best) / len(best) if best else math.nan


def validation(root: Path, plan: Plan, dataset: str) -> pd.DataFrame:
    """Return PKDN's validation PSNR by ``step``, in the columns ``student`` and ``teacher``.

    In dB, over RGB; means over the seeds, at the steps where all were validated.
    """
    found = []
    for name, subject in (("student", PKDN), ("teacher", PKDN_TEACHER)):
        curves = of_subject(root, plan, dataset, subject)
        seeds = [one.set_index("step")[VALIDATION].dropna() for one in curves if VALIDATION in one]
        mean = (
            pd.concat(seeds, axis=1, join="inner").mean(axis=1) if seeds else pd.Series(dtype=float)
        )
        found.append(mean.rename(name))
    return pd.concat(found, axis=1, join="inner").rename_axis("step").reset_index()
