"""Which run it is: its stage, data set, system and seed, and from these its key and all paths.

Everything that a stage makes lies in its run's folder, ``data/runs/STAGE/KEY``, but for faces and
their maps, on which other stages depend without the times that a record holds. What a run was
asked to do is in ``data/plan/STAGE/KEY.json``.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from pkdn.errors import UserError
from pkdn.files import reading

RUNS = Path("data/runs")
PLAN = Path("data/plan")
LOCK = "dvc.lock"
"""What DVC knows of the results."""
RECORD = "record.json"
"""In the folder of each run: what it was asked to do, and what came of it."""
PHOTOS = Path("data/photos")
"""The lists of photos of each data set."""
FACES = Path("data/faces")
"""The packed faces of each data set."""
MAPS = Path("data/parsing")
"""The parsing maps of these faces."""
LABELLED = Path("data/labelled")
"""The faces that the parser is trained on."""
DOWNLOADS = Path("data/downloads")
"""Files of data sets and checkpoints that were fetched."""
PLACES = (PLAN, PHOTOS, FACES, MAPS, LABELLED, RUNS)
"""Where stages write, and take away what is no longer asked for."""
REPORT = Path("reports")
"""The report and what lies beside it."""

TRAININGS = ("teacher", "student", "baseline", "authors")
"""Stages that train what is scored: PKDN's two networks, and others by one recipe or by theirs."""
DRAWN = "synthetic"
"""The data set whose faces this project draws."""
OWN = "folder"
"""The data set of the user's own photos."""
OTHERS = "others"
"""Stands for every data set, or network, that a mapping by such names does not have."""
Value = TypeVar("Value")


def value_of(values: Mapping[str, Value], name: str) -> Value:
    """Return the value of a data set or network out of a mapping that has one for the others.

    Raises:
        UserError: it has neither.
    """
    for known in (name, OTHERS):
        if known in values:
            return values[known]
    raise UserError(f"expected a value for {name} or for {OTHERS}, got {dict(values)}: add one")


@dataclass(frozen=True)
class RunId:
    """One run of a stage.

    Attributes:
        stage: what runs: ``teacher``, ``student``, ``evaluate_student``, ``align``…
        dataset: the data set; empty for a stage that has none.
        system: a network, or a variant of PKDN; empty as above.
        seed: of a training; None as above.
    """

    stage: str
    dataset: str = ""
    system: str = ""
    seed: int | None = None

    @property
    def key(self) -> str:
        """Which of its stage's runs it is, such as ``helen-full-0``; empty for the only one."""
        seed = "" if self.seed is None else str(self.seed)
        return "-".join(part for part in (self.dataset, self.system, seed) if part)

    @property
    def name(self) -> str:
        """Its name in messages, records and MLflow, such as ``student@helen-full-0``."""
        return _name(self.stage, self.key)

    @property
    def folder(self) -> Path:
        """What it makes."""
        return RUNS / self.stage / self.key

    @property
    def record(self) -> Path:
        """What it was given and what came out, as ``pkdn.tracking`` writes it."""
        return self.folder / RECORD

    @property
    def weights(self) -> Path:
        """The weights that it trained."""
        return self.folder / "weights.safetensors"

    @property
    def scores(self) -> Path:
        """The scores of every face."""
        return self.folder / "scores.csv"

    @property
    def absence(self) -> Path:
        """Why it has no scores; only there where it has none."""
        return self.folder / "absent.txt"

    @property
    def plan(self) -> Path:
        """What it was asked to do."""
        return _place(PLAN, self.stage, self.key).with_suffix(".json")

    def curve(self, phase: str = "") -> Path:
        """Return the file of its training's curve, or of the phase ``teacher`` of its training."""
        return self.folder / "-".join(part for part in (phase, "curve.csv") if part)

    def evaluation(self) -> Self:
        """Return the run that scores what this one trained."""
        return replace(self, stage=f"evaluate_{self.stage}")


PARSER = RunId("parser")
COMPLEXITY = RunId("complexity")


class Planned(NamedTuple):
    """A run with what it was asked to do, as the stage ``plan`` resolved it from ``params.yaml``.

    Attributes:
        id: which run.
        reads: the files and folders of data that it reads, by what they are.
        writes: the folders that it makes beside its own, likewise.
        settings: what its stage needs to know.
    """

    id: RunId
    reads: Mapping[str, Path]
    writes: Mapping[str, Path]
    settings: Mapping[str, Any]

    def scored(self) -> dict[str, Any]:
        """Return the parameters of the training that it scores, as records and MLflow have them."""
        nested = (value for value in self.settings.values() if isinstance(value, Mapping))
        plain = {name: self.settings[name] for name in ("network", "size", "precision")}
        return plain | {name: value for part in nested for name, value in part.items()}

    def text(self) -> str:
        """Return the content of its file."""
        parts = self._asdict() | {"id": vars(self.id)}
        return json.dumps(parts, indent=1, sort_keys=True, default=Path.as_posix) + "\n"


def planned(stage: str, key: str = "", *, root: Path = Path()) -> Planned:
    """Read what a run was asked to do.

    Args:
        stage: of the run.
        key: which of the stage's runs.
        root: of the folder with ``data/``.

    Raises:
        UserError: the plan has no such run.
    """
    path = root / _place(PLAN, stage, key).with_suffix(".json")
    if not path.is_file():
        raise UserError(
            f"expected a run that params.yaml asks for, got {_name(stage, key)}: there is no "
            f"{path}; run `dvc repro`, from the root of the repository, or without DVC "
            "`python -m stages.plan`"
        )
    with reading(path):
        parts = json.loads(path.read_text(encoding="utf-8"))
        for which in ("reads", "writes"):
            parts[which] = {name: Path(place) for name, place in parts[which].items()}
        planned = Planned(**parts | {"id": RunId(**parts["id"]), "settings": {**parts["settings"]}})
        if (planned.id.stage, planned.id.key) != (stage, key):
            raise ValueError(f"it is the plan of {planned.id.name}")
    return planned


def _name(stage: str, key: str) -> str:
    return f"{stage}@{key}" if key else stage


def _place(folder: Path, stage: str, key: str) -> Path:
    return folder / stage / key if key else folder / stage


def all_planned(*, root: Path = Path()) -> list[Planned]:
    """Read what all runs were asked to do; none where nothing is planned.

    Raises:
        UserError: a plan is broken.
    """
    files = sorted((root / PLAN).rglob("*.json"))
    names = (file.relative_to(root / PLAN).with_suffix("").parts for file in files)
    return [planned(*name, root=root) for name in names]


def planned_by_command(description: str | None, *stages: str) -> Planned:
    """Read what the run on the command line was asked to do.

    Args:
        description: of the script.
        stages: that the script runs; by default the one that is called as it is.

    Raises:
        UserError: the plan has no such run, or it is one of another stage.
    """
    script = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(prog=f"python -m stages.{script}", description=description)
    parser.add_argument("run", help="which run, such as student@helen-full-0")
    stage, _, key = str(parser.parse_args().run).partition("@")
    if stage not in (own := stages or (script,)):
        raise UserError(
            f"expected a run of {' or '.join(own)} for {parser.prog}, got {_name(stage, key)}: "
            f"`dvc repro` knows which script runs it"
        )
    return planned(stage, key)
