"""Files that break between one start and the next, and a precision that changes."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from faults.laboratory import TEACHER, TWO_PHASES, Laboratory, replan
from faults.results import complaints, expect_refused
from faults.workplace import Trial

FACES = "data/faces/synthetic/train-00000.faces.npy"
MAPS = "data/parsing/synthetic/train-00000.labels.npy"
STATE = ".pkdn/training/*/state.pt"


def _flip(content: bytearray) -> None:
    content[len(content) // 2] ^= 1


def _cut(content: bytearray) -> None:
    del content[-100:]


def _cut_far(content: bytearray) -> None:
    del content[-50_000:]


def _lengthen(content: bytearray) -> None:
    content += bytes(7)


def _zero(content: bytearray) -> None:
    content[:] = bytes(len(content))


def shards(laboratory: Laboratory) -> None:
    """Packed faces or maps are cut, lengthened, zeroed, or have a bit flipped."""
    for file in (FACES, MAPS):
        for damage in (_flip, _cut, _cut_far, _lengthen, _zero):
            with laboratory.trial() as trial:
                break_file(trial.folder / file, damage)
                expect_refused(trial, trial.run("python", "-m", "stages.train", TEACHER), "")


def checkpoints(laboratory: Laboratory) -> None:
    """The checkpoint of an interrupted training is cut, zeroed, or has a bit flipped."""
    for damage in (_flip, _cut, _zero):
        with laboratory.trial() as trial:
            file = interrupt(trial, TEACHER)
            break_file(file, damage)
            done = trial.run("python", "-m", "stages.train", TEACHER)
            if done.status:
                expect_refused(trial, done, "checkpoint")
                file.unlink()
                done = trial.run("python", "-m", "stages.train", TEACHER)
            expect_right(laboratory, trial, done.status)


def other_precision(laboratory: Laboratory) -> None:
    """A training is interrupted in bf16 and goes on in fp32."""
    for run in (TEACHER, TWO_PHASES):
        with laboratory.trial() as trial:
            replan(trial, precision="bf16")
            interrupt(trial, run)
            replan(trial, precision="fp32")
            expect_right(laboratory, trial, trial.run("python", "-m", "stages.train", run).status)


def expect_right(laboratory: Laboratory, trial: Trial, status: int) -> None:
    """Note a loss where a program failed or its results differ from the right ones."""
    trial.expect(status == 0, f"ended with {status}: see {trial.programs[-1].log}")
    for reason in complaints(trial.folder, laboratory.answer("fp32")):
        trial.expect(False, reason)


def interrupt(trial: Trial, run: str) -> Path:
    """Start a training, ask it to end once it has a checkpoint, and return that."""
    program = trial.start("python", "-m", "stages.train", run)
    while program.process.poll() is None and not list(trial.folder.glob(STATE)):
        time.sleep(0.01)
    program.process.send_signal(signal.SIGTERM)
    program.wait()
    (found,) = trial.folder.glob(STATE)
    return found


def break_file(file: Path, damage: Callable[[bytearray], None]) -> None:
    """Change the content of a file, which may be linked into DVC's cache and write-protected."""
    content = bytearray(file.read_bytes())
    damage(content)
    file.unlink()
    file.write_bytes(content)
