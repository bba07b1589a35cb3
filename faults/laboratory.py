"""The prepared repositories, one for each precision, and what comes out of them undisturbed."""

import random
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from faults.outcome import Outcome
from faults.results import answer
from faults.workplace import Trial, change, commit, copied, copy_repository

# On a processor without bf16 units a step in bf16 takes ten times as long as one in fp32.
STEPS = {"fp32": 60, "bf16": 12}
TEACHER = "teacher@synthetic-full-0"
STUDENT = "student@synthetic-full-0"
TWO_PHASES = "baseline@synthetic-kdfsrnet-0"
LOOP = "pkdn/training/loop.py"
LENGTH = {"batch_size": 2, "threads": 1}
SECONDS_BETWEEN_CHECKPOINTS = 0.3


class Laboratory:
    """Where faults are tried.

    Args:
        place: an empty folder, for everything.
        seed: of what is random.
        whole: prepare the whole pipeline, not just what a training needs.
        steps: of a training, for each precision.
    """

    def __init__(
        self, place: Path, *, seed: int, whole: bool, steps: Mapping[str, int] = STEPS
    ) -> None:
        self.place, self.whole, self.steps = place, whole, steps
        self.random = random.Random(seed)
        self.outcome = Outcome("")
        self.num_trials = 0
        self.usual_seconds: dict[tuple[str, ...], float] = {}
        self.base = cache(self._base)
        self.answer = cache(self._answer)

    @contextmanager
    def trial(self, precision: str = "fp32") -> Iterator[Trial]:
        """Yield a copy in which the faces are ready and nothing is trained."""
        self.num_trials += 1
        place = self.place / f"trial-{self.num_trials:04d}"
        with copied(self.base(precision), place, self._ended) as trial:
            yield trial

    @contextmanager
    def aside(self, precision: str) -> Iterator[Trial]:
        """Yield a copy in which nothing goes wrong, and which does not count."""
        place = self.place / f"undisturbed-{precision}"
        with copied(self.base(precision), place, lambda _: None) as trial:
            yield trial

    def _ended(self, trial: Trial) -> None:
        self.outcome.tried += trial.tried
        if trial.reasons:
            lost = f"{'; '.join(trial.reasons)} (kept in {trial.place})"
            self.outcome.lost.append(lost)
            self.say(f"LOST: {lost}")
        self.say(f"{self.outcome.name}: {self.outcome.tried} tried, {len(self.outcome.lost)} lost")

    def say(self, line: str) -> None:
        """Print a line of progress."""
        print(line, file=sys.stderr, flush=True)

    def _base(self, precision: str) -> Path:
        self.say(f"preparing a small pipeline in {precision}")
        place = self.place / f"base-{precision}"
        place.mkdir()
        trial = Trial(place)
        copy_repository(trial.folder)
        shrink(trial.folder / "params.yaml", precision, self.steps[precision])
        every = rf"\g<1>{SECONDS_BETWEEN_CHECKPOINTS}"
        change(trial.folder / LOOP, r"^(SECONDS_BETWEEN_CHECKPOINTS = )\d+", every)
        commit(trial.folder)
        for target in ("parse@synthetic", *(["complexity"] if self.whole else [])):
            trial.prepare("dvc", "repro", target)
        commit(trial.folder)
        shutil.rmtree(trial.folder / ".pkdn", ignore_errors=True)
        return trial.folder

    def _answer(self, precision: str) -> dict[str, str]:
        self.say(f"learning what is right in {precision}")
        with self.aside(precision) as trial:
            stages = [("python", "-m", "stages.train", run) for run in (TEACHER, TWO_PHASES)]
            for words in [("dvc", "repro")] if self.whole else stages:
                trial.prepare(*words)
            return answer(trial.folder)


def replan(trial: Trial, *, plan: bool = True, **values: Any) -> None:
    """Give parameters other values, wherever they stand in ``params.yaml``, and plan anew."""
    file = trial.folder / "params.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, value in values.items():
        profile = found["profiles"].get("demo", {}) if name not in found else found
        place = profile if name in profile else profile["training"]
        place[name] = value
    file.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    if plan:
        trial.prepare("python", "-m", "stages.plan")


def shrink(file: Path, precision: str, steps: int) -> None:
    """Ask for few faces, few networks and few steps."""
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    values |= {"networks": ["bicubic", "kdfsrnet"], "ablations": ["full"], "precision": precision}
    values |= {"authors_recipes": [], "loss_ablations": []}
    values["synthetic"] |= {"train": 8, "val": 2, "test": 2}
    demo = values["profiles"]["demo"]
    demo["training"] |= {**LENGTH, "steps": steps}
    demo["parser"] |= {**LENGTH, "steps": 2, "input_size": 32}
    file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
