"""Kills of the workers that run DVC's queue of experiments, and of what they run."""

import signal
import subprocess
import time
from contextlib import suppress

import psutil
import yaml

from faults.kills import SIGNALS, command_line
from faults.laboratory import STUDENT, Laboratory, replan
from faults.results import broken_objects
from faults.workplace import Trial

WEIGHTS = f"data/runs/{STUDENT.replace('@', '/')}/weights.safetensors"
LAMBDAS = (0.3, 0.5)
"""Of two experiments, which need the same teacher: one worker trains it, the other waits."""
TARGET = f"evaluate_{STUDENT}"
WORKERS = "2"
MOST_STARTS = 4
"""Of the workers, after which what is missing counts as lost."""
SECONDS_TO_END = 240.0
PARTS = {"stage": "stages.", "experiment": "dvc", "worker": "celery"}


def of_the_queue(laboratory: Laboratory, count: int, precision: str) -> None:
    """Kill a worker of the queue of experiments, an experiment, its stage, or all."""
    right = {value: _undisturbed(laboratory, precision, value) for value in LAMBDAS}
    kills = 0
    while kills < count:
        with laboratory.trial(precision) as trial:
            _queue(trial, LAMBDAS)
            kills += (killed := _start_and_kill(laboratory, trial))
            trial.tried = killed
            missing = _finish(trial, right)
            trial.expect(not missing, f"experiments that are lost or wrong: λ_FS of {missing}")
            broken = broken_objects(trial.folder)
            trial.expect(not broken, f"broken objects in the cache: {broken}")


def _undisturbed(laboratory: Laboratory, precision: str, value: float) -> str:
    """Return DVC's digest of the weights of the experiment, run as a plain pipeline."""
    with laboratory.aside(precision) as trial:
        replan(trial, lambda_fs=value)
        trial.prepare("dvc", "repro", TARGET)
        return _digests((trial.folder / "dvc.lock").read_text(encoding="utf-8"))[0]


def _queue(trial: Trial, values: tuple[float, ...]) -> None:
    for value in values:
        trial.prepare("dvc", "exp", "run", "--queue", "-S", f"lambda_fs={value}", TARGET)


def _start_and_kill(laboratory: Laboratory, trial: Trial) -> int:
    """Start the workers, kill some of what runs after a while, and return 1 if there was any."""
    trial.prepare("dvc", "queue", "start", "--jobs", WORKERS)
    time.sleep(laboratory.random.uniform(3, 40))
    number, what = laboratory.random.choice(SIGNALS), laboratory.random.choice([*PARTS, "all"])
    victims = [one for one in trial.alive() if what == "all" or PARTS[what] in command_line(one)]
    if what != "all":
        victims = laboratory.random.sample(victims, min(1, len(victims)))
    for victim in victims:
        with suppress(psutil.Error):
            victim.send_signal(number)
    laboratory.say(f"  {signal.Signals(number).name} to {what} of the queue")
    return int(bool(victims))


def _finish(trial: Trial, right: dict[float, str]) -> list[float]:
    """Start the workers until all experiments are there; return those that are not, or wrong."""
    for _ in range(MOST_STARTS):
        trial.until_idle(SECONDS_TO_END)
        found = _results(trial)
        missing = [value for value in right if right[value] not in found]
        if not missing:
            return []
        _queue(trial, tuple(missing))
        trial.run("dvc", "queue", "start", "--jobs", WORKERS)
    return missing


def _results(trial: Trial) -> list[str]:
    """Return DVC's digests of the student's weights in all experiments that came to their end."""
    git = ("git", "-C", str(trial.folder))
    names = ("for-each-ref", "--format=%(objectname)", "refs/exps")
    found = subprocess.run([*git, *names], check=True, capture_output=True, text=True)
    digests = []
    for revision in found.stdout.split():
        shown = subprocess.run(
            [*git, "show", f"{revision}:dvc.lock"], check=False, capture_output=True, text=True
        )
        digests += _digests(shown.stdout)
    return digests


def _digests(lock: str) -> list[str]:
    stages = (yaml.safe_load(lock) or {}).get("stages", {})
    reads = stages.get(TARGET, {}).get("deps", [])
    return [dep["md5"] for dep in reads if dep["path"] == WEIGHTS]
