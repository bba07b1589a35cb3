"""The report: one markdown page with its figures, every table as CSV, and the main numbers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2

from pkdn.files import atomic_file, atomic_folder
from pkdn.reports import (
    appendix,
    columns,
    complexity,
    conditions,
    inputs,
    parser,
    published,
    readings,
)
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import FIGURES, TABLES, Document
from pkdn.reports.plan import Plan, title
from pkdn.reports.records import read_records
from pkdn.reports.results import Results
from pkdn.reports.scores import read_scores
from pkdn.reports.tables import listing
from pkdn.systems import system

PAGE = "report.md"
METRICS = "metrics.json"
TEMPLATES = Path(__file__).parent / "templates"


def write(*, root: Path, out: Path, plan: Plan) -> None:
    """Write the page, ``metrics.json``, ``figures/`` and ``tables/``; all of it or nothing.

    Args:
        root: the root of the repository, with ``data/``.
        out: the folder of the report.
        plan: what the parameters ask for; only its files are read.

    Raises:
        UserError: an input is missing, or inputs do not fit together.
    """
    costs = inputs.read_complexity(root)
    records = read_records(root, plan)
    comparisons = [Comparison(plan, name, read_scores(root, plan, name)) for name in plan.datasets]
    with (
        atomic_file(out / PAGE) as page,
        atomic_file(out / METRICS) as metrics,
        atomic_folder(out / TABLES) as tables,
        atomic_folder(out / FIGURES) as drawn,
    ):
        document = Document(drawn, tables)
        text = render(
            "report.md.jinja",
            plan,
            root=root,
            document=document,
            records=records,
            costs=costs,
            results=[Results(document, root, one, costs) for one in comparisons],
        )
        page.write_text(text, encoding="utf-8")
        metrics.write_text(_main_numbers(plan, comparisons), encoding="utf-8")


def render(template: str, plan: Plan, **others: object) -> str:
    """Return a template of ``templates/`` as markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "listing": listing,
        "codes": lambda names: listing([f"`{name}`" for name in names]),
        "counts": conditions.counts,
        "network_title": lambda name: system(name).title,
        "notice": _notice,
    }
    modules = (appendix, columns, complexity, conditions, parser, published, readings)
    named = {module.__name__.split(".")[-1]: module for module in modules}
    text = environment.get_template(template).render(plan=plan, **named, **others)
    return _paragraphs(text) + "\n"


def _notice(text: str) -> str:
    """Mark paragraphs as what nobody should overlook."""
    return "\n".join(f"> {line}".rstrip() for line in _paragraphs(text).splitlines()) + "\n\n"


def _paragraphs(text: str) -> str:
    """Put each paragraph on a line, with one empty line between blocks."""
    joined = re.sub(r"(?<=[^\n|])\n(?=[^\n|>#-])", " ", text)
    return re.sub(r"\n{3,}", "\n\n", joined).strip()


def _main_numbers(plan: Plan, comparisons: Sequence[Comparison]) -> str:
    found = {
        comparison.dataset: {
            title(subject): comparison.scores.headlines(subject)
            for subject in plan.subjects
            if subject in comparison.scores.frames
        }
        for comparison in comparisons
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
