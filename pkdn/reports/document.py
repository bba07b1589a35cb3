"""What a page is made of: markdown that points at figures and tables in folders beside it."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pkdn.reports.tables import Table, write_csv

FIGURES = "figures"
TABLES = "tables"


class Document(NamedTuple):
    """Writes files beside a page, and returns the markdown that shows them.

    Attributes:
        figures: an existing folder that becomes ``figures/`` beside the page.
        tables: an existing folder that becomes ``tables/`` beside the page.
    """

    figures: Path
    tables: Path

    def table(self, table: Table, name: str = "", numbers: pd.DataFrame | None = None) -> str:
        """Show a table; under a name, its numbers, or those given, go to ``tables/NAME.csv``."""
        if name:
            write_csv(self.tables / f"{name}.csv", table.numbers() if numbers is None else numbers)
        return table.markdown()

    def copied_table(self, path: Path, name: str) -> str:
        """Copy a CSV file to ``tables/NAME.csv``; return its place for a link."""
        shutil.copyfile(path, self.tables / f"{name}.csv")
        return f"{TABLES}/{name}.csv"

    def figure(self, name: str, caption: str, draw: Callable[[Path], object]) -> str:
        """Show a figure with a caption, which is drawn to the path that it is given."""
        draw(self.figures / f"{name}.png")
        return f"![{caption}]({FIGURES}/{name}.png)"

    def copied_figure(self, path: Path, name: str, caption: str) -> str:
        """Show a figure that a stage has made already."""
        return self.figure(name, caption, partial(shutil.copyfile, path))
