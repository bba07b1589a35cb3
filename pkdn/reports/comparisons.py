"""The tables of scores: Table 1, PKDN's gains, Table 2, the teachers, all protocols."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, groupby
from typing import Final

import pandas as pd

from pkdn.intervals import holm
from pkdn.reports import colours, columns, commands, paper
from pkdn.reports.columns import PARSING_MIOU, PSNR, SSIM, Metric
from pkdn.reports.plan import Plan, by_authors, by_one_recipe, short_title, title
from pkdn.reports.power import power
from pkdn.reports.scores import Scores
from pkdn.reports.statistics import P_ESTABLISHED, Gain
from pkdn.reports.tables import NOTHING, Column, Table, bold_best, words
from pkdn.systems import (
    ALONE,
    BICUBIC,
    FULL,
    PKDN,
    PKDN_TEACHER,
    VARIANTS,
    Subject,
    of_variant,
    system,
)

PAPER: Final = "paper (full training)"
ONE_RECIPE: Final = "one recipe"
AUTHORS_RECIPE: Final = "authors' recipe"
LEAST_P: Final = 0.0001
"""Smaller chances rest on the far tails of a distribution, which nobody has seen."""
LEAST_ABOVE: Final = 0.01
"""In dB: what is nearer to bicubic interpolation has not learnt to enlarge a face."""
MAIN: Final = {"psnr": PSNR, "ssim": SSIM, "parsing_miou": PARSING_MIOU}
HEADLINES: Final = {
    Subject("baseline", BICUBIC): "bicubic",
    PKDN: "student",
    PKDN_TEACHER: "teacher",
}


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
        rows, facts = self.plan.table_1, paper.table(1, self.dataset)
        ours, theirs = [*map(by_one_recipe, rows)], [*map(by_authors, rows)]
        here = self._here(facts)
        found = [words("system", [system(name).title for name in rows], "system", rows)]
        found += self._scores(ours, self.metrics, [*here, ONE_RECIPE], "one_recipe.")
        if self.plan.authors_recipes:
            headings = [*here, AUTHORS_RECIPE]
            found += self._scores(theirs, [PSNR, SSIM], headings, "authors'_recipe.")
        return [*found, *_paper(facts, rows), self._made_by(ours, theirs)]

    def table_2(self) -> Table:
        """Return the ablation: one student for each variant."""
        rows, facts = self.plan.variants, paper.table(2, self.dataset)
        students = [of_variant(name) for name in rows]
        return [
            words("student", [VARIANTS[name].title for name in rows], "student", rows),
            words("what differs from full PKDN", [VARIANTS[name].change for name in rows]),
            *self._scores(students, self.metrics, self._here(facts)),
            *_paper(facts, rows),
            self._made_by(students),
        ]

    def teachers(self) -> Table:
        """Return the scores of the teachers, which see the HR face's parsing map."""
        rows = self.plan.teachers
        name = words("teacher", map(short_title, rows), "teacher", rows)
        teachers = [Subject("teacher", name) for name in rows]
        return [name, *self._scores(teachers, self.metrics), self._made_by(teachers)]

    def _made_by(self, *subjects: Sequence[Subject]) -> Column:
        """Return the commands that make rows, out of one or several scored subjects for each."""
        return commands.column(self.plan, self.dataset, zip(*subjects, strict=True))

    def _here(self, facts: pd.DataFrame) -> list[str]:
        """Return a heading that tells our numbers from the paper's, where it has some."""
        of_size = f", size `{self.plan.size}`" if self.plan.size != self.plan.profile else ""
        return [] if facts.empty else [f"here (`{self.plan.profile}`{of_size})"]

    def _scores(
        self,
        subjects: Sequence[Subject],
        metrics: Sequence[Metric],
        headings: Sequence[str] = (),
        prefix: str = "",
    ) -> Iterator[Column]:
        """Yield a column for each metric, under headings; in the CSV file, with a prefix."""
        before = f"{', '.join(headings)}: " if headings else ""
        seeds = [len(self.scores.frames.get(subject, {})) for subject in subjects]
        yield Column("", numbers={f"{prefix}seeds": seeds})
        for metric in metrics:
            means = [self.scores.mean(subject, metric) for subject in subjects]
            values, spreads, _ = zip(*means, strict=True)
            cells = [mean.cell(metric) for mean in means]
            if metric == PSNR:
                pairs = zip(subjects, cells, strict=True)
                cells = [self.scores.absences.get(subject, cell) for subject, cell in pairs]
            name = prefix + metric.name
            numbers = {f"{name}.mean": values, f"{name}.std_over_seeds": spreads}
            bold = bold_best(cells, values, highest=metric.column.arrow == "↑")
            yield Column(before + metric.heading, bold, numbers)

    def cell(self, subject: Subject, metric: Metric) -> str:
        """Return a subject's mean over faces and seeds as the tables show it."""
        return self.scores.mean(subject, metric).cell(metric)

    def gain_over(self, other: Subject) -> Gain:
        """Return PKDN's gain in PSNR over another subject."""
        return self.scores.gain(PKDN, other, PSNR)

    @cached_property
    def _gains_over_others(self) -> dict[Subject, Gain]:
        """PKDN's gain over each system that was run here."""
        return {other: self.gain_over(other) for other in self.plan.others}

    def gains(self) -> Table:
        """Return PKDN's gain over each system that was run here, by either recipe."""
        others = self.plan.others
        keys = [f"{other.stage}.{other.system}" for other in others]
        name = words("PKDN compared with", map(title, others), "compared_with", keys)
        return [name, *gain_columns([*self._gains_over_others.values()])]

    def variant_gains(self) -> Table:
        """Return each variant's difference to the full system: negative where it is worse."""
        rows = [name for name in self.plan.variants if name != FULL]
        titles = [VARIANTS[name].title for name in rows]
        name = words("compared with full PKDN", titles, "compared_with", rows)
        return [name, *gain_columns([*self._variants_over_pkdn.values()])]

    @cached_property
    def _variants_over_pkdn(self) -> dict[Subject, Gain]:
        """Each variant's difference to the full system, in the plan's order."""
        variants = [of_variant(name) for name in self.plan.variants if name != FULL]
        return {one: self.scores.gain(one, PKDN, PSNR) for one in variants}

    @cached_property
    def rivals(self) -> list[str]:
        """Bicubic and the best of the other systems, by the one recipe, as far as there are any."""

        def psnr(name: str) -> float:
            value = self.scores.mean(by_one_recipe(name), PSNR).value
            return -math.inf if math.isnan(value) else value

        systems = self.plan.systems
        trained = sorted((name for name in systems if name != BICUBIC), key=psnr)
        return [name for name in systems if name == BICUBIC] + trained[-1:]

    def gains_in_words(self) -> list[str]:
        """Say what PKDN gains over its rivals, and by its teacher."""
        others = {by_one_recipe(name): system(name).title for name in self.rivals}
        tables = [self._gains_over_others]
        if ALONE in self._variants_over_pkdn:
            others[ALONE] = "the same network without a teacher"
            tables.append(self._variants_over_pkdn)
        chances: dict[Subject, float] = {}
        for gains in tables:
            chances |= zip(gains, _corrected(gains.values()), strict=True)
        found = [(name, self.gain_over(other), chances[other]) for other, name in others.items()]
        return [
            f"{signed(gain.interval.mean)} dB against {name} "
            f"(95 % interval {interval(gain)}"
            f"{'' if gain.verdict(p).startswith('yes') else '; not established'})"
            for name, gain, p in found
            if gain.by_seed
        ]

    def power(self) -> pd.DataFrame:
        """Return how small a gain over what is trained is seen; see :mod:`pkdn.reports.power`."""
        gains = self._gains_over_others
        trained = {one: gain for one, gain in gains.items() if one.system != BICUBIC}
        if ALONE in self._variants_over_pkdn:
            trained[ALONE] = self.gain_over(ALONE)
        return power(trained)

    def protocols(self) -> tuple[Table, pd.DataFrame]:
        """Return the means of everything that was scored, and the numbers with their spread."""
        subjects, metrics = self.plan.subjects, self.scores.present(columns.ALL)
        means = {(s, m): self.scores.mean(s, m) for s in subjects for m in metrics}
        shown = [words("scored", map(title, subjects))]
        for file, group in groupby(metrics, key=lambda metric: metric.file):
            of_file = list(group)
            cells = [[m.text(means[s, m].value) for m in of_file] for s in subjects]
            joined = [NOTHING if {*row} == {NOTHING} else " / ".join(row) for row in cells]
            heading = " / ".join(metric.column.title for metric in of_file)
            shown.append(Column(f"`{file}`: {heading}", joined))
        header = ["kind", "name", "metric", "mean", "std_over_seeds", "seeds"]
        rows = [[*subject, metric.name, *mean] for (subject, metric), mean in means.items()]
        return shown, pd.DataFrame(rows, columns=header, dtype=object)

    def points(self, costs: pd.DataFrame) -> pd.DataFrame:
        """Return what every network trained by the one recipe costs, its ``psnr`` and ``colour``.

        Args:
            costs: of the stage ``complexity``.
        """
        ours = (costs["size"] == self.plan.size) & (costs["role"] == "network")
        rows = costs[ours & (costs["network"] != BICUBIC)]
        psnr = [self.scores.mean(by_one_recipe(name), PSNR).value for name in rows["network"]]
        colour = rows["network"].map(colours.of_systems(self.plan.networks))
        return rows.assign(psnr=psnr, colour=colour).dropna(subset="psnr")

    def everything(self) -> pd.DataFrame:
        """Return the means of all in the main metrics: ``system``, with its data set, and each.

        ``psnr_above_pkdn`` is the PSNR less that of PKDN's student, in dB.
        """
        rows = []
        for subject in filter(self.scores.frames.__contains__, self.plan.subjects):
            rows.append({"system": f"{self.dataset}: {title(subject)}", **self._means(subject)})
        frame = pd.DataFrame(rows)
        return frame.assign(psnr_above_pkdn=frame["psnr"] - self.scores.mean(PKDN, PSNR).value)

    def is_pkdn(self, variant: str) -> bool:
        """Return whether a variant scores as PKDN's student does, on every face."""
        scores = [self.scores.by_seed(one, PSNR) for one in (of_variant(variant), PKDN)]
        return scores[0].equals(scores[1])

    def not_above_bicubic(self) -> list[Subject]:
        """Return the systems, PKDN among them, that do not pass bicubic interpolation by PSNR."""
        bicubic = by_one_recipe(BICUBIC)
        trained = [one for one in (*self.plan.others, PKDN) if one != bicubic]
        limit = self.scores.mean(bicubic, PSNR).value + LEAST_ABOVE
        return [one for one in trained if self.scores.mean(one, PSNR).value < limit]

    def part_of_faces(self) -> list[str]:
        """Say of each metric that was not computed on all faces, on how many it was."""
        found = {metric.file: self.scores.judged(metric) for metric in self.metrics}
        return [
            f"`{file}` is of {count} of the {num_faces} faces"
            for file, (count, num_faces) in found.items()
            if count < num_faces
        ]

    def headlines(self) -> dict[str, dict[str, float]]:
        """Return the means of few, by their titles, so that DVC's tables fit a screen."""
        found = {}
        for subject in filter(self.scores.frames.__contains__, HEADLINES):
            means = self._means(subject).items()
            finite = {name: round(mean, 4) for name, mean in means if not math.isnan(mean)}
            found[HEADLINES[subject]] = finite
        return found

    def _means(self, subject: Subject) -> dict[str, float]:
        return {name: self.scores.mean(subject, metric).value for name, metric in MAIN.items()}


