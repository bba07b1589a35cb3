"""What a page is made of: markdown that points at figures and tables in folders beside it."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pkdn.reports.tables import Table, markdown, numbers, write_csv

FIGURES = "figures"
TABLES = "tables"


class Document(NamedTuple):
    """Writes files beside a page, and returns the markdown that shows them.

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
