"""The systems that are compared and PKDN's variants: names, titles, order, and what they learn by.

Free of torch. A network's own facts are constants in its file, read here without importing it.
"""

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pkdn.closure import found_by_name
from pkdn.errors import UserError
from pkdn.runs import RunId

NETWORKS: Final = Path(__file__).parent / "networks"
PKDN_NETWORK: Final = "pkdn"
BICUBIC: Final = "bicubic"
PAPER_SIZE: Final = "paper"
SIZES: Final = ("demo", "small", PAPER_SIZE)
"""The sizes that every network's file has."""
BY_DATASET: Final = ("steps", "augment")
"""What an authors' recipe states by data sets."""

PAPER_ORDER: Final = (
    BICUBIC,
    "urdgn",
    "fsrnet",
    "dic",
    "sisn",
    "sparnet",
    "kdfsrnet",
    PKDN_NETWORK,
)
"""The rows of the paper's Table 1. Bicubic has none there; it stands first, as in its Fig. 4."""


class System(NamedTuple):
    """What a network's file says of itself.

    Attributes:
        name: of the file.
        title: in the tables.
        input: what its first layer sees.
        has_teacher: whether it trains a teacher of its own first.
        has_recipe: whether it states its authors' recipe.
        size_tables: in its file: ``SIZES``, and where its teacher or its discriminator has sizes,
            theirs, each with the names of its sizes, such as ``demo``.
        recipe_datasets: the data sets that its authors' recipe names.
    """

    name: str
    title: str
    input: str
    has_teacher: bool
    has_recipe: bool
    size_tables: Mapping[str, tuple[str, ...]]
    recipe_datasets: tuple[str, ...]

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes that all of its tables have."""
        others = [*self.size_tables.values()]
        return tuple(s for s in self.size_tables["SIZES"] if all(s in names for names in others))


def names() -> list[str]:
    """Return the names of all networks, sorted."""
    return found_by_name([NETWORKS])


@cache
def system(name: str) -> System:
    """Read what a network's file says.

    Raises:
        UserError: there is no network of this name, or its file does not say what it has to.
    """
    if name not in names():
        raise UserError(f"no network is called {name!r}; there are {', '.join(names())}")
    tree = _parsed(NETWORKS / f"{name}.py", f"pkdn/networks/{name}.py")
    values = _values(tree)
    texts = []
    for constant in ("TITLE", "INPUT"):
        value = values.get(constant)
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            raise UserError(f'expected {constant} = "…" in pkdn/networks/{name}.py; add it')
        texts.append(value.value)
    for constant, example in (("NETWORK", "MyNet"), ("SIZES", '{"demo": {…}, "paper": {}}')):
        if constant not in values:
            raise UserError(f"expected {constant} = {example} in pkdn/networks/{name}.py; add it")
    if not isinstance(values["SIZES"], ast.Dict):
        raise UserError(
            f'expected SIZES = {{"demo": {{…}}, …}}, written so in pkdn/networks/{name}.py, where '
            "it is read without being run; got another expression: write it out"
        )
    said = {*values, *_imported(tree)}
    own_teacher = "TEACHER" in said and name != PKDN_NETWORK
    tables = {
        table: keys(dictionary)
        for table, dictionary in values.items()
        if table.endswith("SIZES") and isinstance(dictionary, ast.Dict)
    }
    recipe = values.get("RECIPE")
    stated = recipe.keywords if isinstance(recipe, ast.Call) else []
    named = [key for one in stated if one.arg in BY_DATASET for key in keys(one.value)]
    return System(name, texts[0], texts[1], own_teacher, "RECIPE" in said, tables, (*named,))


def keys(dictionary: ast.expr | None) -> tuple[str, ...]:
    """Return the keys of a dictionary that are written out."""
    found = dictionary.keys if isinstance(dictionary, ast.Dict) else []
    return tuple(str(key.value) for key in found if isinstance(key, ast.Constant))


def _parsed(file: Path, shown: str) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=file.name)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UserError(f"expected Python in {shown}, got: {error}") from None


def _values(tree: ast.Module) -> dict[str, ast.expr | None]:
    """Return what is assigned at the top of a file, by its names; None for a class."""
    found: dict[str, ast.expr | None] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = None
        elif isinstance(node, ast.Assign):
            found |= {t.id: node.value for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node.value
    return found


def top_values(file: Path, shown: str) -> dict[str, ast.expr | None]:
    """Return what a file of Python has at its top by its names, without running it.

    It is None for what no expression is assigned to: classes, functions and what is imported.

    Args:
        file: of Python.
        shown: how messages call it.

    Raises:
        UserError: it is no Python.
    """
    tree = _parsed(file, shown)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return dict.fromkeys(functions | _imported(tree)) | _values(tree)


def _imported(tree: ast.Module) -> set[str]:
    imports = (node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    return {alias.asname or alias.name for node in imports for alias in node.names}


def in_order(networks: Sequence[str]) -> list[str]:
    """Sort networks as the paper does; those that it does not know come last, by name."""
    known = [name for name in PAPER_ORDER if name in networks]
    return known + sorted(set(networks) - set(known))


class Term(NamedTuple):
    """A term of the student's loss (Eq. 2) that a teacher has a part in.

    Attributes:
        symbol: its weight, in tables.
        label: what it is, in figures.
        fades: whether that weight falls over `distill_epochs`; the others stop one epoch later.
    """

    symbol: str
    label: str
    fades: bool = False


TERMS: Final = MappingProxyType(
    {
        "lambda_ts": Term("λ_TS", "L_TS: to the teacher's image"),
        "lambda_fs": Term("λ_FS", "L_FS: to the teacher's features", fades=True),
    }
)
"""By the parameter that is the term's weight."""


