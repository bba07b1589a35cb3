"""The tables of scores: Table 1, PKDN's gains, Table 2, the teachers, all protocols."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import pandas as pd

from pkdn.reports import colours, columns, published
from pkdn.reports.columns import PSNR, SSIM, Metric
from pkdn.reports.figures import Point
from pkdn.reports.plan import Plan, by_authors, by_one_recipe, short_title, title
from pkdn.reports.scores import Scores
from pkdn.reports.statistics import Gain
from pkdn.reports.tables import NOTHING, Column, Table, bold_best, number, plain, words
from pkdn.systems import BICUBIC, FULL, PKDN, VARIANTS, Subject, of_variant, system

PAPER: Final = "paper (full training)"
ONE_RECIPE: Final = "one recipe"
AUTHORS_RECIPE: Final = "authors' recipe"


class Comparison:
    """The scores of one data set as tables.

    Args:
        plan: what the parameters ask for.
        dataset: the data set.
        scores: of :func:`pkdn.reports.scores.read_scores`.
    """

    def __init__(self, plan: Plan, dataset: str, scores: Scores) -> None:
        self.plan = plan
        self.dataset = dataset
        self.scores = scores
        self.metrics = scores.present(columns.MAIN)

    def table_1(self) -> Table:
        """Return the comparison of systems, with the paper's numbers where it has this data."""
        rows, facts = self.plan.table_1, published.table(1, self.dataset)
        here = self._here(facts)
        found = [words("system", [system(name).title for name in rows], "system", rows)]
        ours = [by_one_recipe(name) for name in rows]
        found += self._scores(ours, self.metrics, (*here, ONE_RECIPE), ONE_RECIPE)
        if self.plan.authors_recipes:
            theirs = [by_authors(name) for name in rows]
            found += self._scores(theirs, [PSNR, SSIM], (*here, AUTHORS_RECIPE), AUTHORS_RECIPE)
        return Table([*found, *_paper(facts, rows)])

    def table_2(self) -> Table:
        """Return the ablation: one student for each variant."""
        rows, facts = self.plan.variants, published.table(2, self.dataset)
        changes = [VARIANTS[name].change for name in rows]
        found = [
            words("student", [VARIANTS[name].title for name in rows], "student", rows),
            words("what differs from full PKDN", changes),
            *self._scores([of_variant(name) for name in rows], self.metrics, self._here(facts)),
        ]
        return Table([*found, *_paper(facts, rows)])

    def teachers(self) -> Table:
        """Return the scores of the teachers, which see the HR face's parsing map."""
        rows = self.plan.teachers
        teachers = [Subject("teacher", name) for name in rows]
        name = words("teacher", [short_title(name) for name in rows], "teacher", rows)
        return Table([name, *self._scores(teachers, self.metrics)])

    def _here(self, facts: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
        return (f"here (profile `{self.plan.profile}`, size `{self.plan.size}`)",) if facts else ()

    def _scores(
        self,
        subjects: Sequence[Subject],
        metrics: Sequence[Metric],
        heading: Sequence[str] = (),
        group: str = "",
    ) -> Iterator[Column]:
        """Yield a column for each metric, under a heading; in the CSV file, in a group."""
        before = f"{', '.join(heading)}: " if heading else ""
        prefix = f"{group.replace(' ', '_')}." if group else ""
        seeds = [len(self.scores.frames.get(subject, {})) for subject in subjects]
        yield Column("", numbers={f"{prefix}seeds": seeds})
        for metric in metrics:
            yield self._means(subjects, metric, before, prefix)

    def _means(
        self, subjects: Sequence[Subject], metric: Metric, before: str, prefix: str
    ) -> Column:
        means = [self.scores.mean(subject, metric) for subject in subjects]
        cells = [mean.cell(metric) for mean in means]
        if metric == PSNR:
            reasons = self.scores.absences
            cells = [reasons.get(s, cell) for s, cell in zip(subjects, cells, strict=True)]
        values = [mean.value for mean in means]
        spreads = [mean.spread for mean in means]
        name = prefix + metric.name
        numbers = {f"{name}.mean": values, f"{name}.std_over_seeds": spreads}
        bold = bold_best(cells, values, highest=metric.highest)
        return Column(before + metric.heading, bold, numbers)

    def gain_over(self, other: Subject) -> Gain | None:
        """Return PKDN's gain in PSNR over another subject."""
        return self.scores.gain(PKDN, other, PSNR)

    def gains(self) -> Table:
        """Return PKDN's gain over each system that was run here, by either recipe."""
        others = self.plan.others
        keys = [f"{other.stage}.{other.system}" for other in others]
        name = words("PKDN compared with", map(title, others), "compared_with", keys)
        return self._gains(name, [self.gain_over(other) for other in others])

    def variant_gains(self) -> Table:
        """Return each variant's difference to the full system: negative where it is worse."""
        rows = [name for name in self.plan.variants if name != FULL]
        titles = [VARIANTS[name].title for name in rows]
        name = words("compared with full PKDN", titles, "compared_with", rows)
        found = [self.scores.gain(of_variant(variant), PKDN, PSNR) for variant in rows]
        return self._gains(name, found)

    def _gains(self, name: Column, gains: Sequence[Gain | None]) -> Table:
        means, lows, highs = (
            [gain.interval[i] if gain else None for gain in gains] for i in range(3)
        )
        pairs = zip(map(_signed, lows), map(_signed, highs), strict=True)
        intervals = [NOTHING if low == NOTHING else f"{low} to {high}" for low, high in pairs]
        by_seed = [", ".join(map(_signed, gain.by_seed)) if gain else NOTHING for gain in gains]
        found = [
            name,
            Column("gain in PSNR, dB", [*map(_signed, means)], {"psnr_gain_db": means}),
            Column("95 % interval", intervals, {"low": lows, "high": highs}),
            Column("gain with each seed" if len(self.plan.seeds) > 1 else "", by_seed),
            Column("established?", [gain.verdict if gain else NOTHING for gain in gains]),
        ]
        return Table(found)

    def protocols(self) -> tuple[Table, pd.DataFrame]:
        """Return the means of everything that was scored, and the numbers with their spread."""
        subjects, metrics = self.plan.subjects, self.scores.present(columns.ALL)
        means = {(s, m): self.scores.mean(s, m) for s in subjects for m in metrics}
        shown = [words("scored", map(title, subjects))]
        for file, group in groupby(metrics, key=lambda metric: metric.file):
            of_file = list(group)
            cells = [[number(means[s, m].value, m.decimals) for m in of_file] for s in subjects]
            joined = [NOTHING if {*row} == {NOTHING} else " / ".join(row) for row in cells]
            shown.append(Column(f"`{file}`: {' / '.join(m.title for m in of_file)}", joined))
        header = ["kind", "name", "metric", "mean", "std_over_seeds", "seeds"]
        rows = [[*subject, metric.name, *mean] for (subject, metric), mean in means.items()]
        return Table(shown), pd.DataFrame(rows, columns=header, dtype=object)

    def points(self, complexity: pd.DataFrame) -> list[Point]:
        """Return PSNR and cost of every network trained by the one recipe."""
        palette = colours.of_systems(self.plan.networks)
        ours = (complexity["size"] == self.plan.size) & (complexity["role"] == "network")
        found = []
        for row in complexity[ours].to_dict("records"):
            name = row["network"]
            mean = self.scores.mean(by_one_recipe(name), PSNR)
            if mean.value is not None and name != BICUBIC:
                cost = row["gmac"], row["latency_ms_b1"]
                found.append(Point(system(name).title, palette[name], *cost, mean.value))
        return found


def _signed(value: float | None) -> str:
    return number(value, PSNR.decimals, signed=True)


def _paper(facts: Mapping[str, Mapping[str, float]], rows: Sequence[str]) -> list[Column]:
    """Return the paper's columns; none where it has no such table."""
    found = []
    for metric, unit in ((PSNR, ", dB"), (SSIM, "")) if facts else ():
        values = [facts.get(name, {}).get(metric.key) for name in rows]
        cells = plain("", values, metric.decimals).cells
        numbers = {f"paper.{metric.key}": values}
        found.append(Column(f"{PAPER}: {metric.title}{unit}", cells, numbers))
    return found