def gain_columns(gains: Sequence[Gain]) -> Table:
    """Return the columns of a table of gains in PSNR, with Holm's correction over its rows."""
    means, lows, highs, chances = ([gain.interval[i] for gain in gains] for i in range(4))
    corrected = _corrected(gains)
    verdicts = [gain.verdict(p) for gain, p in zip(gains, corrected, strict=True)]
    shown = [*map(_chance, corrected)]
    by_seed = [", ".join(map(signed, gain.by_seed)) or NOTHING for gain in gains]
    has_seeds = any(len(gain.by_seed) > 1 for gain in gains)
    return [
        Column("gain in PSNR, dB", [*map(signed, means)], {"psnr_gain_db": means}),
        Column("95 % interval", [*map(interval, gains)], {"low": lows, "high": highs}),
        Column("gain with each seed" if has_seeds else "", by_seed),
        Column("p, corrected", shown, {"p": chances, "p_corrected": corrected}),
        words("established?", verdicts),
    ]


def _corrected(gains: Iterable[Gain]) -> list[float]:
    """Return the p-values of a table's gains after Holm's correction.

    NaN, and no comparison, is that of a system with another that is the same on every face.
    """
    return holm([math.nan if gain.is_nothing else gain.interval.p_value for gain in gains])


def _chance(p_value: float) -> str:
    """Return a p-value with two digits, or with as many as show on which side of 0.05 it is."""
    if math.isnan(p_value):
        return NOTHING
    if p_value < LEAST_P:
        return f"< {LEAST_P}"
    shown = (f"{p_value:.{digits}g}" for digits in count(2))
    is_small = p_value < P_ESTABLISHED
    return next(text for text in shown if (float(text) < P_ESTABLISHED) is is_small)


def signed(value: float) -> str:
    """Return a difference of PSNR in dB, with its sign."""
    return PSNR.text(value, signed=True)


def interval(gain: Gain) -> str:
    """Return a gain's interval, a dash where nothing was compared."""
    low, high = map(signed, gain.interval[1:3])
    return f"{low} to {high}" if gain.by_seed else NOTHING


def _paper(facts: pd.DataFrame, rows: Sequence[str]) -> Iterator[Column]:
    """Yield the paper's columns; none where it has no such table."""
    for metric, heading in ((PSNR, "PSNR, dB"), (SSIM, "SSIM")) if len(facts) else ():
        key = metric.column.key
        values = [*facts[key].reindex([*rows])]
        cells = [*map(metric.text, values)]
        yield Column(f"{PAPER}: {heading}", cells, {f"paper.{key}": values})