def _without(weight: str) -> tuple[str, ...]:
    return tuple(name for name in TERMS if name != weight)


class Variant(NamedTuple):
    """One training of PKDN's student.

    Attributes:
        title: what it is called in tables.
        change: what differs from the full system, in words.
        teacher: the variant whose teacher it learns from: its own name where it has a teacher of
            its own; None where it learns alone.
        teacher_arguments: of the constructor of its own teacher.
        terms: of its loss, by their weights.
        fade: whether their weights fade out or stay; None for as ``distill_epochs`` says.
    """

    title: str
    change: str
    teacher: str | None
    teacher_arguments: Mapping[str, Any] = MappingProxyType({})
    terms: tuple[str, ...] = tuple(TERMS)
    fade: bool | None = None


FULL: Final = "full"

VARIANTS: Final = MappingProxyType(
    {
        "no_pfb_no_ffb": Variant(
            "no PFB, no FFB",
            "the teacher's PFBs are the student's RCAGs, so that it sees no map, and it has no FFB",
            "no_pfb_no_ffb",
            {"feature_fusion": False, "prior_fusion": False},
        ),
        "no_ffb": Variant(
            'PFB only (printed "without PFB")',
            "the teacher has no FFB",
            "no_ffb",
            {"feature_fusion": False},
        ),
        FULL: Variant("PFB and FFB: PKDN", "–", FULL),
        "onehot": Variant(
            "one-hot parsing map",
            "the teacher reads 19 one-hot channels instead of a colour map",
            "onehot",
            {"encoding": "onehot"},
        ),
        "no_lambda_ts": Variant(
            "no λ_TS",
            "the teacher's image is left out of the loss (λ_TS = 0)",
            FULL,
            terms=_without("lambda_ts"),
        ),
        "no_lambda_fs": Variant(
            "no λ_FS",
            "the teacher's features are left out of the loss (λ_FS = 0)",
            FULL,
            terms=_without("lambda_fs"),
        ),
        "constant": Variant(
            "constant λ",
            "the loss's weights stay as they are, as in Eq. 2",
            FULL,
            fade=False,
        ),
        "fade": Variant(
            "fading λ",
            "λ_FS falls to 0 over the first `fade_epochs`, λ_TS stops one epoch later, as in "
            "KDFSRNet's code",
            FULL,
            fade=True,
        ),
        "no_distillation": Variant(
            "no distillation", "the student learns alone, without a teacher", None, terms=()
        ),
    }
)
"""PKDN's ablation in the order of the paper's Table 2, then what the paper does not show."""


class Subject(NamedTuple):
    """Something that is trained and scored, for any data set and seed.

    Attributes:
        stage: the stage that trains it: ``teacher``, ``student``, ``baseline`` (by the one
            recipe) or ``authors`` (by its authors' recipe).
        system: its variant of PKDN, or its network.
    """

    stage: str
    system: str

    def run(self, dataset: str, seed: int) -> RunId:
        """Return the run that trains it."""
        return RunId(self.stage, dataset, self.system, seed)


PKDN: Final = Subject("student", FULL)
PKDN_TEACHER: Final = Subject("teacher", FULL)
ALONE: Final = Subject("baseline", PKDN_NETWORK)
"""PKDN's network trained alone, by the one recipe: the variant ``no_distillation``."""


def of_variant(name: str) -> Subject:
    """Return the student of a variant."""
    return ALONE if VARIANTS[name].teacher is None else Subject("student", name)
