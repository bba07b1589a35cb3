"""Which training curves go into which panel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.reports import colours
from pkdn.reports.figures import Line
from pkdn.reports.inputs import read_curve
from pkdn.reports.plan import Plan, short_title, title
from pkdn.systems import PKDN, PKDN_NETWORK, PKDN_TEACHER, Subject, in_order, of_variant, system

TEACHER_PHASE: Final = "teacher"


def panels(root: Path, plan: Plan, dataset: str) -> dict[str, Sequence[Line]]:
    """Return the lines of the panels: systems by either recipe, PKDN's students and teachers."""

    def line(
        subject: Subject, label: str, colour: str, *, dashed: bool = False, phase: str = ""
    ) -> Line:
        return Line(label, colour, dashed, of_subject(root, plan, dataset, subject, phase))

    palette = colours.of_systems(plan.networks)
    systems = []
    for name in plan.systems:
        of_system, label = Subject("baseline", name), system(name).title
        teacher = line(
            of_system, f"{label}: teacher", palette[name], dashed=True, phase=TEACHER_PHASE
        )
        student = f"{label}: student" if teacher.curves else label
        systems += [line(of_system, student, palette[name]), teacher]
    pkdn = colours.SYSTEMS[PKDN_NETWORK]
    systems.append(line(PKDN, f"{title(PKDN)}: student", pkdn))
    systems.append(line(PKDN_TEACHER, f"{title(PKDN)}: teacher", pkdn, dashed=True))
    students = [
        line(of_variant(name), short_title(name), colours.VARIANTS[name]) for name in plan.variants
    ]
    teachers = [
        line(Subject("teacher", name), short_title(name), colours.VARIANTS[name], dashed=True)
        for name in plan.teachers
    ]
    authors = [
        line(Subject("authors", name), system(name).title, palette[name])
        for name in in_order(plan.authors_recipes)
    ]
    found = {
        "Systems, one recipe": systems,
        "Systems, authors' recipes": authors,
        "PKDN's students": students,
        "PKDN's teachers": teachers,
    }
    found = {heading: lines for heading, lines in found.items() if lines}
    return {heading: [one for one in lines if one.curves] for heading, lines in found.items()}


def of_subject(
    root: Path, plan: Plan, dataset: str, subject: Subject, phase: str = ""
) -> list[pd.DataFrame]:
    """Return a subject's curves, one for each seed that has one."""
    found = (read_curve(root, subject.run(dataset, seed), phase) for seed in plan.seeds)
    return [curve for curve in found if not curve.empty]
