"""Which training curves go into which panel."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pkdn.reports.figures import Line
from pkdn.reports.records import Plan, read_curve
from pkdn.reports.systems import (
    PKDN,
    PKDN_NETWORK,
    PKDN_TEACHER,
    SYSTEM_COLOURS,
    TEACHERS,
    VARIANT_COLOURS,
    VARIANTS,
    Subject,
    colours,
    in_order,
    network_title,
    short_title,
)

TEACHER_PHASE: Final = "teacher"


def panels(
    root: Path, plan: Plan, dataset: str, network_titles: Mapping[str, str]
) -> dict[str, Sequence[Line]]:
    """Return the lines of the panels: systems by either recipe, PKDN's students and teachers."""

    def line(
        subject: Subject, label: str, colour: str, *, dashed: bool = False, phase: str = ""
    ) -> Line:
        return Line(label, colour, dashed, of_subject(root, plan, dataset, subject, phase))

    palette = colours(plan.networks)
    systems = []
    for name in in_order(plan.networks):
        title, colour = network_title(name, network_titles), palette[name]
        system = Subject("baseline", name)
        teacher = line(system, f"{title}: teacher", colour, dashed=True, phase=TEACHER_PHASE)
        student = f"{title}: student" if teacher.curves else title
        systems += [line(system, student, colour), teacher]
    pkdn = SYSTEM_COLOURS[PKDN_NETWORK]
    systems.append(line(PKDN, "PKDN: student", pkdn))
    systems.append(line(PKDN_TEACHER, "PKDN: teacher", pkdn, dashed=True))
    students = [
        line(Subject("student", name), short_title(name), VARIANT_COLOURS[name])
        for name in VARIANTS
    ]
    teachers = [
        line(Subject("teacher", name), short_title(name), VARIANT_COLOURS[name], dashed=True)
        for name in TEACHERS
    ]
    authors = [
        line(Subject("authors", name), network_title(name, network_titles), palette[name])
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
) -> list[dict[str, np.ndarray]]:
    """Return a subject's curves, one for each seed that has one."""
    found = (read_curve(root, subject, dataset, seed, phase) for seed in plan.seeds)
    return [curve for curve in found if curve]
