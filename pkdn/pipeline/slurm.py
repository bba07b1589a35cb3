"""``python -m pkdn repro --slurm``: every outdated stage is a job of SLURM.

What this process knows of jobs is in SLURM's queue, by their names, and in what they note when they
end: so it can be killed at any time, and whoever starts it again finds the jobs.
"""

import time
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from pkdn.errors import UserError
from pkdn.pipeline.board import Board
from pkdn.pipeline.cache import cache_folder
from pkdn.pipeline.cluster import Cluster, Options, Queued, check_tracking
from pkdn.pipeline.crew import Crew
from pkdn.pipeline.node import PLACE, Place, keep_files
from pkdn.pipeline.schedule import Stages, needing, run_one
from pkdn.pipeline.tasks import Task
from pkdn.progress import Reached, duration, noted

HERE = ("plan", "report")
"""Stages that run in this process's workspace: short, and of use to nobody else."""
SECONDS_BETWEEN_LOOKS = 3.0
SECONDS_AFTER_NONE = 60.0
"""After a question that SLURM has not answered."""
SECONDS_WITHOUT_ANSWER = 1_800.0
"""How long a queue that does not answer is asked again."""
MOST_STARTS = 3
"""Of a job that ended without a word, such as by a signal or with its node."""
SECONDS_OF_SILENCE = 90.0
"""How long the note of a job that has ended is waited for: on a disk of the network a name that was
missing is, by nfs(5), looked for again after up to 60 s."""
GONE = "gone from the queue"
NOTED = ("COMPLETED", "FAILED", GONE)
"""States of jobs that may have noted how they ended."""


class Job:
    """A running job, as the board shows it."""

    def __init__(self, stage: str, queued: Queued, place: Place, since: float) -> None:
        self.queued, self.since = queued, since
        self.file = place.clone(stage) / Task(stage).note
        self.device = queued.node

    def reached(self) -> Reached | None:
        """Return how far its stage is; None where it has not said so."""
        return noted(self.file)

    def age(self) -> str:
        """Say since when this process has seen it run."""
        return duration(time.monotonic() - self.since)


def run_on_slurm(stages: Stages, crew: Crew, options: Options) -> dict[str, str]:
    """Run stages as jobs, each when what it needs is done, and take what they made.

    Args:
        stages: which, with those of them that each waits for.
        crew: takes what was made, from DVC's cache, and runs what is in :data:`HERE`.
        options: of the user.

    Returns:
        Those that failed, with the reasons.
    """
    workspace = Path.cwd()
    check_tracking(workspace)
    cluster = Cluster(keep_files(workspace), options, cache_folder())
    cluster.end_old()
    return _Night(stages, crew, cluster).run()


