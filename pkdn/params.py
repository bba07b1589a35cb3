"""``params.yaml`` as frozen, validated objects.

Every number comes from the file, whose comments say what it means: nothing here has a default,
so this module can refuse a run but never change its result.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StrictStr,
    ValidationError,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from pkdn.errors import UserError

FROM_PROFILE = "profile"
NAME = r"^[A-Za-z0-9_]+$"
Value = TypeVar("Value")


class Expect:
    """Says in words what a value has to be, where pydantic finds that it is not."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the type's own validation."""

        def validate(value: object, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(value)
            except ValidationError:
                raise PydanticCustomError("expected", "{w}", {"w": self._told(value)}) from None

        return core_schema.no_info_wrap_validator_function(validate, handler(source))

    def _told(self, value: object) -> str:
        if isinstance(value, str) and "number" in self.words and _is_number(value):
            return f"{self.words} (YAML reads {value} as text; write {float(value)!r})"
        return self.words


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _different(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(values)) != len(values):
        raise ValueError("some are there twice")
    return values


_LIST = "a list of different names of letters, digits and _, such as [helen]"
Whole = Annotated[int, Field(ge=0), Expect("a whole number of at least 0")]
Count = Annotated[int, Field(ge=1), Expect("a whole number of at least 1")]
Number = Annotated[float, Field(ge=0), Expect("a number of at least 0")]
Positive = Annotated[float, Field(gt=0), Expect("a number above 0")]
Flag = Annotated[bool, Expect("true or false")]
Name = Annotated[str, Field(pattern=NAME), Expect("a name of letters, digits and _")]
Text = Annotated[str, Field(min_length=1), Expect("a name or a path")]
_Names = Annotated[tuple[Name, ...], Strict(False), AfterValidator(_different)]
Names = Annotated[_Names, Field(min_length=1), Expect(_LIST)]
PerhapsNames = Annotated[_Names, Expect(_LIST)]
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    Strict(False),
    Field(min_length=1),
    AfterValidator(_different),
    Expect("a list of different whole numbers of at least 0, such as [0, 1, 2]"),
]
Schedule = Annotated[
    Literal["constant", "one_cycle", "poly"], Expect("one of constant, one_cycle, poly")
]
Precision = Annotated[Literal["auto", "fp32", "bf16"], Expect("one of auto, fp32, bf16")]
FromProfile = Literal["profile"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Distillation(_Section):
    """How a student learns from its teacher (Eq. 2)."""

    lambda_ts: Number
    lambda_fs: Number
    distill_epochs: Whole


class RecipeValues(_Section):
    """How networks are trained; :class:`pkdn.training.recipe.Recipe` says what the values mean."""

    epochs: Count
    batch_size: Count
    learning_rate: Positive
    schedule: Schedule
    max_steps: Whole
    threads: Whole


class Training(RecipeValues, Distillation):
    """The one recipe of all systems, and how PKDN's students learn from their teachers."""

    global_residual: Flag


class ParserValues(RecipeValues):
    """How the parser is trained, on faces of ``input_size`` pixels a side."""

    input_size: Annotated[int, Field(ge=32), Expect("a whole number of at least 32")]
    recipe: Annotated[Literal["quick", "face_parsing"], Expect("one of quick, face_parsing")]


class AuthorsLimits(_Section):
    """What changes in the authors' own recipes in a short training."""

    largest_batch: Whole
    rate_factor: Positive


class Profile(_Section):
    """A size of networks and the recipes that suit it."""

    size: Name
    training: Training
    own_teacher: Distillation
    parser: ParserValues
    authors: AuthorsLimits


class SyntheticCounts(_Section):
    """How many faces are drawn for each split, and from which seed."""

    train: Count
    val: Count
    test: Count
    seed: Whole


class Params(_Section):
    """The parameters of a run; see the comments in ``params.yaml``."""

    profile: Name
    datasets: Names
    seeds: Seeds
    networks: Names
    authors_recipes: PerhapsNames
    ablations: Names
    loss_ablations: PerhapsNames
    folder: Text
    synthetic: SyntheticCounts
    parser: Annotated[Literal["trained", "pretrained"], Expect("one of trained, pretrained")]
    parser_dataset: Name
    lambda_ts: Number | FromProfile
    lambda_fs: Number | FromProfile
    distill_epochs: Whole | FromProfile
    epochs: Count | FromProfile
    batch_size: Count | FromProfile
    learning_rate: Positive | FromProfile
    global_residual: Flag | FromProfile
    precision: Precision
    skip_bad_steps: Whole
    profiles: dict[StrictStr, Profile]

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
        raise UserError(f"{file.name}: expected a mapping of keys to values, got {values!r}")
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
    return f"{name}: expected {words}, got {first['input']!r}"


_NOT_KEYS = ("literal['profile']", "function-wrap[validate()]")


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
