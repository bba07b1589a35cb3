"""What ``repro`` shows while stages run: a live table on a terminal, lines elsewhere."""

import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pkdn.progress import SECONDS_BETWEEN_LINES, Reached

SECONDS_BETWEEN_LOOKS = 0.5
MOST_NAMED = 3
"""Stages that wait and are named; the others are counted."""
COLUMNS = ("done", "", "speed", "left", "since")


class Shown(Protocol):
    """A stage at work: a worker of this machine, or a job elsewhere."""

    @property
    def device(self) -> str:
        """Where it computes; empty: on the processor."""

    def reached(self) -> Reached | None:
        """How far it is; None where it has not said so."""

    def age(self) -> str:
        """For how long it has been at work, in words."""


class Board:
    """The running stages with step, loss, speed and time left, and what waits.

    Args:
        total: how many stages there are.
        console: where it is shown; by default standard output.
        shows: whether stages are shown; not where the only one shows itself.
    """

    def __init__(self, total: int, console: Console | None = None, *, shows: bool = True) -> None:
        self.total, self.num_ended, self.shows = total, 0, shows
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.is_drawn = self.console.is_terminal and not self.console.is_dumb_terminal
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self._shown = self._said = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, busy: Mapping[str, Shown], waiting: Collection[str]) -> None:
        """Show how far the stages are, where it is time to.

        Args:
            busy: what works, by its stage.
            waiting: the stages that have not started.
        """
        now = time.monotonic()
        if not self.shows:
            return
        if self.is_drawn:
            if now - self._shown > SECONDS_BETWEEN_LOOKS:
                self._shown = now
                self.live.update(self._table(busy, waiting), refresh=True)
        elif now - self._said > SECONDS_BETWEEN_LINES:
            self._said = now
            for stage, worker in busy.items():
                reached = worker.reached()
                self.say(reached.line() if reached else f"{stage}: {worker.age()} so far")

    def _table(self, busy: Mapping[str, Shown], waiting: Collection[str]) -> Table:
        caption = f"{self.num_ended} of {self.total} done{_named([*waiting])}"
        table = Table(box=None, caption=caption, caption_justify="left", pad_edge=False)
        has_places = any(worker.device for worker in busy.values())
        for column in ("stage", *(["where"] if has_places else []), *COLUMNS):
            table.add_column(column, no_wrap=True)
        for stage, worker in busy.items():
            place = [worker.device] if has_places else []
            table.add_row(stage, *place, *_cells(worker.reached()), worker.age())
        return table

    def __enter__(self) -> Self:
        """Begin."""
        if self.shows and self.is_drawn:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the table away."""
        self.live.stop()


def _cells(reached: Reached | None) -> tuple[str, str, str, str]:
    if reached is None:
        return "", "", "", ""
    done = f"{reached.done:,} of {reached.total:,}"
    return done, reached.words, reached.speed, reached.left


def _named(waiting: Sequence[str]) -> str:
    if not waiting:
        return ""
    more = f" and {len(waiting) - MOST_NAMED} more" if len(waiting) > MOST_NAMED else ""
    return f"; waiting: {', '.join(waiting[:MOST_NAMED])}{more}"
