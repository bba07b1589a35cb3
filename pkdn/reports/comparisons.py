"""The tables of scores: Table 1, PKDN's gains, Table 2, the teachers, all protocols."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pkdn import metrics
from pkdn.reports import published, statistics
from pkdn.reports.figures import Point
from pkdn.reports.published import Published
from pkdn.reports.records import Absences, Plan, Results, subjects, to_float
from pkdn.reports.statistics import NO_GAIN, Gain, Metric
from pkdn.reports.systems import (
    BICUBIC,
    PKDN,
    PKDN_NETWORK,
    TEACHERS,
    VARIANTS,
    Subject,
    baseline,
    by_authors,
    colours,
    in_order,
    network_title,
    short_title,
    table_order,
    title,
)
from pkdn.reports.tables import NOTHING, Numbers, Table, bold_best, number

PAPER: Final = "paper (full training)"
GAIN_HEADER: Final = ("gain in PSNR, dB", "95 % interval", "gain with each seed", "established?")


ONE_RECIPE: Final = "one recipe"
AUTHORS_RECIPE: Final = "authors' recipe"


class Block(NamedTuple):
    """Neighbouring columns of a table of scores.

    Attributes:
        heading: What they have in common; may be empty.
        subjects: What each row scores in these columns.
        metrics: One column each.
    """

    heading: str
    subjects: Sequence[Subject]
    metrics: Sequence[Metric]


class Comparison:
    """The scores of one data set as tables.

    Args:
        results: Of :func:`pkdn.reports.records.read_results`.
        absences: Of :func:`pkdn.reports.records.read_absences`.
        plan: What the parameters ask for.
        dataset: The data set.
        network_titles: Titles by network.
    """

    def __init__(
        self,
        results: Results,
        absences: Absences,
        plan: Plan,
        dataset: str,
        network_titles: Mapping[str, str],
    ) -> None:
        self.results = results
        self.absences = absences
        self.plan = plan
        self.dataset = dataset
        self.network_titles = network_titles
        self.metrics = statistics.main_metrics(results)
        self.psnr = statistics.primary("psnr")
        self.ssim = statistics.primary("ssim")

    def table_1(self) -> tuple[Table, Numbers]:
        """Return the comparison of systems, with the paper's numbers where it has this data."""
        rows = table_order(self.plan.networks)
        names = [network_title(name, self.network_titles) for name in rows]
        blocks = [Block(ONE_RECIPE, [baseline(name) for name in rows], self.metrics)]
        if self.plan.authors_recipes:
            theirs = [by_authors(name) for name in rows]
            blocks.append(Block(AUTHORS_RECIPE, theirs, [self.psnr, self.ssim]))
        return self._scores("system", rows, names, blocks, "table_1")

    def table_2(self) -> tuple[Table, Numbers]:
        """Return the ablation: one student for each variant."""
        names = [variant.title for variant in VARIANTS.values()]
        blocks = [Block("", [Subject("student", name) for name in VARIANTS], self.metrics)]
        table, numbers = self._scores("student", list(VARIANTS), names, blocks, "table_2")
        changes = [variant.change for variant in VARIANTS.values()]
        header = [table.header[0], "what differs from full PKDN", *table.header[1:]]
        rows = [[row[0], change, *row[1:]] for row, change in zip(table.rows, changes, strict=True)]
        return Table(header, rows, left=2), numbers

    def teachers(self) -> tuple[Table, Numbers]:
        """Return the scores of the teachers, which see the HR face's parsing map."""
        names = [short_title(name) for name in TEACHERS]
        blocks = [Block("", [Subject("teacher", name) for name in TEACHERS], self.metrics)]
        return self._scores("teacher", TEACHERS, names, blocks, "")

    def _scores(
        self,
        heading: str,
        keys: Sequence[str],
        names: Sequence[str],
        blocks: Sequence[Block],
        published_table: str,
    ) -> tuple[Table, Numbers]:
        facts = _published(published_table, self.dataset)
        columns = [self._column(b.subjects, metric) for b in blocks for metric in b.metrics]
        here = f"here ({self.plan.profile} profile)" if facts else ""
        header = [heading]
        for block in blocks:
            before = ", ".join(part for part in (here, block.heading) if part)
            header += [f"{before}: {m.heading}" if before else m.heading for m in block.metrics]
        rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
        if facts:
            header += [f"{PAPER}: {key}" for key in ("PSNR, dB", "SSIM")]
            for key, row in zip(keys, rows, strict=True):
                row += _paper_cells(facts.get(key))
        return Table(header, rows), self._numbers(heading, keys, blocks, facts)

    def _column(self, subjects: Sequence[Subject], metric: Metric) -> list[str]:
        means = [statistics.mean(self.results, self.dataset, s, metric) for s in subjects]
        cells = [mean.cell(metric) for mean in means]
        if metric == self.psnr:
            cells = [
                self.absences.get((self.dataset, subject), cell)
                for subject, cell in zip(subjects, cells, strict=True)
            ]
        return bold_best(cells, [mean.value for mean in means], highest=metric.highest)

    def _numbers(
        self,
        heading: str,
        keys: Sequence[str],
        blocks: Sequence[Block],
        facts: Mapping[str, Published],
    ) -> Numbers:
        header = [heading]
        for block in blocks:
            before = f"{block.heading.replace(' ', '_')}." if block.heading else ""
            header.append(f"{before}seeds")
            for metric in block.metrics:
                name = before + metric.name
                header += [f"{name}.mean", f"{name}.std_over_seeds"]
        header += ["paper.psnr", "paper.ssim"] if facts else []
        rows = []
        for i, key in enumerate(keys):
            row: list[object] = [key]
            for block in blocks:
                subject = block.subjects[i]
                row.append(len(self.results.get((self.dataset, subject), {})))
                for metric in block.metrics:
                    mean = statistics.mean(self.results, self.dataset, subject, metric)
                    row += [mean.value, mean.spread]
            row += list(facts.get(key) or (None, None)) if facts else []
            rows.append(row)
        return Numbers(header, rows)

    def points(self, complexity: Sequence[Mapping[str, str]]) -> list[Point]:
        """Return PSNR and cost of every network trained by the one recipe."""
        palette = colours(self.plan.networks)
        found = []
        for row in complexity:
            name = row["network"]
            mean = statistics.mean(self.results, self.dataset, baseline(name), self.psnr)
            shown = row["role"] == "network" and row["profile"] == self.plan.profile
            if not shown or mean.value is None or name == BICUBIC:
                continue
            label = network_title(name, self.network_titles)
            cost = to_float(row["gmac"]), to_float(row["latency_ms_b1"])
            found.append(Point(label, palette[name], *cost, mean.value))
        return found

    def gain_over(self, other: Subject) -> Gain | None:
        """Return PKDN's gain in PSNR over another subject."""
        return statistics.gain(self.results, self.dataset, PKDN, other, self.psnr)

    def gains(self) -> tuple[Table, Numbers]:
        """Return PKDN's gain over each system that was run here, by either recipe."""
        others = [
            *(baseline(name) for name in in_order(self.plan.networks) if name != PKDN_NETWORK),
            *(Subject("authors", name) for name in in_order(self.plan.authors_recipes)),
        ]
        names = [title(other, self.network_titles) for other in others]
        keys = [f"{other.kind}.{other.name}" for other in others]
        found = [self.gain_over(other) for other in others]
        return self._gains("PKDN compared with", names, keys, found)

    def variant_gains(self) -> tuple[Table, Numbers]:
        """Return each variant's difference to the full system: negative where it is worse."""
        names = [name for name in VARIANTS if name != PKDN.name]
        found = [
            statistics.gain(self.results, self.dataset, Subject("student", name), PKDN, self.psnr)
            for name in names
        ]
        titles = [VARIANTS[name].title for name in names]
        return self._gains("compared with full PKDN", titles, names, found)

    def _gains(
        self,
        heading: str,
        names: Sequence[str],
        keys: Sequence[str],
        found: Sequence[Gain | None],
    ) -> tuple[Table, Numbers]:
        decimals = self.psnr.column.decimals
        rows = [
            [name, *(gain.cells(decimals) if gain else NO_GAIN)]
            for name, gain in zip(names, found, strict=True)
        ]
        one_seed = len(self.plan.seeds) == 1
        kept = [i for i in range(len(GAIN_HEADER) + 1) if not (one_seed and i == 3)]
        header = [heading, *GAIN_HEADER]
        table = Table([header[i] for i in kept], [[row[i] for i in kept] for row in rows])
        empty = (None, None, None)
        numbers = Numbers(
            ["compared_with", "psnr_gain_db", "low", "high"],
            [
                [key, *(gain.interval if gain else empty)]
                for key, gain in zip(keys, found, strict=True)
            ],
        )
        return table, numbers

    def protocols(self) -> tuple[Table, Numbers]:
        """Return every metric of everything that was scored; the table has means alone."""
        found = statistics.metrics_of(self.results)
        files = list(dict.fromkeys(metric.name.split(".")[0] for metric in found))
        of_file = {file: [m for m in found if m.name.startswith(f"{file}.")] for file in files}
        scored = subjects(self.plan)
        header = [
            "scored",
            *(f"`{file}`: {' / '.join(m.column.title for m in of_file[file])}" for file in files),
        ]
        rows = [
            [
                title(subject, self.network_titles),
                *(self._joined(subject, of_file[file]) for file in files),
            ]
            for subject in scored
        ]
        return Table(header, rows), self._long(scored, found)

    def _joined(self, subject: Subject, of_file: Sequence[Metric]) -> str:
        means = [statistics.mean(self.results, self.dataset, subject, m) for m in of_file]
        cells = [
            number(mean.value, m.column.decimals) for mean, m in zip(means, of_file, strict=True)
        ]
        return NOTHING if set(cells) == {NOTHING} else " / ".join(cells)

    def _long(self, scored: Sequence[Subject], found: Sequence[Metric]) -> Numbers:
        rows = []
        for subject in scored:
            for metric in found:
                mean = statistics.mean(self.results, self.dataset, subject, metric)
                rows.append([subject.kind, subject.name, metric.name, *mean])
        return Numbers(["kind", "name", "metric", "mean", "std_over_seeds", "seeds"], rows)


def _published(table: str, dataset: str) -> Mapping[str, Published]:
    tables = {"table_1": published.TABLE_1, "table_2": published.TABLE_2}
    return tables[table].get(dataset, {}) if table else {}


def _paper_cells(fact: Published | None) -> list[str]:
    if fact is None:
        return [NOTHING, NOTHING]
    decimals = {column.key: column.decimals for column in metrics.load(metrics.PRIMARY).COLUMNS}
    return [number(fact.psnr, decimals["psnr"]), number(fact.ssim, decimals["ssim"])]