class _Night:
    """One call of :func:`run_on_slurm`."""

    def __init__(self, stages: Stages, crew: Crew, cluster: Cluster) -> None:
        self.stages, self.crew, self.cluster, self.place = stages, crew, cluster, cluster.place
        self.order = [*TopologicalSorter(stages).static_order()]
        self.numbers = dict[str, str]()
        self.starts = dict.fromkeys(self.order, 0)
        self.seen, self.silent = dict[str, float](), dict[str, float]()
        self.failed = dict[str, str]()
        self.taken = set[str]()

    def run(self) -> dict[str, str]:
        with Board(len(self.order)) as board:
            self.board = board
            queue = self.cluster.queue()
            for stage in self.order:
                if stage not in HERE and not self._is_done(stage):
                    self._adopt_or_submit(stage, queue)
            silent_since: float | None = None
            while self.failed.keys() | self.taken < {*self.order}:
                try:
                    queue = self.cluster.queue()
                except UserError as error:  # a controller that is busy
                    silent_since = silent_since or time.monotonic()
                    if time.monotonic() - silent_since > SECONDS_WITHOUT_ANSWER:
                        raise
                    self.board.say(f"{error}: the jobs go on, and SLURM is asked again")
                    self._rest(SECONDS_AFTER_NONE)
                    continue
                silent_since = None
                self._look(queue)
                self._take()
                self._rest(SECONDS_BETWEEN_LOOKS)
        return self.failed

    def _is_done(self, stage: str) -> bool:
        ended = self.place.ended(stage)
        return bool(ended and ended.is_done)

    def _is_here_or_done(self, stage: str) -> bool:
        return stage in HERE or self._is_done(stage)

    def _adopt_or_submit(self, stage: str, queue: Mapping[str, Queued]) -> None:
        found = queue.get(self.cluster.name(stage))
        if found and found.is_alive:
            self.numbers[stage] = found.number
            self.board.say(f"{stage}: job {found.number} goes on ({found.state.lower()})")
        else:
            self._submit(stage)

    def _submit(self, stage: str) -> None:
        self.place.note(stage).unlink(missing_ok=True)
        needs = [one for one in self.stages[stage] if not self._is_here_or_done(one)]
        self.numbers[stage] = self.cluster.submit(stage, [self.numbers[one] for one in needs])
        self.starts[stage] += 1
        self.silent.pop(stage, None)
        self.board.say(f"{stage}: job {self.numbers[stage]} submitted")

    def _look(self, queue: Mapping[str, Queued]) -> None:
        """See which jobs have failed, and start again those that ended without a word."""
        running, going = dict[str, Job](), set[str]()
        for stage in self.order:
            if stage in self.failed or stage in self.taken or stage in HERE:
                continue
            job, ended = queue.get(self.cluster.name(stage)), self.place.ended(stage)
            broken = [one for one in self.stages[stage] if one in self.failed]
            if ended and not ended.is_done:
                self._fail(stage, ended.reason)
            elif broken:
                self._leave(stage)
            elif ended:
                continue
            elif job and job.is_alive:
                going.add(stage)
                self.silent.pop(stage, None)
                if job.state == "RUNNING":
                    since = self.seen.setdefault(stage, time.monotonic())
                    running[stage] = Job(stage, job, self.place, since)
            elif self.place.ended(stage) is None:  # it may have ended between the two looks
                self._again(stage, job.state if job else GONE, going)
        waiting = [s for s in self.order if s not in running | self.failed and s not in self.taken]
        self.board.show(running, waiting)

    def _again(self, stage: str, state: str, going: set[str]) -> None:
        """Start a job again, unless somebody cancelled it, and add it to those that go on.

        SLURM itself cancels what needs a job that ended badly. That waits for a new one then, and
        is no start that it has had; nor is one that SLURM took back for somebody else's job.
        """
        what = f"job {self.numbers.get(stage, '')} ended without a word ({state.lower()})"
        undone = [one for one in self.stages[stage] if not self._is_here_or_done(one)]
        if not all(one in going for one in undone) or self._may_speak(stage, state):
            return
        if state == "PREEMPTED" or (state == "CANCELLED" and undone):
            self.starts[stage] -= 1
        elif state == "CANCELLED" or self.starts[stage] >= MOST_STARTS:
            self._fail(stage, f"{what}; see {PLACE / 'jobs'}")
            return
        self.board.say(f"{stage}: {what}; once more")
        self._submit(stage)
        going.add(stage)

    def _may_speak(self, stage: str, state: str) -> bool:
        """Return whether a job's note may be there and not be seen yet."""
        now = time.monotonic()
        since = self.silent.setdefault(stage, now)
        return state in NOTED and now - since < SECONDS_OF_SILENCE

    def _fail(self, stage: str, reason: str) -> None:
        self.failed[stage] = reason
        self.board.num_ended += 1
        self.board.say(f"{stage}: FAILED: {reason}")

    def _leave(self, stage: str) -> None:
        """Give up a stage that needs one that failed; its job is cancelled by SLURM itself."""
        self.failed[stage] = "what it needs failed"
        self.board.num_ended += 1

    def _take(self) -> None:
        """Take from the cache what has ended, in order; run here what is to run here."""
        for stage in self.order:
            if stage in self.taken or stage in self.failed:
                continue
            if self.stages[stage] & self.failed.keys():
                if stage in HERE:
                    self._leave(stage)
                continue
            if self.stages[stage] <= self.taken and (stage in HERE or self._is_done(stage)):
                self._finish(stage)

    def _finish(self, stage: str) -> None:
        began = time.monotonic()
        if reason := run_one(stage, self.crew, HERE):
            self._forget(stage)
            self._fail(stage, reason)
            return
        self.taken.add(stage)
        self.board.num_ended += 1
        count = f"{self.board.num_ended} of {len(self.order)}"
        ended = self.place.ended(stage)
        where = f"on {ended.node}{f', GPU {ended.gpus}' if ended.gpus else ''}" if ended else "here"
        seconds = duration(time.monotonic() - began)
        self.board.say(f"{stage}: done {where}, taken in {seconds} ({count})")

    def _forget(self, stage: str) -> None:
        """Let the next call run a stage, and all that need it, whatever their notes say.

        What it made is not in the cache: somebody has emptied that, or data are others now.
        """
        for one in {stage} | needing({stage}, self.stages):
            self.place.note(one).unlink(missing_ok=True)

    def _rest(self, seconds: float) -> None:
        """Wait a little; a signal that asks to end is met here."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.failed.keys() | self.taken < {*self.order}:
            self.crew.check()
            time.sleep(0.1)
