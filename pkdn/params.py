"""``params.yaml`` as frozen, validated objects.

Every number comes from the file, whose comments say what it means: nothing here has a default,
so this module can refuse a run but never change its result.
"""

import reprlib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from pkdn.errors import UserError
from pkdn.files import open_regular, reading
from pkdn.runs import value_of
from pkdn.values import (
    Batch,
    Compile,
    Epochs,
    Expect,
    Flag,
    HeldOutCount,
    Name,
    Names,
    PerhapsBatch,
    PerhapsEpochs,
    PerhapsNames,
    PerhapsSteps,
    Precision,
    Rate,
    Schedule,
    Seed,
    Seeds,
    Side,
    Steps,
    StepsByDataset,
    StepsByNetwork,
    Text,
    Threads,
    TrainCount,
    Weight,
)

DEEPEST = 20
"""Lists and sections within each other; there are four."""
FROM_PROFILE = "profile"
LARGEST_BYTES = 1 << 20
"""Of params.yaml: a thousand profiles fit."""

FromProfile = Literal["profile"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _number_of(steps: int | dict[str, int], name: str) -> int:
    """Return the one number, or that of a name."""
    return steps if isinstance(steps, int) else value_of(steps, name)


class Distillation(_Section):
    """How a student learns from its teacher (Eq. 2)."""

    lambda_ts: Weight
    lambda_fs: Weight
    distill_epochs: PerhapsEpochs


class RecipeValues(_Section):
    """How networks are trained; :class:`pkdn.training.recipe.Recipe` says what the values mean."""

    steps: StepsByDataset
    batch_size: Batch
    learning_rate: Rate
    schedule: Schedule
    keep: Annotated[Literal["best", "last"], Expect("one of best, last")]
    augment: Annotated[Literal["none", "mirror", "affine"], Expect("one of none, mirror, affine")]
    threads: Threads


class Training(RecipeValues, Distillation):
    """The one recipe of all systems, and how students learn from their teachers."""

    fade_epochs: Epochs
    global_residual: Flag

    def num_steps(self, dataset: str) -> int:
        """Return the length of a training on a data set."""
        return _number_of(self.steps, dataset)


class ParserValues(_Section):
    """How the parser is trained, on faces of ``input_size`` pixels a side."""

    steps: Steps
    batch_size: Batch
    learning_rate: Rate
    schedule: Schedule
    threads: Threads
    input_size: Side
    recipe: Annotated[Literal["quick", "face_parsing"], Expect("one of quick, face_parsing")]


class AuthorsLimits(_Section):
    """What changes in the authors' own recipes in a short training."""

    most_steps: PerhapsSteps
    largest_batch: PerhapsBatch
    rate_factor: Rate


class Profile(_Section):
    """A size of networks and the recipes that suit it."""

    size: Name
    training: Training
    parser: ParserValues
    authors: AuthorsLimits


class SyntheticCounts(_Section):
    """How many faces are drawn for each split, and from which seed."""

    train: TrainCount
    val: HeldOutCount
    test: HeldOutCount
    seed: Seed


class Params(_Section):
    """The parameters of a run; see the comments in ``params.yaml``."""

    profile: Name
    datasets: Names
    seeds: Seeds
    networks: Names
    authors_recipes: PerhapsNames
    ablations: Names
    loss_ablations: PerhapsNames
    metrics: PerhapsNames
    folder: Text
    landmarks: Annotated[Literal["given", "detected"], Expect("one of given, detected")]
    synthetic: SyntheticCounts
    parser: Annotated[Literal["trained", "pretrained"], Expect("one of trained, pretrained")]
    parser_dataset: Name
    lambda_ts: Weight | FromProfile
    lambda_fs: Weight | FromProfile
    distill_epochs: PerhapsEpochs | FromProfile
    steps: Steps | FromProfile
    batch_size: Batch | FromProfile
    learning_rate: Rate | FromProfile
    global_residual: Flag | FromProfile
    precision: Precision
    compile: Compile
    skip_bad_steps: StepsByNetwork
    profiles: dict[StrictStr, Profile]

    def may_skip(self, network: str) -> int:
        """Return how many steps of a network's training, or of the parser's, may be left out."""
        return _number_of(self.skip_bad_steps, network)

    @property
    def chosen(self) -> Profile:
        """The chosen profile, as the file has it."""
        return self.profiles[self.profile]

    @property
    def training(self) -> Training:
        """The chosen profile's training, with the values that stand in its place at the top."""
        own = {name: getattr(self, name) for name in Training.model_fields if hasattr(self, name)}
        changed = {name: value for name, value in own.items() if value != FROM_PROFILE}
        return self.chosen.training.model_copy(update=changed)


def parse(values: object, file: Path) -> Params:
    """Validate the parsed content of ``file``; a :class:`UserError` names the key at fault."""
    if not isinstance(values, dict):
        raise UserError(f"{file.name}: expected a mapping of keys to values, got {_shown(values)}")
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{file.name}: {_told(error.errors())}") from None
    if params.profile not in params.profiles:
        known = ", ".join(params.profiles)
        raise UserError(f"{file.name}: profile: expected one of {known}, got {params.profile!r}")
    return params


def _told(errors: list[ErrorDetails]) -> str:
    """Return one error in words: first what is missing, then what is wrong or unknown."""
    kinds = ("missing", "expected", "extra_forbidden")
    first = min(
        errors, key=lambda error: kinds.index(error["type"]) if error["type"] in kinds else 1
    )
    name = ".".join(str(part) for part in first["loc"] if part not in _NOT_KEYS)
    if first["type"] == "missing":
        unknown = [str(e["loc"][-1]) for e in errors if e["type"] == "extra_forbidden"]
        close = get_close_matches(str(first["loc"][-1]), unknown, n=1)
        advice = f"mend the name of the unknown key {close[0]}" if close else "add it"
        return f"the key {name} is missing; {advice}"
    if first["type"] == "extra_forbidden":
        return f"unknown key {name}; remove it or mend its name"
    words = first["msg"] if first["type"] == "expected" else "a mapping of keys to values"
    return f"{name}: expected {words}, got {_shown(first['input'])}"


def _shown(value: object) -> str:
    """Return a value in Python's words, cut where it is long: aliases may unfold without end."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a number that is too large"


_NOT_KEYS = ("literal['profile']", "function-wrap[validate()]")


def load(file: Path = Path("params.yaml")) -> Params:
    """Read and validate the parameters.

    Raises:
        UserError: the file is missing, is no YAML, or a key is unknown, missing, of a wrong
            type or out of range; the message names the key.
    """
    if not file.is_file():
        raise UserError(f"{file} is missing; run this from the root of the repository")
    with reading(file, "mend it, or take it from git: `git checkout {path}`"):
        with open_regular(file) as stream:
            data = stream.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ValueError(f"more than {LARGEST_BYTES:,} bytes")
        try:
            values = as_dvc_reads(data.decode("utf-8"))
        except YAMLError as error:
            reason = str(error).partition("To suppress")[0].strip()
            raise UserError(f"{file.name} is not valid YAML: {reason}") from None
    return parse(values, file)


def as_dvc_reads(text: str) -> object:
    """Read YAML 1.2, where ``on`` is a word.

    The parser crashes where lists nest in thousands, so they may not.

    Raises:
        YAMLError: it is none, or nests too deep.
    """
    depth = 0
    for event in YAML(typ="safe").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise YAMLError(f"more than {DEEPEST} lists or sections within each other")
    return YAML(typ="safe").load(text)
