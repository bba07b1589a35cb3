"""Random kills of a stage, of DVC, and of ``python -m pkdn repro``, and what comes after them."""

import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from faults.laboratory import STUDENT, TEACHER, TWO_PHASES, Laboratory
from faults.results import TRACEBACK, complaints
from faults.workplace import Program, Trial

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MOST_KILLS = 4
"""In one trial, one after the other."""
SECONDS_TO_LEAVE = 10.0
BAR = re.compile(r"^(\S+@\S+(?: teacher)?) [━╸╺ ]+(\d+)/\d+", re.M)
CONTINUED = re.compile(r"continuing at step (\d+)")
TAKEN = re.compile(r"^(\S+@\S+(?: teacher)?): taking what", re.M)
# A kill comes at any time, or right after one of these appears.
MOMENTS = (
    "",
    ".pkdn/training/*/.state.pt.*.tmp",
    ".pkdn/training/*/.result.pt.*.tmp",
    ".pkdn/training/*/result.pt",
    "data/runs/*/*/weights.safetensors",
    "data/runs/*/*/record.json",
)
STAGE = [("python", "-m", "stages.train", run) for run in (TEACHER, TWO_PHASES)]
DVC = [("dvc", "repro", STUDENT), ("dvc", "repro", "--single-item", TWO_PHASES)]
REPRO = [("python", "-m", "pkdn", "repro", "--jobs", "2")]


def of_a_stage(laboratory: Laboratory, count: int, precision: str) -> None:
    """Kill the script of a stage."""
    _kill(laboratory, STAGE, ("all",), count, precision)


def of_dvc(laboratory: Laboratory, count: int, precision: str) -> None:
    """Kill ``dvc repro``, its stage, or both."""
    _kill(laboratory, DVC, ("top", "stage", "all"), count, precision)


def of_repro(laboratory: Laboratory, count: int, precision: str) -> None:
    """Kill ``python -m pkdn repro``, a DVC, a stage, or all."""
    _kill(laboratory, REPRO, ("top", "dvc", "stage", "all"), count, precision)


def _kill(
    laboratory: Laboratory,
    commands: Sequence[tuple[str, ...]],
    targets: Sequence[str],
    count: int,
    precision: str,
) -> None:
    """Kill ``count`` times, some times in each of as many trials as that takes."""
    right = laboratory.answer(precision)
    kills = 0
    while kills < count:
        with laboratory.trial(precision) as trial:
            words = laboratory.random.choice(commands)
            killed = Killed(laboratory, trial, words, targets)
            for _ in range(laboratory.random.randint(1, MOST_KILLS)):
                killed.start_and_kill()
            killed.finish()
            trial.tried = killed.count
            for reason in complaints(trial.folder, right):
                trial.expect(False, reason)
            kills += killed.count


