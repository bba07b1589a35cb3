"""In which order stages run, and which beside which."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter

from pkdn.errors import UserError
from pkdn.pipeline.crew import Crew, last_error
from pkdn.pipeline.tasks import Outcome, Task

# Stages that measure time: nothing runs beside them.
ALONE = ("complexity",)
Stages = Mapping[str, set[str]]
"""The names of stages, each with those of them that it waits for."""


def outdated(crew: Crew) -> dict[str, set[str]]:
    """Return the stages that have to run, or may have to, with those of them each waits for.

    Raises:
        UserError: DVC cannot tell.
    """
    crew.begin(Task("", pulls=crew.pulls))
    while True:
        for task, outcome, _ in crew.outcomes():
            if outcome.is_done:
                found: dict[str, set[str]] = outcome.value
                return found
            _keep(task, outcome)
            raise UserError(f"{outcome.reason} (the whole text is in {task.log})")


def run_all(stages: Stages, crew: Crew, *, keep_going: bool = True) -> dict[str, str]:
    """Run stages, each when what it needs is done, as many at a time as the crew has workers.

    Args:
        stages: which.
        crew: who runs them.
        keep_going: whether what does not need a stage that failed is run nevertheless.

    Returns:
        Those that failed, with the reasons.
    """
    order = TopologicalSorter(stages)
    order.prepare()
    ready, failed, num_ended = list[str](), dict[str, str](), 0
    while True:
        ready = sorted([*ready, *order.get_ready()], key=list(stages).index)
        while not failed or keep_going:
            name = next_stage(ready, list(crew.busy), crew.jobs)
            if name is None:
                break
            ready.remove(name)
            print(f"{name}: started", flush=True)
            crew.begin(Task(name, shows_output=crew.jobs == 1, pulls=crew.pulls))
        if not crew.busy:
            return failed
        for task, outcome, seconds in crew.outcomes():
            num_ended += 1
            word = "done" if outcome.is_done else "FAILED"
            count = f"{num_ended} of {len(stages)}"
            print(f"{task.stage}: {word} after {seconds:.0f} s ({count})", flush=True)
            if outcome.is_done:
                order.done(task.stage)
            else:
                failed[task.stage] = _show(task, outcome)


def next_stage(ready: Sequence[str], running: Sequence[str], jobs: int) -> str | None:
    """Return the stage to start now, if any: those that need quiet only when nothing else runs."""
    if len(running) >= jobs or any(name in ALONE for name in running):
        return None
    usual = [name for name in ready if name not in ALONE]
    if usual:
        return usual[0]
    return ready[0] if ready and not running else None


def _show(task: Task, outcome: Outcome) -> str:
    """Print what a stage that failed has printed, unless it was seen, and return why it failed."""
    reason = last_error(task.log) or outcome.reason
    if not task.shows_output and task.log.exists():
        sys.stdout.write(task.log.read_text(encoding="utf-8", errors="replace"))
        sys.stdout.flush()
    _keep(task, outcome)
    return reason


def _keep(task: Task, outcome: Outcome) -> None:
    """Add DVC's traceback to the log, unless the disk is full."""
    with suppress(OSError), task.log.open("a", encoding="utf-8") as log:
        log.write(f"\n{outcome.detail}")
