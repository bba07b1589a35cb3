"""Which results are right: digests of weights, curves and scores, and what must never be seen."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from faults.workplace import Done, Trial
from pkdn.files import sha256

RUNS = "data/runs"
# What another machine, or a busier one, measures otherwise.
TIMED = ("seconds", "faces_per_second", "peak")
TRACEBACK = "Traceback (most recent call last)"

Answer = Mapping[str, str]
"""From a file of a run's folder, or of a stage's lock, to its digest."""


def answer(folder: Path) -> dict[str, str]:
    """Return the digests of all results of a repository, none of which depends on time."""
    found = {}
    for file in sorted((folder / RUNS).rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix == ".safetensors" or file.name in ("scores.csv", "iou.csv"):
            found[name] = sha256(file)
        elif file.name.endswith("curve.csv"):
            found[name] = _digest(_rows(file))
        elif file.name == "record.json":
            found[name] = _digest(_timeless(json.loads(file.read_text(encoding="utf-8"))))
    return found | locked(folder)


def locked(folder: Path) -> dict[str, str]:
    """Return the digests of what each stage read, as ``dvc.lock`` has it."""
    lock = folder / "dvc.lock"
    if not lock.exists():
        return {}
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    return {
        f"dvc.lock: {name}": _digest([dep for dep in stage["deps"] if dep["path"] != RUNS])
        for name, stage in stages.items()
        if name != "report"
    }


def differences(found: Answer, right: Answer) -> list[str]:
    """Return the names of what is there and wrong."""
    return [name for name in found if found[name] != right.get(name, found[name])]


def broken_objects(folder: Path) -> list[str]:
    """Return the objects of DVC's cache whose content is not what their name says."""
    broken = []
    for file in (folder / ".dvc/cache/files/md5").glob("??/*"):
        digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        if digest != (file.parent.name + file.name).removesuffix(".dir"):
            broken.append(file.name)
    return broken


def double_rows(folder: Path) -> list[str]:
    """Return the curves that have a step twice, or out of order."""
    return [
        file.relative_to(folder).as_posix()
        for file in (folder / RUNS).rglob("*curve.csv")
        if not _rises([int(row["step"]) for row in _rows(file)])
    ]


def half_written(folder: Path) -> list[str]:
    """Return what was never finished and lies where results lie."""
    return [file.relative_to(folder).as_posix() for file in (folder / "data").rglob("*.tmp")]


def complaints(folder: Path, right: Answer) -> Iterator[str]:
    """Yield what is wrong with the results of a repository."""
    for what, names in (
        ("wrong results", differences(answer(folder), right)),
        ("broken objects in the cache", broken_objects(folder)),
        ("steps twice or out of order", double_rows(folder)),
        ("left half-written", half_written(folder)),
    ):
        if names:
            yield f"{what}: {', '.join(names)}"


def expect_refused(trial: Trial, done: Done, word: str) -> None:
    """Note a loss where a program did not end with one line that has a word, and no results."""
    log = trial.programs[-1].log
    trial.expect(done.status > 0, f"ended with {done.status}: see {log}")
    trial.expect(TRACEBACK not in done.output, f"a traceback: see {log}")
    errors = [line for line in done.output.splitlines() if line.startswith("error: ")]
    trial.expect(len(errors) == 1, f"{len(errors)} lines of errors: see {log}")
    trial.expect(word in " ".join(errors), f"no word of {word}: see {log}")
    made = [
        name for name in ("teacher", "baseline") if list(trial.folder.glob(WEIGHTS.format(name)))
    ]
    trial.expect(not made, f"weights were written all the same: see {log}")


WEIGHTS = "data/runs/{}/*/weights.safetensors"


def _rows(curve: Path) -> list[dict[str, str]]:
    with curve.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key: row[key] for key in row if key != "seconds"} for row in rows]


def _rises(steps: list[int]) -> bool:
    return all(one < other for one, other in pairwise(steps))


def _timeless(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: record[key] for key in ("name", "fingerprint", "params")}
    figures = {k: v for k, v in record["metrics"].items() if not any(t in k for t in TIMED)}
    return kept | {"metrics": figures if record["stage"] in TRAINED else {}}


TRAINED = ("teacher", "student", "baseline")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
