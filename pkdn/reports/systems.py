"""The rows of the report: their names, their order and their colours."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pkdn.reports import published

PKDN_NETWORK: Final = "pkdn"
BICUBIC: Final = "bicubic"


class Variant(NamedTuple):
    """One training of PKDN's student.

    Attributes:
        title: What it is called in tables.
        change: What differs from the full system, in words.
        teacher: The variant whose teacher it is distilled from, or None.
        in_paper: Whether the paper's Table 2 has this row.
    """

    title: str
    change: str
    teacher: str | None
    in_paper: bool


VARIANTS: Final = {
    "no_pfb_no_ffb": Variant(
        "no PFB, no FFB",
        "the teacher's PFBs are the student's RCAGs, and it has no FFB",
        "no_pfb_no_ffb",
        True,
    ),
    "no_ffb": Variant('PFB only (printed "without PFB")', "the teacher has no FFB", "no_ffb", True),
    "full": Variant("PFB and FFB: PKDN", "–", "full", True),
    "onehot": Variant(
        "one-hot parsing map",
        "the teacher reads 19 one-hot channels instead of a colour map",
        "onehot",
        False,
    ),
    "no_lambda_ts": Variant(
        "no λ_TS", "the teacher's image is left out of the loss (λ_TS = 0)", "full", False
    ),
    "no_lambda_fs": Variant(
        "no λ_FS", "the teacher's features are left out of the loss (λ_FS = 0)", "full", False
    ),
    "no_distillation": Variant(
        "no distillation", "the student learns alone, without a teacher", None, False
    ),
}
"""PKDN's ablation in the order of the paper's Table 2, then what the paper does not show."""

TEACHERS: Final = tuple(name for name, variant in VARIANTS.items() if variant.teacher == name)

# Okabe and Ito's colours, which stay apart for colour-blind readers; black is kept for axes.
_VERMILLION, _BLUE, _GREEN, _PURPLE = "#D55E00", "#0072B2", "#009E73", "#CC79A7"
_ORANGE, _SKY, _GREY, _BROWN = "#E69F00", "#56B4E9", "#7F7F7F", "#8C6D31"

SYSTEM_COLOURS: Final = {
    PKDN_NETWORK: _VERMILLION,
    "kdfsrnet": _BLUE,
    "sparnet": _GREEN,
    "sisn": _PURPLE,
    "dic": _ORANGE,
    "fsrnet": _SKY,
    "urdgn": _BROWN,
    BICUBIC: _GREY,
}
_MORE_COLOURS: Final = ("#332288", "#117733", "#882255", "#44AA99")

VARIANT_COLOURS: Final = {
    "full": _VERMILLION,
    "no_ffb": _BLUE,
    "no_pfb_no_ffb": _GREEN,
    "onehot": _PURPLE,
    "no_lambda_ts": _ORANGE,
    "no_lambda_fs": _SKY,
    "no_distillation": _GREY,
}


class Subject(NamedTuple):
    """Something that was scored: a teacher, a student or a system it is compared with.

    Attributes:
        kind: The stage that trained it: ``teacher``, ``student``, ``baseline`` (by the one
            recipe) or ``authors`` (by its authors' recipe).
        name: Its variant of PKDN, or its network.
    """

    kind: str
    name: str

    def key(self, dataset: str, seed: int) -> str:
        """Return the name of its files for one data set and one seed."""
        return f"{dataset}-{self.name}-{seed}"


PKDN: Final = Subject("student", "full")
PKDN_TEACHER: Final = Subject("teacher", "full")


# PKDN's paper follows KDFSRNet's code, so the one recipe is theirs; bicubic is not trained.
WITHOUT_OWN_RECIPE: Final = (BICUBIC, "kdfsrnet", PKDN_NETWORK)


def baseline(network: str) -> Subject:
    """Return the subject of a row of Table 1, trained by the one recipe."""
    return PKDN if network == PKDN_NETWORK else Subject("baseline", network)


def by_authors(network: str) -> Subject:
    """Return the subject of a row of Table 1, trained by its authors' recipe."""
    return baseline(network) if network in WITHOUT_OWN_RECIPE else Subject("authors", network)


def all_subjects(networks: Sequence[str], authors: Sequence[str]) -> list[Subject]:
    """Return everything that is scored.

    Args:
        networks: The systems trained by the one recipe.
        authors: Those trained by their authors' recipes.

    Returns:
        The systems by either recipe, PKDN's students, PKDN's teachers.
    """
    return [
        *(Subject("baseline", name) for name in in_order(networks)),
        *(Subject("authors", name) for name in in_order(authors)),
        *(Subject("student", name) for name in VARIANTS),
        *(Subject("teacher", name) for name in TEACHERS),
    ]


def in_order(networks: Sequence[str]) -> list[str]:
    """Sort networks as the paper does; those that it does not know come last, by name."""
    known = [name for name in published.TITLES if name in networks]
    return known + sorted(set(networks) - set(known))


def table_order(networks: Sequence[str]) -> list[str]:
    """Return the rows of Table 1: all of the paper's systems, new ones, and PKDN at the end."""
    rows = in_order([*published.TITLES, *networks])
    return [name for name in rows if name != PKDN_NETWORK] + [PKDN_NETWORK]


def title(subject: Subject, network_titles: Mapping[str, str]) -> str:
    """Return what a row is called where students, teachers and baselines stand together."""
    if subject == PKDN:
        return "PKDN"
    if subject.kind == "baseline":
        return network_title(subject.name, network_titles)
    if subject.kind == "authors":
        return f"{network_title(subject.name, network_titles)}, authors' recipe"
    return f"PKDN {subject.kind}: {short_title(subject.name)}"


def short_title(variant: str) -> str:
    """Return a variant's title without its remarks, as in a legend."""
    return VARIANTS[variant].title.split(" (")[0].removesuffix(": PKDN")


def network_title(network: str, network_titles: Mapping[str, str]) -> str:
    """Return the title that the network's file gives, the paper's, or else its name."""
    return network_titles.get(network) or published.TITLES.get(network, network)


def colours(networks: Sequence[str]) -> dict[str, str]:
    """Return the colour of each system: the same in every figure of every report."""
    unknown = sorted(set(networks) - set(SYSTEM_COLOURS))
    new = {name: _MORE_COLOURS[i % len(_MORE_COLOURS)] for i, name in enumerate(unknown)}
    return {**SYSTEM_COLOURS, **new}
