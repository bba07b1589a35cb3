"""The types of the values in ``params.yaml``, each with what it has to be in words."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, Strict, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pkdn.runs import OTHERS

NAME = r"^[A-Za-z0-9_]+$"
LONGEST_NAME = 64
MOST_NAMES = 100
"""In one list; and seeds."""
MOST_STEPS = 10**9
Value = TypeVar("Value")


class Expect:
    """Says in words what a value has to be, where pydantic finds that it is not."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the type's own validation."""
        return self.told(handler(source))

    def told(self, schema: CoreSchema) -> CoreSchema:
        """Return a schema whose errors are these words."""

        def validate(value: object, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(value)
            except ValidationError:
                raise PydanticCustomError("expected", "{w}", {"w": self._told(value)}) from None

        return core_schema.no_info_wrap_validator_function(validate, schema)

    def _told(self, value: object) -> str:
        if not isinstance(value, str) or not _is_number(value):
            return self.words
        meant = float(value)
        if "a whole number" in self.words and meant.is_integer() and abs(meant) <= MOST_STEPS:
            meant = int(meant)
        elif "a number" not in self.words:
            return self.words
        return f"{self.words} (YAML reads {value} as text; write {meant!r})"


class Between(Expect):
    """Asks for a number that neither time nor memory make impossible, ends included."""

    def __init__(self, least: float, most: float) -> None:
        super().__init__(f"number from {least:,} to {most:,}")
        self.least, self.most = least, most

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Wrap the type's own validation, and that of the range."""
        if source is int:
            whole = core_schema.int_schema(strict=True, ge=int(self.least), le=int(self.most))
            return Expect(f"a whole {self.words}").told(whole)
        number = core_schema.float_schema(strict=True, ge=self.least, le=self.most)
        return Expect(f"a {self.words}").told(number)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return len(text) <= LONGEST_NAME


def _different(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(values)) != len(values):
        raise ValueError("some are there twice")
    return values


def _with_others(steps: dict[str, int]) -> dict[str, int]:
    if OTHERS not in steps:
        raise ValueError("nothing for the others")
    return steps


_LIST = f"a list of different names of letters, digits and _, at most {MOST_NAMES}, such as [helen]"
_LARGEST_SEED = 2**32 - 1
Steps = Annotated[int, Between(1, MOST_STEPS)]
PerhapsSteps = Annotated[int, Between(0, MOST_STEPS)]
_Word = Annotated[str, Field(pattern=NAME)]
_Some = Annotated[int, Field(ge=1, le=MOST_STEPS)]
_Perhaps = Annotated[int, Field(ge=0, le=MOST_STEPS)]
_FEW, _OTHERS = Field(max_length=MOST_NAMES), AfterValidator(_with_others)
_BY = f"{MOST_STEPS:,}, or such numbers by {{}}, one of them for {OTHERS}"
StepsByDataset = Annotated[
    _Some | Annotated[dict[_Word, _Some], _FEW, _OTHERS],
    Expect(f"a whole number from 1 to {_BY.format('data set')}"),
]
StepsByNetwork = Annotated[
    _Perhaps | Annotated[dict[_Word, _Perhaps], _FEW, _OTHERS],
    Expect(f"a whole number from 0 to {_BY.format('network')}"),
]
Epochs = Annotated[int, Between(1, 100_000)]
PerhapsEpochs = Annotated[int, Between(0, 100_000)]
Batch = Annotated[int, Between(1, 4096)]
PerhapsBatch = Annotated[int, Between(0, 4096)]
Threads = Annotated[int, Between(0, 256)]
Side = Annotated[int, Between(32, 1024)]
Seed = Annotated[int, Between(0, _LARGEST_SEED)]
TrainCount = Annotated[int, Between(1, 800_000)]
HeldOutCount = Annotated[int, Between(1, 100_000)]
# Beyond these nothing is learnt; single precision ends at 1e38.
Weight = Annotated[float, Between(0, 1_000_000)]
Rate = Annotated[float, Between(1e-12, 1_000)]
Flag = Annotated[bool, Expect("true or false")]
Name = Annotated[
    str,
    Field(pattern=NAME, max_length=LONGEST_NAME),
    Expect(f"a name of at most {LONGEST_NAME} letters, digits and _"),
]
Text = Annotated[
    str,
    Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Expect("a name or a path"),
]
_Names = Annotated[
    tuple[Name, ...], Strict(False), Field(max_length=MOST_NAMES), AfterValidator(_different)
]
Names = Annotated[_Names, Field(min_length=1), Expect(_LIST)]
PerhapsNames = Annotated[_Names, Expect(_LIST)]
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, le=_LARGEST_SEED)], ...],
    Strict(False),
    Field(min_length=1, max_length=MOST_NAMES),
    AfterValidator(_different),
    Expect(f"a list of different whole numbers from 0 to {_LARGEST_SEED:,}, such as [0, 1, 2]"),
]
Schedule = Annotated[
    Literal["constant", "one_cycle", "poly"], Expect("one of constant, one_cycle, poly")
]
Compile = Annotated[Literal["auto", "on", "off"], Expect("one of auto, on, off")]
Precision = Annotated[
    Literal["auto", "fp32", "tf32", "bf16"], Expect("one of auto, fp32, tf32, bf16")
]
