"""The report: one markdown page with its figures, and every table as CSV."""

from pathlib import Path

from pkdn.files import atomic_file, atomic_folder
from pkdn.reports import appendix, parts, results, summary
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import FIGURES, TABLES, Document
from pkdn.reports.records import Plan, read_absences, read_results
from pkdn.reports.runs import read_runs

PAGE = "report.md"


def write(*, root: Path, out: Path, plan: Plan) -> None:
    """Write ``report.md``, ``figures/`` and ``tables/``; nothing of it where an input is missing.

    Args:
        root: The root of the repository, with ``data/``.
        out: The folder of the report.
        plan: What the current parameters ask for; only its files are read.

    Raises:
        UserError: An input is missing, or inputs do not fit together.
    """
    complexity = parts.read_complexity(root)
    titles = parts.network_titles(complexity)
    scores = read_results(root, plan)
    runs = [run for run in read_runs(root, plan) if run.stage != "report"]
    absences = read_absences(root, plan)
    comparisons = [Comparison(scores, absences, plan, dataset, titles) for dataset in plan.datasets]
    with (
        atomic_file(out / PAGE) as page,
        atomic_folder(out / TABLES) as tables,
        atomic_folder(out / FIGURES) as drawn,
    ):
        document = Document(drawn, tables)
        summary.add(document, root, plan, runs, comparisons)
        for comparison in comparisons:
            results.add(document, root, comparison, complexity)
        appendix.add_complexity(document, plan, complexity, runs)
        appendix.add_parser(document, root, plan)
        appendix.add_readings(document)
        appendix.add_protocols(document, comparisons)
        appendix.add_data_metrics(document, root, plan)
        appendix.add_provenance(document, plan, runs, titles)
        page.write_text(document.markdown(), encoding="utf-8")
