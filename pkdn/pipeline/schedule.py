"""In which order stages run, and which beside which."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from graphlib import TopologicalSorter

from pkdn.errors import UserError
from pkdn.pipeline.board import Board
from pkdn.pipeline.crew import Crew, last_error
from pkdn.pipeline.devices import ALONE, COMPUTING, is_one_of
from pkdn.pipeline.tasks import Outcome, Task
from pkdn.progress import duration
from pkdn.runs import TRAININGS, planned

Stages = Mapping[str, set[str]]
"""The names of stages, each with those of them that it waits for."""


def outdated(crew: Crew) -> dict[str, set[str]]:
    """Return the stages that have to run, or may have to, with those of them each waits for.

    Raises:
        UserError: DVC cannot tell.
    """
    task = Task("", pulls=crew.pulls)
    outcome = _only(task, crew)
    if not outcome.is_done:
        _keep(task, outcome)
        raise UserError(f"{outcome.reason} (the whole text is in {task.log})")
    found: dict[str, set[str]] = outcome.value
    return found


def _only(task: Task, crew: Crew) -> Outcome:
    """Do a task, with nothing beside it, and return what came of it."""
    crew.begin(task)
    while True:
        for _, outcome, _ in crew.outcomes():
            return outcome


def run_all(stages: Stages, crew: Crew, *, keep_going: bool = True) -> dict[str, str]:
    """Run stages, each when what it needs is done, as many at a time as the crew has workers.

    Args:
        stages: which.
        crew: who runs them.
        keep_going: whether what does not need a stage that failed is run nevertheless.

    Returns:
        Those that failed, with the reasons.
    """
    order, names = TopologicalSorter(stages), list(stages)
    order.prepare()

    def place(name: str) -> tuple[bool, bool, int]:
        """Photos that are missing are missed at once, and not after hours of the parser's training.

        Where GPUs are what is short, what a training has made is looked at before the next.
        """
        may_wait = bool(crew.gpus) and not is_one_of(name, ("evaluate",))
        return not is_one_of(name, ("download",)), may_wait, names.index(name)

    ready, failed, waiting = list[str](), dict[str, str](), list(stages)
    with Board(len(stages), shows=crew.jobs > 1) as board:
        while True:
            ready = sorted([*ready, *order.get_ready()], key=place)
            while not failed or keep_going:
                may_compute = not crew.gpus or bool(crew.free_gpus)
                name = next_stage(ready, list(crew.busy), crew.jobs, may_compute=may_compute)
                if name is None:
                    break
                ready.remove(name)
                waiting.remove(name)
                task = Task(name, crew.jobs == 1, _device(name, crew), crew.pulls)
                board.say(f"{name}: started{f' on GPU {task.device}' if task.device else ''}")
                crew.begin(task)
            if not crew.busy:
                return failed
            board.show(crew.busy, waiting)
            for task, outcome, seconds in crew.outcomes():
                board.num_ended += 1
                word = "done" if outcome.is_done else "FAILED"
                count = f"{board.num_ended} of {len(stages)}"
                board.say(f"{task.stage}: {word} after {duration(seconds)} ({count})")
                if outcome.is_done:
                    order.done(task.stage)
                else:
                    failed[task.stage] = _show(task, outcome)


def after_twins(stages: Stages) -> dict[str, set[str]]:
    """Let a training wait for an earlier one that computes the same, and whose result it takes.

    Else it would wait in its place, and on a cluster hold a GPU.
    """
    found, first = {name: {*needs} for name, needs in stages.items()}, dict[str, str]()
    for name in found:
        group, _, key = name.partition("@")
        stage = group.partition("_")[0]
        if stage in TRAININGS:
            with suppress(UserError):  # the stage itself says that it has no plan
                asked = planned(stage, key)
                same = asked._replace(id=replace(asked.id, system="")).text()
                if first.setdefault(same, name) != name:
                    found[name].add(first[same])
    return found


def needing(names: set[str], stages: Stages) -> set[str]:
    """Return the stages that need one of some, or need one that does…"""
    found = set(names)
    for _ in stages:
        found |= {name for name, needs in stages.items() if needs & found}
    return found - names


def run_one(stage: str, crew: Crew, may_run: Sequence[str]) -> str:
    """Take one stage from DVC's cache, or run it if it is among some; return why it failed."""
    task = Task(stage, pulls=crew.pulls, may_run=" ".join(may_run))
    outcome = _only(task, crew)
    return "" if outcome.is_done else _show(task, outcome)


def _device(name: str, crew: Crew) -> str | None:
    """Return the GPU that a stage gets: one that is free, or none; None where there are none."""
    if not crew.gpus:
        return None
    return crew.free_gpus[0] if is_one_of(name, (*COMPUTING, *ALONE)) else ""


def next_stage(
    ready: Sequence[str], running: Sequence[str], jobs: int, *, may_compute: bool = True
) -> str | None:
    """Return the stage to start now, if any: those that need quiet only when nothing else runs.

    Args:
        ready: stages whose needs are done.
        running: those that run.
        jobs: the most that may run.
        may_compute: whether a stage that computes with networks may start.
    """
    if len(running) >= jobs or any(is_one_of(name, ALONE) for name in running):
        return None
    alone = [name for name in ready if is_one_of(name, ALONE)]
    usual = [name for name in ready if name not in alone]
    usual = [name for name in usual if may_compute or not is_one_of(name, COMPUTING)]
    if usual:
        return usual[0]
    return alone[0] if alone and not running else None


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
