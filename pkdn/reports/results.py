"""What the page shows of one data set, beside the tables of scores."""

import math
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.reports import curves, face_grid, faces, figures
from pkdn.reports.columns import PSNR, SSIM
from pkdn.reports.comparisons import Comparison
from pkdn.reports.conditions import DRAWN, counts
from pkdn.reports.document import Document
from pkdn.reports.inputs import count_faces, index_file
from pkdn.reports.tables import listing, number
from pkdn.systems import BICUBIC, PKDN, PKDN_TEACHER, Subject, system

NO_COLUMNS: Final = [""] * faces.CROPS_IN_A_ROW


class Results:
    """Pieces of the page, as markdown; empty where there is nothing to show.

    Args:
        document: takes their files.
        root: the root of the repository.
        comparison: the scores.
        costs: of :func:`pkdn.reports.inputs.read_complexity`.
    """

    def __init__(
        self, document: Document, root: Path, comparison: Comparison, costs: pd.DataFrame
    ) -> None:
        self.document = document
        self.root = root
        self.comparison = comparison
        self.costs = costs
        self.plan = comparison.plan
        self.dataset = comparison.dataset
        self.faces = count_faces(root, comparison.dataset)

    def outcome(self) -> str:
        """Say what came out, in one paragraph."""
        scores = self.comparison.scores
        psnr, ssim = (scores.mean(PKDN, metric).cell(metric) for metric in (PSNR, SSIM))
        gains = listing([text for text in map(self._gain, self._named_in_summary()) if text])
        kind = "drawn faces" if self.dataset == DRAWN else "photographs"
        return (
            f"`{self.dataset}` ({counts(self.faces)} {kind} to train / validate / test): "
            f"PKDN's student reaches **{psnr} dB** PSNR and {ssim} SSIM on the test faces"
            f"{', ' if gains else ''}{gains}. Its teacher, which sees the HR parsing map, has "
            f"{scores.mean(PKDN_TEACHER, PSNR).cell(PSNR)} dB."
        )

    def _named_in_summary(self) -> list[str]:
        """Return bicubic and the best of the other systems."""

        def score(name: str) -> float:
            value = self.comparison.scores.mean(Subject("baseline", name), PSNR).value
            return -math.inf if value is None else value

        systems = self.plan.systems
        trained = sorted((name for name in systems if name != BICUBIC), key=score)
        return [name for name in systems if name == BICUBIC] + trained[-1:]

    def _gain(self, network: str) -> str:
        gain = self.comparison.gain_over(Subject("baseline", network))
        if gain is None:
            return ""
        mean, low, high = (number(value, PSNR.decimals, signed=True) for value in gain.interval)
        established = "" if gain.verdict.startswith("yes") else "; not established"
        against = f"{mean} dB against {system(network).title}"
        return f"{against} (95 % interval {low} to {high}{established})"

    def copied_index(self) -> str:
        """Publish the index of the faces; return its place for a link."""
        return self.document.copied_table(
            index_file(self.root, self.dataset), f"crops-{self.dataset}"
        )

    def crops(self) -> str:
        """Show HR test faces."""
        rows = faces.crops(self.root, self.dataset)
        draw = partial(face_grid.draw, columns=NO_COLUMNS, rows=rows)
        return self._figure("crops", f"HR test faces of {self.dataset}", draw)

    def cost(self) -> str:
        """Show what PSNR costs."""
        points = self.comparison.points(self.costs)
        draw = partial(figures.scatter, points=points)
        return self._figure("cost", "PSNR against GMAC and against latency", draw) if points else ""

    def enlarged(self, grid: faces.Grid) -> str:
        """Show enlarged test faces."""
        draw = partial(face_grid.draw, columns=grid.columns, rows=grid.rows)
        return self._figure("faces", f"Test faces: {', '.join(grid.columns)}", draw)

    def curves(self) -> str:
        """Show the training curves."""
        panels = curves.panels(self.root, self.plan, self.dataset)
        draw = partial(figures.training_curves, panels=panels)
        return self._figure("curves", "Training curves", draw) if any(panels.values()) else ""

    def loss_terms(self) -> str:
        """Show the terms of PKDN's loss."""
        found = curves.of_subject(self.root, self.plan, self.dataset, PKDN)
        draw = partial(figures.loss_terms, curves=found)
        return self._figure("loss", "Terms of PKDN's loss", draw) if found else ""

    def grid(self) -> faces.Grid:
        """Read the enlarged test faces."""
        return faces.grid(self.root, self.comparison)

    def _figure(self, kind: str, caption: str, draw: partial[None]) -> str:
        return self.document.figure(f"{kind}-{self.dataset}", caption, draw)
