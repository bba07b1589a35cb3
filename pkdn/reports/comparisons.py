"""The tables of scores: Table 1, PKDN's gains, Table 2, the teachers, all protocols."""

from collections.abc import Mapping, Sequence
from typing import Final

from pkdn import metrics
from pkdn.reports import published, statistics
from pkdn.reports.published import Published
from pkdn.reports.records import Plan, Results
from pkdn.reports.statistics import NO_GAIN, Gain, Metric
from pkdn.reports.systems import (
    PKDN,
    PKDN_NETWORK,
    TEACHERS,
    VARIANTS,
    Subject,
    all_subjects,
    baseline,
    in_order,
    network_title,
    short_title,
    table_order,
    title,
)
from pkdn.reports.tables import NOTHING, Numbers, Table, bold_best, number

PAPER: Final = "paper (full training)"
GAIN_HEADER: Final = ("gain in PSNR, dB", "95 % interval", "gain with each seed", "established?")


class Comparison:
    """The scores of one data set as tables.

    Args:
        results: Of :func:`pkdn.reports.records.read_results`.
        plan: What the parameters ask for.
        dataset: The data set.
        network_titles: Titles by network.
    """

    def __init__(
        self, results: Results, plan: Plan, dataset: str, network_titles: Mapping[str, str]
    ) -> None:
        self.results = results
        self.plan = plan
        self.dataset = dataset
        self.network_titles = network_titles
        self.metrics = statistics.main_metrics(results)
        self.psnr = statistics.primary("psnr")

    def table_1(self) -> tuple[Table, Numbers]:
        """Return the comparison of systems, with the paper's numbers where it has this data."""
        rows = table_order(self.plan.networks)
        names = [network_title(name, self.network_titles) for name in rows]
        return self._scores("system", rows, names, [baseline(name) for name in rows], "table_1")

    def table_2(self) -> tuple[Table, Numbers]:
        """Return the ablation: one student for each variant."""
        names = [variant.title for variant in VARIANTS.values()]
        subjects = [Subject("student", name) for name in VARIANTS]
        table, numbers = self._scores("student", list(VARIANTS), names, subjects, "table_2")
        changes = [variant.change for variant in VARIANTS.values()]
        header = [table.header[0], "what differs from full PKDN", *table.header[1:]]
        rows = [[row[0], change, *row[1:]] for row, change in zip(table.rows, changes, strict=True)]
        return Table(header, rows, left=2), numbers

    def teachers(self) -> tuple[Table, Numbers]:
        """Return the scores of the teachers, which see the HR face's parsing map."""
        names = [short_title(name) for name in TEACHERS]
        subjects = [Subject("teacher", name) for name in TEACHERS]
        return self._scores("teacher", TEACHERS, names, subjects, "")

    def _scores(
        self,
        heading: str,
        keys: Sequence[str],
        names: Sequence[str],
        subjects: Sequence[Subject],
        published_table: str,
    ) -> tuple[Table, Numbers]:
        facts = _published(published_table, self.dataset)
        columns = [self._column(subjects, metric) for metric in self.metrics]
        here = f"here ({self.plan.profile} profile): " if facts else ""
        header = [heading, *(here + m.heading for m in self.metrics)]
        rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
        if facts:
            header += [f"{PAPER}: {key}" for key in ("PSNR, dB", "SSIM")]
            for key, row in zip(keys, rows, strict=True):
                row += _paper_cells(facts.get(key))
        return Table(header, rows), self._numbers(heading, keys, subjects, facts)

    def _column(self, subjects: Sequence[Subject], metric: Metric) -> list[str]:
        means = [statistics.mean(self.results, self.dataset, s, metric) for s in subjects]
        cells = [mean.cell(metric) for mean in means]
        return bold_best(cells, [mean.value for mean in means], highest=metric.highest)

    def _numbers(
        self,
        heading: str,
        keys: Sequence[str],
        subjects: Sequence[Subject],
        facts: Mapping[str, Published],
    ) -> Numbers:
        header = [heading, "seeds"]
        for metric in self.metrics:
            header += [f"{metric.name}.mean", f"{metric.name}.std_over_seeds"]
        header += ["paper.psnr", "paper.ssim"] if facts else []
        rows = []
        for key, subject in zip(keys, subjects, strict=True):
            means = [statistics.mean(self.results, self.dataset, subject, m) for m in self.metrics]
            row: list[object] = [key, len(self.results.get((self.dataset, subject), {}))]
            row += [number for mean in means for number in (mean.value, mean.spread)]
            row += list(facts.get(key) or (None, None)) if facts else []
            rows.append(row)
        return Numbers(header, rows)

    def gain_over(self, other: Subject) -> Gain | None:
        """Return PKDN's gain in PSNR over another subject."""
        return statistics.gain(self.results, self.dataset, PKDN, other, self.psnr)

    def gains(self) -> tuple[Table, Numbers]:
        """Return PKDN's gain over each system that was run here."""
        networks = [name for name in in_order(self.plan.networks) if name != PKDN_NETWORK]
        others = [Subject("baseline", name) for name in networks]
        names = [network_title(name, self.network_titles) for name in networks]
        found = [self.gain_over(other) for other in others]
        return self._gains("PKDN compared with", names, networks, found)

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
        subjects = all_subjects(self.plan.networks)
        header = [
            "scored",
            *(f"`{file}`: {' / '.join(m.column.title for m in of_file[file])}" for file in files),
        ]
        rows = [
            [
                title(subject, self.network_titles),
                *(self._joined(subject, of_file[file]) for file in files),
            ]
            for subject in subjects
        ]
        return Table(header, rows), self._long(subjects, found)

    def _joined(self, subject: Subject, of_file: Sequence[Metric]) -> str:
        means = [statistics.mean(self.results, self.dataset, subject, m) for m in of_file]
        cells = [
            number(mean.value, m.column.decimals) for mean, m in zip(means, of_file, strict=True)
        ]
        return NOTHING if set(cells) == {NOTHING} else " / ".join(cells)

    def _long(self, subjects: Sequence[Subject], found: Sequence[Metric]) -> Numbers:
        rows = []
        for subject in subjects:
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
