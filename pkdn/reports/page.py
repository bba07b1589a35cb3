"""The report: one markdown page with its figures, every table as CSV, and the main numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

from pkdn.files import atomic_file, atomic_folder
from pkdn.reports import appendix, complexity, inputs, parser, results, summary
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import FIGURES, TABLES, Document
from pkdn.reports.plan import Plan, title
from pkdn.reports.records import read_records
from pkdn.reports.scores import read_scores

PAGE = "report.md"
METRICS = "metrics.json"


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
        summary.add(document, root, plan, records, comparisons)
        for comparison in comparisons:
            results.add(document, root, comparison, costs)
        complexity.add(document, root, plan, costs, records)
        parser.add(document, root, plan, records)
        appendix.add(document, root, plan, records, comparisons)
        page.write_text(document.markdown(), encoding="utf-8")
        metrics.write_text(_main_numbers(plan, comparisons), encoding="utf-8")


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
