"""``params.yaml`` as frozen, validated objects.

Every number comes from the file: nothing here has a default, so this module can refuse a run
but never change its result.
"""

from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from pkdn.errors import UserError

PROFILES = ("demo", "paper")
PARSERS = ("trained", "pretrained")
PRECISIONS = ("auto", "fp32", "bf16")
SCHEDULES = ("constant", "one_cycle", "poly")
PARSER_RECIPES = ("quick", "face_parsing")
FROM_PROFILE = "profile"


@dataclass(frozen=True)
class RecipeValues:
    """How networks are trained; :class:`pkdn.training.recipe.Recipe` says what the values mean.

    Attributes:
        epochs: passes over the training faces.
        batch_size: faces in one step.
        learning_rate: Adam's rate; the peak where the schedule is ``one_cycle``.
        schedule: ``constant``, ``one_cycle`` or ``poly``.
        max_steps: where training ends though epochs are left; 0 for no such limit.
        threads: processor threads; 0 for as many as PyTorch takes.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    max_steps: int
    threads: int


@dataclass(frozen=True)
class AuthorsLimits:
    """What the authors' own recipes bow to in a short training.

    Attributes:
        largest_batch: faces in one step at most; 0 for no limit.
        rate_factor: by which their learning rates are multiplied.
    """

    largest_batch: int
    rate_factor: float


@dataclass(frozen=True)
class SyntheticCounts:
    """How many faces are drawn for each split, and from which seed."""

    train: int
    val: int
    test: int
    seed: int


@dataclass(frozen=True)
class Params:
    """The parameters of a run, resolved for its profile; see the comments in ``params.yaml``."""

    profile: str
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    networks: tuple[str, ...]
    authors_recipes: tuple[str, ...]
    folder: str
    synthetic: SyntheticCounts
    parser: str
    parser_dataset: str
    parser_recipe: RecipeValues
    parser_input_size: int
    parser_recipe_name: str
    lambda_ts: float
    lambda_fs: float
    distill_epochs: int
    recipe: RecipeValues
    authors_limits: AuthorsLimits
    global_residual: bool
    precision: str


class _Section:
    """A mapping whose keys are taken one by one, with a type and a range; none may be left."""

    def __init__(self, values: Any, where: str, file: Path) -> None:
        self.where = where
        self.file = file
        if not isinstance(values, dict):
            raise self.error("", "a mapping of keys to values", values)
        self.values = dict(values)

    def error(self, key: str, expected: str, got: object) -> UserError:
        name = ".".join(part for part in (self.where, key) if part)
        subject = f"{self.file.name}: {name}" if name else self.file.name
        return UserError(f"{subject}: expected {expected}, got {got!r}")

    def take(self, key: str) -> Any:
        if key not in self.values:
            name = ".".join(part for part in (self.where, key) if part)
            close = get_close_matches(key, map(str, self.values), n=1)
            advice = f"mend the name of the unknown key {close[0]}" if close else "add it"
            raise UserError(f"{self.file.name}: the key {name} is missing; {advice}")
        return self.values.pop(key)

    def finish(self) -> None:
        if self.values:
            unknown = ", ".join(".".join(filter(None, (self.where, str(k)))) for k in self.values)
            raise UserError(f"{self.file.name}: unknown key {unknown}; remove it or mend its name")

    def section(self, key: str) -> "_Section":
        where = ".".join(part for part in (self.where, key) if part)
        return _Section(self.take(key), where, self.file)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.take(key)
        if value not in choices:
            raise self.error(key, "one of " + ", ".join(choices), value)
        return str(value)

    def whole(self, key: str, *, least: int) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f"a whole number of at least {least}", value)
        return value

    def number(self, key: str, *, positive: bool = False) -> float:
        value = self.take(key)
        expected = "a number above 0" if positive else "a number of at least 0"
        if isinstance(value, str) and _is_number(value):
            expected += f" (YAML reads {value} as text; write {float(value)!r})"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, expected, value)
        if not 0 <= value < float("inf") or (positive and value == 0):
            raise self.error(key, expected, value)
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.error(key, "true or false", value)
        return value

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise self.error(key, "a name or a path", value)
        return value

    def names(self, key: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
        expected = "a list of different names, such as [helen]"
        if may_be_empty and self.values.get(key) == []:
            return tuple(self.take(key))
        return self._list(key, str, expected)

    def seeds(self, key: str) -> tuple[int, ...]:
        seeds = self._list(key, int, "a list of different whole numbers, such as [0, 1, 2]")
        if any(seed < 0 for seed in seeds):
            raise self.error(key, "whole numbers of at least 0", list(seeds))
        return seeds

    def _list(self, key: str, kind: type, expected: str) -> tuple[Any, ...]:
        value = self.take(key)
        if (
            not isinstance(value, list)
            or not value
            or any(isinstance(item, bool) or not isinstance(item, kind) for item in value)
            or len(set(value)) != len(value)
        ):
            raise self.error(key, expected, value)
        return tuple(value)

    def or_profile(self, key: str, profile: "_Section") -> "_Section":
        """Return the section that decides ``key``: this one, or the profile where it says so."""
        if self.values.get(key) != FROM_PROFILE:
            profile.take(key)
            return self
        self.take(key)
        return profile


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _recipe(profile: _Section, own: _Section | None = None) -> RecipeValues:
    chosen = {
        key: own.or_profile(key, profile) if own else profile
        for key in ("epochs", "batch_size", "learning_rate")
    }
    return RecipeValues(
        epochs=chosen["epochs"].whole("epochs", least=1),
        batch_size=chosen["batch_size"].whole("batch_size", least=1),
        learning_rate=chosen["learning_rate"].number("learning_rate", positive=True),
        schedule=profile.choice("schedule", SCHEDULES),
        max_steps=profile.whole("max_steps", least=0),
        threads=profile.whole("threads", least=0),
    )


def parse(values: object, file: Path) -> Params:
    """Validate the parsed content of ``file``; a :class:`UserError` names the key at fault."""
    top = _Section(values, "", file)
    profile = top.choice("profile", PROFILES)
    all_profiles = top.section("profiles")
    sections = {name: all_profiles.section(name) for name in PROFILES}
    all_profiles.finish()
    training = sections[profile].section("training")
    parser = sections[profile].section("parser")
    authors = sections[profile].section("authors")
    sections[profile].finish()
    counts = top.section("synthetic")
    synthetic = SyntheticCounts(
        **{
            f.name: counts.whole(f.name, least=0 if f.name == "seed" else 1)
            for f in fields(SyntheticCounts)
        }
    )
    counts.finish()
    params = Params(
        profile=profile,
        datasets=top.names("datasets"),
        seeds=top.seeds("seeds"),
        networks=top.names("networks"),
        authors_recipes=top.names("authors_recipes", may_be_empty=True),
        folder=top.text("folder"),
        synthetic=synthetic,
        parser=top.choice("parser", PARSERS),
        parser_dataset=top.text("parser_dataset"),
        parser_recipe=_recipe(parser),
        parser_input_size=parser.whole("input_size", least=32),
        parser_recipe_name=parser.choice("recipe", PARSER_RECIPES),
        lambda_ts=top.or_profile("lambda_ts", training).number("lambda_ts"),
        lambda_fs=top.or_profile("lambda_fs", training).number("lambda_fs"),
        distill_epochs=top.or_profile("distill_epochs", training).whole("distill_epochs", least=0),
        recipe=_recipe(training, top),
        authors_limits=AuthorsLimits(
            largest_batch=authors.whole("largest_batch", least=0),
            rate_factor=authors.number("rate_factor", positive=True),
        ),
        global_residual=top.or_profile("global_residual", training).flag("global_residual"),
        precision=top.choice("precision", PRECISIONS),
    )
    for section in (training, parser, authors, top):
        section.finish()
    return params


def load(file: Path = Path("params.yaml")) -> Params:
    """Read and validate the parameters.

    Raises:
        UserError: the file is missing, is no YAML, or a key is unknown, missing, of a wrong
            type or out of range; the message names the key.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file} is missing; run this from the root of the repository") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file.name} is not valid YAML: {error}") from None
    return parse(values, file)
