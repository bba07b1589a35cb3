"""Long work that says how far it is: a bar on a terminal, lines elsewhere, a note for others."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Item = TypeVar("Item")

NOTE_VARIABLE = "PKDN_PROGRESS"
"""The environment's variable that names the file into which a stage notes how far it is."""
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_NOTES = 1.0
DUMB = ("dumb", "unknown")
"""Terminals that cannot go back in a line, such as Emacs' shell, by Rich's list."""


class Reached(NamedTuple):
    """How far a piece of work is.

    Attributes:
        title: what it is.
        done: steps, faces or files that are done.
        total: how many there are.
        words: what else there is to say, such as the loss.
        per_second: its speed since it started here; 0 while that is unknown.
    """

    title: str
    done: int
    total: int
    words: str = ""
    per_second: float = 0.0

    @property
    def left(self) -> str:
        """The time that the rest takes at this speed; empty while that is unknown."""
        return duration((self.total - self.done) / self.per_second) if self.per_second else ""

    @property
    def speed(self) -> str:
        """The speed in words; empty while that is unknown."""
        if not self.per_second:
            return ""
        slow = self.per_second < 1
        return f"{1 / self.per_second:.1f} s each" if slow else f"{self.per_second:.1f} a second"

    def line(self) -> str:
        """Return it as one line of text."""
        left = f"{self.left} left" if self.left and self.done < self.total else ""
        parts = [f"{self.done:,} of {self.total:,}", self.words, self.speed, left]
        return f"{self.title}: {', '.join(filter(None, parts))}"


def noted(file: Path) -> Reached | None:
    """Return what a stage has noted; None where it has not yet."""
    with suppress(OSError, ValueError, TypeError):
        return Reached(**json.loads(file.read_text(encoding="utf-8")))
    return None


def duration(seconds: float) -> str:
    """Say how long that is: ``40 s``, ``12 min`` or ``3 h 05 min``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """One piece of long work, for the time of the context.

    Args:
        title: what it is.
        total: how many steps, faces or files there are.
        done: how many of them were done before.
        says_end: whether the end has its line where no terminal is, also when it comes soon.

    Attributes:
        words: what else there is to say; may be set at any time.
    """

    def __init__(self, title: str, total: int, *, done: int = 0, says_end: bool = True) -> None:
        self._says_end = says_end
        self.title, self.total, self.done, self.first, self.words = title, total, done, done, ""
        self._started = self._said = time.monotonic()
        self._noted = 0.0
        note = os.environ.get(NOTE_VARIABLE)
        self._note = Path(note) if note else None
        self._bar = self._new_bar() if _is_terminal() else None

    def advance(self, count: int = 1) -> None:
        """Say that so many more are done."""
        self.done += count
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self.done, words=self.words)
        elif now - self._said > SECONDS_BETWEEN_LINES:
            self._said, self._says_end = now, True
            print(self.reached().line(), flush=True)
        if self._note and now - self._noted > SECONDS_BETWEEN_NOTES:
            self._noted = now
            self._write(self._note)

    def reached(self) -> Reached:
        """Return how far it is now."""
        seconds = time.monotonic() - self._started
        speed = (self.done - self.first) / seconds if seconds > 0 else 0.0
        return Reached(self.title, self.done, self.total, self.words, speed)

    def _write(self, note: Path) -> None:
        """Note how far it is; where that cannot be written, nobody is told."""
        aside = note.with_name(f"{note.name}.tmp")
        with suppress(OSError):
            aside.write_text(json.dumps(self.reached()._asdict()), encoding="utf-8")
            aside.replace(note)

    def _new_bar(self) -> "Bar":
        from rich import progress

        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[words]}"),
            progress.TimeRemainingColumn(),
        )
        bar.add_task(self.title, total=self.total, completed=self.done, words="")
        return bar

    def __enter__(self) -> Self:
        """Begin."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say how far it came."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self.done, words=self.words)
            self._bar.stop()
        elif self._says_end:
            print(self.reached().line(), flush=True)


def _is_terminal() -> bool:
    """Return whether a bar can be drawn; asked before Rich is loaded, which takes a while."""
    can = sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in DUMB
    return can or os.environ.get("TTY_COMPATIBLE") == "1"


def track(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Yield the items, and say how many of them have been, where that takes a while."""
    with Progress(title, total, says_end=False) as progress:
        for item in items:
            yield item
            progress.advance()
