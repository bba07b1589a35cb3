"""Copies of the repository to break things in, and the programs that run there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
MARK = "PKDN_FAULTS"
"""The variable by which the programs of a trial are known, whoever started them."""
PATIENCE = 300.0
"""Seconds after which a program counts as hanging."""
CONTROLS = re.compile(r"(?:\x1b\[[0-9;?]*[A-Za-z])+")
PREPARATION = 1800.0
"""The same for what is run once and undisturbed."""
COMMITTER = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "faults"), ("EMAIL", "faults@localhost"))
}


class Done(NamedTuple):
    """A program that ended: its exit status, -9 after SIGKILL, and all that it printed."""

    status: int
    output: str


class Program:
    """A program that runs in a trial, in a process group of its own."""

    def __init__(self, words: Sequence[str], folder: Path, log: Path, mark: str) -> None:
        self.words, self.log = tuple(words), log
        with log.open("w", encoding="utf-8") as stream:
            self.process = subprocess.Popen(
                self.words,
                cwd=folder,
                env=environment(folder, mark),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float = PATIENCE) -> Done:
        """Return how it ended; kill it where it takes too long."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            with self.log.open("a", encoding="utf-8") as stream:
                stream.write(f"\nit hung: killed after {seconds:.0f} s\n")
        return Done(self.process.returncode, self.output())

    def output(self) -> str:
        """Return what it has printed until now, without colours and movements."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return CONTROLS.sub("", text).replace("\r", "\n")


def environment(folder: Path, mark: str) -> dict[str, str]:
    """Return the variables of a program: this Python first, and nothing of outer places."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "DVC_"))}
    return {
        **inherited,
        **COMMITTER,
        MARK: mark,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc-site"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        # A progress bar that is drawn also into a file tells which step was reached.
        "TTY_COMPATIBLE": "1",
        "NO_COLOR": "1",
        "COLUMNS": "160",
    }


class Trial:
    """A copy of a prepared repository in which one thing goes wrong.

    Attributes:
        folder: the copy.
        reasons: what was lost, each in words.
        tried: how many faults it counts for.
    """

    def __init__(self, place: Path) -> None:
        self.place, self.folder = place, place / "work"
        self.reasons: list[str] = []
        self.tried = 1
        self.programs: list[Program] = []

    def start(self, *words: str) -> Program:
        """Start a program, such as ``start("dvc", "repro")``; ``python`` is this one."""
        log = self.place / f"output-{len(self.programs)}.txt"
        first = [sys.executable] if words[0] == "python" else [words[0]]
        program = Program([*first, *words[1:]], self.folder, log, str(self.place))
        self.programs.append(program)
        return program

    def run(self, *words: str) -> Done:
        """Run a program to its end."""
        return self.start(*words).wait()

    def prepare(self, *words: str) -> None:
        """Run a program that has to succeed, since without it nothing can be tried."""
        done = self.start(*words).wait(PREPARATION)
        assert done.status == 0, f"see {self.programs[-1].log}: {done.output[-300:]}"

    def expect(self, condition: object, reason: str) -> None:
        """Note a loss where the condition does not hold."""
        if not condition:
            self.reasons.append(" ".join(reason.split()))

    def alive(self) -> list[psutil.Process]:
        """Return the processes of this trial, whoever started them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.place) and _lives(process):
                    found.append(process)
        return found

    def until_idle(self, seconds: float) -> bool:
        """Wait for all processes of this trial to end; return whether they did."""
        end = time.monotonic() + seconds
        while alive := self.alive():
            if time.monotonic() > end:
                return False
            psutil.wait_procs(alive, timeout=0.2)
        return True

    def end(self) -> None:
        """Kill what still runs."""
        while alive := self.alive():
            for process in alive:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(alive, timeout=5)
        for program in self.programs:
            program.process.poll()


def _lives(process: psutil.Process) -> bool:
    return bool(process.status() != psutil.STATUS_ZOMBIE)


def copy_repository(folder: Path) -> None:
    """Copy the files of the repository, as they are now, into a repository of their own."""
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    _git(folder, "init", "--quiet")
    commit(folder)


def commit(folder: Path) -> None:
    """Commit all that git does not ignore."""
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "as it is tried")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **COMMITTER},
    )
    return done.stdout


def change(file: Path, pattern: str, replacement: str) -> None:
    """Replace the one place of a text file that matches a pattern."""
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), flags=re.M)
    assert count == 1, f"{file} has {count} places like {pattern}"
    file.write_text(text, encoding="utf-8")


@contextmanager
def copied(base: Path, place: Path, ended: Callable[[Trial], None]) -> Iterator[Trial]:
    """Yield a trial in a copy of ``base``; ``ended`` sees it, then it goes, unless it has lost."""
    place.mkdir()
    subprocess.run(["cp", "-a", str(base), str(place / "work")], check=True)
    trial = Trial(place)
    try:
        yield trial
    finally:
        trial.end()
        ended(trial)
        if not trial.reasons:
            shutil.rmtree(place)
