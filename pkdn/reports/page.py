"""The report: one page as markdown and as HTML, its figures, every table as CSV, main numbers."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

from pkdn import metrics, perceptual, systems
from pkdn.files import atomic_file, atomic_folder
from pkdn.reports import (
    columns,
    conditions,
    curves,
    faces,
    figures,
    history,
    inputs,
    paper,
    recipes,
    web,
)
from pkdn.reports.comparisons import Comparison
from pkdn.reports.plan import Plan, title
from pkdn.reports.scores import read_scores
from pkdn.reports.tables import Table, codes, listing, markdown, numbers, plain, words, write_csv
from pkdn.runs import COMPLEXITY, PARSER

PAGE = web.SOURCE
METRICS = "metrics.json"
FIGURES = "figures"
TABLES = "tables"
TEMPLATES = Path(__file__).parent / "templates"
MODULES = (
    columns,
    conditions,
    curves,
    faces,
    figures,
    history,
    inputs,
    metrics,
    perceptual,
    paper,
    recipes,
    systems,
    web,
)


class Document(NamedTuple):
    """Writes files beside the page, and returns the markdown that shows them.

    Attributes:
        folders: the existing folders that become :data:`FIGURES` and :data:`TABLES`.
    """

    folders: Mapping[str, Path]

    def table(self, table: Table, name: str = "", data: pd.DataFrame | None = None) -> str:
        """Show a table; under a name, its numbers, or the data given, go to ``tables/NAME.csv``."""
        if name:
            path = self.folders[TABLES] / f"{name}.csv"
            write_csv(path, numbers(table) if data is None else data)
        return markdown(table)

    def figure(self, name: str, caption: str, draw: Callable[..., object], *drawn: object) -> str:
        """Show a figure, which ``draw(path, *drawn)`` writes, with a caption."""
        draw(self.folders[FIGURES] / f"{name}.png", *drawn)
        return f"![{caption}]({FIGURES}/{name}.png)"

    def copied(self, file: Path, place: str) -> str:
        """Copy a file to a place such as ``tables/NAME.csv``, and return that for a link."""
        folder, name = place.split("/")
        shutil.copyfile(file, self.folders[folder] / name)
        return place


def write(*, root: Path, out: Path, plan: Plan) -> None:
    """Write the page twice, ``metrics.json``, ``figures/`` and ``tables/``; all of it or nothing.

    Args:
        root: the root of the repository, with ``data/``.
        out: the folder of the report.
        plan: what the parameters ask for; only its files are read.

    Raises:
        UserError: an input is missing, or inputs do not fit together.
    """
    comparisons = [Comparison(plan, name, read_scores(root, plan, name)) for name in plan.datasets]
    headlines = {one.dataset: one.headlines() for one in comparisons}
    read = {
        "records": history.read_records(root, plan),
        "costs": inputs.read_csv(
            root / COMPLEXITY.folder / "complexity.csv", "network", "role", "size"
        ),
        "comparisons": comparisons,
        "parser": root / PARSER.folder,
    }
    with (
        atomic_file(out / PAGE) as page,
        atomic_file(out / web.PAGE) as web_page,
        atomic_file(out / METRICS) as main_numbers,
        atomic_folder(out / TABLES) as csv_files,
        atomic_folder(out / FIGURES) as pictures,
    ):
        document = Document({TABLES: csv_files, FIGURES: pictures})
        text = render("report.md.jinja", plan, root=root, document=document, **read)
        page.write_text(text, encoding="utf-8")
        web_page.write_text(
            web.page(text, {TABLES: csv_files, FIGURES: pictures}), encoding="utf-8"
        )
        _write_for_plots(csv_files, root, plan, comparisons)
        lines = json.dumps(headlines, indent=1, ensure_ascii=False)
        main_numbers.write_text(lines + "\n", encoding="utf-8")


def _write_for_plots(
    folder: Path, root: Path, plan: Plan, comparisons: Sequence[Comparison]
) -> None:
    """Write what ``dvc plots`` shows."""
    write_csv(folder / "scores.csv", pd.concat([one.everything() for one in comparisons]))
    for name in plan.datasets:
        write_csv(folder / f"validation-{name}.csv", curves.validation(root, plan, name))


def render(template: str, plan: Plan, **others: object) -> str:
    """Return a template of ``templates/`` as markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {module.__name__.split(".")[-1]: module for module in MODULES}
    environment.globals |= {"plain": plain, "words": words}
    environment.filters |= {
        "listing": listing,
        "codes": codes,
        "counts": conditions.counts,
        "subject_title": title,
        "network_title": lambda name: systems.system(name).title,
        "notice": _notice,
    }
    text = environment.get_template(template).render(plan=plan, **others)
    return _paragraphs(text) + "\n"


def _notice(text: str) -> str:
    """Mark paragraphs as what nobody should overlook."""
    return "\n".join(f"> {line}".rstrip() for line in _paragraphs(text).splitlines()) + "\n\n"


def _paragraphs(text: str) -> str:
    """Put each paragraph on a line, with one empty line between blocks."""
    joined = re.sub(r"(?<=[^\n|])\n(?=[^\n|>#-])", " ", text)
    return re.sub(r"\n{3,}", "\n\n", joined).strip()
