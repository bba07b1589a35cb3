"""What a check has found."""

from collections.abc import Callable
from typing import NamedTuple, Self

from pkdn.errors import UserError
from pkdn.files import BrokenFileError


class Finding(NamedTuple):
    """One thing that is right, or that is wrong.

    Attributes:
        what: was found, in one line.
        advice: what to do about it; empty where all is right.
        mend: does it, where that loses nothing.
    """

    what: str
    advice: str = ""
    mend: Callable[[], object] | None = None

    @classmethod
    def of(cls, error: UserError) -> Self:
        """Take what was found and what to do from an error's line."""
        if isinstance(error, BrokenFileError):
            return cls(error.found, error.advice)
        what, _, advice = str(error).rpartition(": ")
        return cls(what, advice)
