"""What the report is about, and from that: its rows, their titles and the runs behind them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from pkdn.reports import paper
from pkdn.runs import COMPLEXITY, PARSER, RunId
from pkdn.systems import (
    BICUBIC,
    FULL,
    PAPER_ORDER,
    PAPER_SIZE,
    PKDN,
    PKDN_NETWORK,
    VARIANTS,
    Subject,
    in_order,
    names,
    of_variant,
    system,
)

DATA_STAGES: Final = ("download", "align", "parse")
SAME_PHOTOS: Final = {"celebamask_hq": ("celeba", "celeba_dic")}
"""Data sets that are made from the photos of others."""


@dataclass(frozen=True)
class Plan:
    """What the parameters ask the report for.

    Attributes:
        profile: of the parameters.
        size: of the networks.
        datasets: their names.
        seeds: of the trainings.
        networks: trained by the one recipe; ``pkdn`` is PKDN's network without a teacher.
        authors_recipes: networks trained by their authors' recipes too.
        ablations: variants of PKDN that have a teacher of their own.
        loss_ablations: variants of PKDN that learn from the full teacher by another loss.
        parser_dataset: the labelled faces that the parser was trained on; None for a parser
            that was not trained here.
        authors: how far their recipes were changed: ``most_steps`` and ``largest_batch`` (0: not
            limited) and ``rate_factor``.
        metrics: those by trained models that are asked for.
        shown: further parameters to print, by name.
        mlflow_runs: MLflow's run for each fingerprint, as far as it has one.
        mlflow_pages: where a browser finds a run: an address that the run's id is put behind;
            empty where none is known.
    """

    profile: str
    size: str
    datasets: Sequence[str]
    seeds: Sequence[int]
    networks: Sequence[str]
    authors_recipes: Sequence[str]
    ablations: Sequence[str]
    loss_ablations: Sequence[str]
    parser_dataset: str | None
    authors: Mapping[str, float]
    shown: Mapping[str, object]
    metrics: Sequence[str] = ()
    mlflow_runs: Mapping[str, str] = field(default_factory=dict)
    mlflow_pages: str = ""

    @property
    def has_other_size(self) -> bool:
        """Whether its networks are of another size than the paper's."""
        return self.size != PAPER_SIZE

    @property
    def systems(self) -> list[str]:
        """The networks that PKDN is compared with, in the paper's order."""
        return in_order([name for name in self.networks if name != PKDN_NETWORK])

    @property
    def table_1(self) -> list[str]:
        """The rows of Table 1: all of the paper's systems, new ones, and PKDN at the end."""
        rows = in_order(list({*PAPER_ORDER, *self.networks} - {PKDN_NETWORK}))
        return [*rows, PKDN_NETWORK]

    @property
    def not_run(self) -> list[str]:
        """The rows of Table 1 that were not asked for."""
        return [name for name in self.table_1 if name not in (*self.networks, PKDN_NETWORK)]

    @property
    def beyond_paper(self) -> list[str]:
        """The rows of Table 1 that the paper's does not have, beside bicubic."""
        return [name for name in self.table_1 if name not in PAPER_ORDER]

    @property
    def without_recipe(self) -> list[str]:
        """Networks beside PKDN's that are trained, and whose authors' recipe is not known."""
        own = (PKDN_NETWORK, BICUBIC)
        return [n for n in self.networks if n not in own and not system(n).has_recipe]

    @property
    def authors_changes(self) -> list[str]:
        """How the authors' recipes were changed, in words."""
        factor, limit = self.authors["rate_factor"], self.authors["largest_batch"]
        changes = [f"rates are multiplied by {factor:g}"] if factor != 1 else []
        changes += [f"batches are cut to {limit:g} faces"] if limit else []
        most = self.authors["most_steps"]
        return changes + ([f"trainings are cut to {most:,} steps"] if most else [])

    @property
    def twin(self) -> str | None:
        """The variant of the loss that is PKDN itself by its parameters, if one is there."""
        over, fade = self.shown.get("distill_epochs"), self.shown.get("fade_epochs")
        name = "constant" if over == 0 else "fade" if over == fade else ""
        return name if name in self.variants else None

    @property
    def variants(self) -> list[str]:
        """The rows of Table 2: the variants of PKDN that are there, the paper's first."""
        asked = {*self.ablations, *self.loss_ablations}
        alone = PKDN_NETWORK in self.networks
        found = [v for v in VARIANTS if v in asked or (alone and VARIANTS[v].teacher is None)]
        return sorted(found, key=lambda variant: variant not in paper.VARIANTS)

    @property
    def teachers(self) -> list[str]:
        """The variants that have a teacher of their own, in their order."""
        return [name for name in VARIANTS if name in self.ablations]

    @property
    def others(self) -> list[Subject]:
        """The systems that PKDN is compared with, by the one recipe and by their authors'."""
        return [
            *(Subject("baseline", name) for name in self.systems),
            *(Subject("authors", name) for name in in_order(self.authors_recipes)),
        ]

    @property
    def subjects(self) -> list[Subject]:
        """Everything that is scored: the systems, PKDN's students, PKDN's teachers."""
        return [
            *self.others,
            *(of_variant(name) for name in self.variants),
            *(Subject("teacher", name) for name in self.teachers),
        ]

    @property
    def known_to_parser(self) -> list[str]:
        """The data sets of whose photos the parser has learnt from some."""
        name = self.parser_dataset or ""
        return [one for one in self.datasets if one in (name, *SAME_PHOTOS.get(name, ()))]

    def trainings(self) -> Iterator[tuple[Subject, RunId]]:
        """Yield every training of what is scored: by data set, subject and seed."""
        for dataset, subject, seed in product(self.datasets, self.subjects, self.seeds):
            yield subject, subject.run(dataset, seed)

    def runs(self) -> Iterator[RunId]:
        """Yield every run behind the report."""
        for stage, dataset in product(DATA_STAGES, self.datasets):
            yield RunId(stage, dataset)
        if self.parser_dataset is not None:
            yield from (RunId("labelled"), PARSER)
        for _, training in self.trainings():
            yield from (training, training.evaluation())
        for dataset, seed in product(self.datasets, self.seeds):
            yield RunId("model", dataset, FULL, seed)
        yield COMPLEXITY


def by_one_recipe(network: str) -> Subject:
    """Return the subject of a row of Table 1, trained by the one recipe."""
    return PKDN if network == PKDN_NETWORK else Subject("baseline", network)


def by_authors(network: str) -> Subject:
    """Return the subject of a row of Table 1, trained by its authors' recipe.

    Where no recipe of theirs is known, as for PKDN, it is the one recipe.
    """
    return Subject("authors", network) if system(network).has_recipe else by_one_recipe(network)


def title(subject: Subject) -> str:
    """Return what a row is called where students, teachers and systems stand together."""
    pkdn = system(PKDN_NETWORK).title
    students = {of_variant(name): name for name in VARIANTS}
    if subject == PKDN:
        return pkdn
    if subject in students:
        return f"{pkdn} student: {short_title(students[subject])}"
    if subject.stage == "teacher":
        return f"{pkdn} teacher: {short_title(subject.system)}"
    remark = ", authors' recipe" if subject.stage == "authors" else ""
    is_here = subject.system in names()  # others' results may have a network of their own
    return (system(subject.system).title if is_here else subject.system) + remark


def short_title(variant: str) -> str:
    """Return a variant's title without its remarks, as in a legend."""
    return VARIANTS[variant].title.split(" (")[0].removesuffix(": PKDN")