class Killed:
    """A command that is started and killed, again and again, and at last runs to its end."""

    def __init__(
        self, laboratory: Laboratory, trial: Trial, words: tuple[str, ...], targets: Sequence[str]
    ) -> None:
        self.random, self.say = laboratory.random, laboratory.say
        self.usual_seconds = laboratory.usual_seconds
        self.trial, self.words, self.targets = trial, words, targets
        self.count, self.safe_steps = 0, 0

    def start_and_kill(self) -> None:
        """Start the command, and send one signal to one of its processes, or to all."""
        program = self.trial.start(*self.words)
        moment = self.random.choice(MOMENTS)
        self._wait(program, moment)
        number, target = self.random.choice(SIGNALS), self.random.choice(self.targets)
        victims = self._victims(program, target)
        if program.process.poll() is not None or not victims:
            return
        shown = steps_shown(program.output())
        for victim in victims:
            with suppress(psutil.Error):
                victim.send_signal(number)
        self.count += 1
        how = f"{number.name} to {target} of `{' '.join(self.words)}` at {moment or 'any time'}"
        self.say(f"  {how}, step {shown}")
        self.how = how
        if number == signal.SIGKILL and any(one.pid == program.process.pid for one in victims):
            program.process.wait()  # as any shell does: DVC takes what nobody has for alive
        elif number != signal.SIGKILL:
            self.safe_steps = max(self.safe_steps, shown)
            patience = None if self._waits(number, target) else SECONDS_TO_LEAVE
            _, alive = psutil.wait_procs(victims, timeout=patience)
            self.trial.expect(not alive, f"{how}: {_names(alive)} still there after 10 s")
        # DVC that is interrupted before it has begun says so by a traceback of its own.
        is_ours = f'  File "{self.trial.folder}/' in program.output()
        self.trial.expect(
            not is_ours or TRACEBACK not in program.output(), f"{how}: traceback in {program.log}"
        )

    def _waits(self, number: int, target: str) -> bool:
        """Return whether this is DVC itself alone, which at SIGINT lets its stage end first."""
        return number == signal.SIGINT and target == "top" and self.words[0] == "dvc"

    def _wait(self, program: Program, moment: str) -> None:
        """Wait until a new file appears, or for a random time; at most until the program ends."""
        end = time.monotonic() + self.random.uniform(0, self.usual_seconds.get(self.words, 12.0))
        before = self._appeared(moment)
        while program.process.poll() is None:
            if moment and self._appeared(moment) - before:
                time.sleep(self.random.uniform(0, 0.05))
                return
            if not moment and time.monotonic() > end:
                return
            time.sleep(0.002)

    def _appeared(self, moment: str) -> set[tuple[Path, int]]:
        found = set()
        for file in self.trial.folder.glob(moment) if moment else ():
            with suppress(FileNotFoundError):
                found.add((file, file.stat().st_ino))
        return found

    def _victims(self, program: Program, target: str) -> list[psutil.Process]:
        alive = self.trial.alive()
        if target == "all":
            return alive
        if target == "top":
            return [one for one in alive if one.pid == program.process.pid]
        part = "stages." if target == "stage" else "dvc"
        found = [one for one in alive if part in command_line(one)]
        found = found or [one for one in alive if one.pid == program.process.pid]
        return [self.random.choice(found)] if found else []

    def finish(self) -> None:
        """Run the command to its end, and say what is wrong with that."""
        started = time.monotonic()
        program = self.trial.start(*self.words)
        done = program.wait()
        taken = time.monotonic() - started
        self.usual_seconds[self.words] = max(self.usual_seconds.get(self.words, 0.0), taken)
        shown = f"see {program.log}"
        self.trial.expect(done.status == 0, f"the next start failed with {done.status}: {shown}")
        self.trial.expect(TRACEBACK not in done.output, f"the next start: a traceback: {shown}")
        self.trial.expect(self.trial.until_idle(30), f"left running: {_names(self.trial.alive())}")
        if len(self.words) and "repro" not in self.words:
            kept = steps_kept(done.output)
            lost = f"{self.safe_steps} steps were done when asked to end, {kept} kept: {shown}"
            self.trial.expect(kept >= self.safe_steps, lost)


def steps_shown(output: str) -> int:
    """Return how many steps the progress bars of a stage had come to, phases added up."""
    last = {title: int(step) for title, step in BAR.findall(output)}
    return sum(last.values())


def steps_kept(output: str) -> int:
    """Return how many steps a stage did not have to do again."""
    taken = set(TAKEN.findall(output))
    steps = {title: int(step) for title, step in BAR.findall(output)}
    return sum(map(int, CONTINUED.findall(output))) + len(taken) * max(
        steps.values(), default=10**9
    )


def command_line(process: psutil.Process) -> str:
    """Return what a process runs; empty where it has gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _names(processes: Sequence[psutil.Process]) -> str:
    return ", ".join(f"{one.pid} {command_line(one)[:60]}" for one in processes)
