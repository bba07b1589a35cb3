"""A markdown page that grows from top to bottom, with its figures and tables in folders."""

import shutil
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.reports.tables import Table, write_csv

FIGURES: Final = "figures"
TABLES: Final = "tables"


class Document:
    """Blocks of markdown, with the files that they point at.

    Args:
        figures: an existing folder that becomes ``figures/`` beside the page.
        tables: an existing folder that becomes ``tables/`` beside the page.
    """

    def __init__(self, figures: Path, tables: Path) -> None:
        self._figures = figures
        self._tables = tables
        self._blocks: list[str] = []

    def text(self, *sentences: str) -> None:
        """Add a paragraph of the sentences that are not empty."""
        paragraph = " ".join(sentence for sentence in sentences if sentence)
        if paragraph:
            self._blocks.append(paragraph)

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading."""
        self._blocks.append(f"{'#' * level} {text}")

    def items(self, *items: str) -> None:
        """Add a list."""
        self._blocks.append("\n".join(f"- {item}" for item in items))

    def notice(self, *paragraphs: str) -> None:
        """Add paragraphs that nobody should overlook."""
        self._blocks.append("\n>\n".join(f"> {paragraph}" for paragraph in paragraphs))

    def table(self, table: Table, name: str = "") -> None:
        """Add a table; under a name, its numbers go to ``tables/NAME.csv``."""
        self._blocks.append(table.markdown())
        if name:
            self.numbers(table.numbers(), name)

    def numbers(self, numbers: pd.DataFrame, name: str) -> None:
        """Write ``tables/NAME.csv`` alone."""
        write_csv(self._tables / f"{name}.csv", numbers)

    def figure(self, name: str, caption: str) -> Path:
        """Add a figure with a caption; return the path that it is to be written to."""
        self._blocks.append(f"![{caption}]({FIGURES}/{name}.png)")
        return self._figures / f"{name}.png"

    def copied_table(self, path: Path, name: str) -> str:
        """Copy a CSV file to ``tables/NAME.csv``; return its place for a link."""
        shutil.copyfile(path, self._tables / f"{name}.csv")
        return f"{TABLES}/{name}.csv"

    def copied_figure(self, source: Path, name: str, caption: str) -> None:
        """Add a figure that a stage has made already."""
        shutil.copyfile(source, self.figure(name, caption))

    def markdown(self) -> str:
        """Return the page."""
        return "\n\n".join(self._blocks) + "\n"
