"""A stage as a job: what runs on a node of a cluster.

DVC's locks know the processes of one host alone, so that several nodes must not share a workspace.
Each stage runs in a clone of its own, whose cache is that of the workspace: what it needs is taken
from there, and what it makes is found there by whoever needs it. Checkpoints and downloads are the
workspace's, so that a stage goes on wherever it runs next.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pkdn.closure import PACKAGES
from pkdn.command import MAY_RUN
from pkdn.errors import UserError
from pkdn.files import UNFINISHED, atomic_file, atomic_folder
from pkdn.pipeline import devices
from pkdn.pipeline.crew import Asked, Crew
from pkdn.pipeline.presence import RWLOCK
from pkdn.pipeline.schedule import Stages, outdated, run_all
from pkdn.pipeline.tasks import Task
from pkdn.provenance import VISIBLE_GPUS
from pkdn.runs import LOCK

PLACE = Path(".pkdn/slurm")
NEUTRAL = (
    *(".ci", "bench", "docs", "faults", "pages", "parity", "reports", "tests"),
    *("CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "mkdocs.yml"),
)
"""What no stage reads, so that jobs stay when it changes; any other file may be a user's own."""
BY_STATE = ("trees", "clones", "ended")
"""Folders there that have one for each state of the files."""


class Ended(NamedTuple):
    """How a job ended, as it noted itself.

    Attributes:
        stage: which.
        job: SLURM's number.
        node: where it ran.
        gpus: which it saw, as ``CUDA_VISIBLE_DEVICES`` names them.
        started: when, in ISO 8601.
        ended: when.
        is_done: whether it succeeded.
        reason: why not.
    """

    stage: str
    job: str
    node: str
    gpus: str
    started: str
    ended: str
    is_done: bool
    reason: str = ""


class Place(NamedTuple):
    """Where the jobs of one state of the code and parameters keep their things.

    Attributes:
        workspace: the root of the repository from which they were submitted.
        tree: identifies the state of the files.
        commit: of git, to which the files belong; empty: the newest.
    """

    workspace: Path
    tree: str
    commit: str = ""

    @property
    def files(self) -> Path:
        """A copy of the files."""
        return self.workspace / PLACE / "trees" / self.tree

    def clone(self, stage: str) -> Path:
        """Where a stage works."""
        return self.workspace / PLACE / "clones" / self.tree / Task(stage).file_name

    def note(self, stage: str) -> Path:
        """Where a stage notes how it ended."""
        return self.workspace / PLACE / "ended" / self.tree / f"{Task(stage).file_name}.json"

    def forget_others(self) -> None:
        """Delete what other states of the files have left; what their jobs made is in the cache."""
        for kind in BY_STATE:
            for folder in (self.workspace / PLACE / kind).glob("*"):
                if folder.name != self.tree:
                    shutil.rmtree(folder, ignore_errors=True)

    def ended(self, stage: str) -> Ended | None:
        """Return how a stage ended; None: it has not."""
        try:
            return Ended(**json.loads(self.note(stage).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def keep_files(workspace: Path) -> Place:
    """Copy the files, as they are now, for jobs that start later.

    As long as those that may decide about results stay as they are, the first copy stays, but that
    jobs that start now know what DVC knows now, such as photos that were listed again.

    Raises:
        UserError: the workspace is no clone of a git repository, or a folder within one.
    """
    if within := _git(workspace, "rev-parse", "--show-prefix").strip():
        raise UserError(
            f"--slurm: expected a git repository of its own, got the folder {within} of one, of "
            "which jobs would clone the whole: clone the project by itself"
        )
    listed = _git(workspace, "ls-files", "-z").split("\0")
    new = ["--others", "--exclude-standard", *PACKAGES]  # such as a network not committed yet
    listed += _git(workspace, "ls-files", "-z", *new).split("\0")
    files = sorted({name for name in listed if name and (workspace / name).is_file()})
    commit = _git(workspace, "rev-parse", "HEAD").strip()
    digest = hashlib.sha256()
    for name in files:
        if name != LOCK and Path(name).parts[0] not in NEUTRAL:
            digest.update(f"{name}\0".encode() + (workspace / name).read_bytes())
    place = Place(workspace, digest.hexdigest()[:12], commit)
    if not place.files.exists():
        place.files.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(place.files) as folder:
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(workspace / name, folder / name)
    _copy_lock(workspace, place.files)
    return place


def _copy_lock(source: Path, folder: Path) -> None:
    """Let a folder know of DVC's results what another one does."""
    if not (source / LOCK).is_file():
        (folder / LOCK).unlink(missing_ok=True)
        return
    with atomic_file(folder / LOCK) as temporary:
        shutil.copy2(source / LOCK, temporary)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"expected a clone of a git repository, got {done.stderr.strip()}")
    return done.stdout


class StageJob:
    """One stage, to be called on a node by submitit.

    Args:
        stage: its name.
        place: where it works.
        cache: DVC's cache, which all share.
        variables: of the environment, that the stage is to have.
    """

    def __init__(self, stage: str, place: Place, cache: Path, variables: Mapping[str, str]) -> None:
        self.stage, self.place, self.cache, self.variables = stage, place, cache, dict(variables)
        self.crew: Crew | None = None

    def __call__(self) -> None:
        """Run it, and note how it ended.

        Raises:
            UserError: it failed.
            SystemExit: a signal asked to end; SLURM starts it again, or nobody.
        """
        self.place.note(self.stage).unlink(missing_ok=True)
        started = _now()
        try:
            os.chdir(self._clone())
            os.environ |= {"DVC_ROOT": str(self.place.workspace), MAY_RUN: self.stage}
            os.environ |= self.variables
            with Crew(1, None) as self.crew:
                reason = self._run(self.crew)
        except UserError as error:
            reason = str(error)
        except Asked as asked:  # no failure, which submitit would note
            sys.exit(128 + asked.number)
        self._note(started, reason)
        if reason:
            raise UserError(f"{self.stage}: {reason}")
        shutil.rmtree(self.place.clone(self.stage), ignore_errors=True)

    def _run(self, crew: Crew) -> str:
        """Take what it needs from the cache, and run it; return why it failed."""
        gpus = os.environ.get(VISIBLE_GPUS, "")
        if gpus and (why := devices.found()[1]):
            return (
                f"expected to use GPU {gpus}, which SLURM gave this job, got {why}; "
                f"{devices.ANOTHER_BUILD}, or give --slurm-gres none to train on processors"
            )
        stages = _with_needs(self.stage, outdated(crew))
        failed = run_all(stages, crew)
        return "; ".join(f"{name}: {why}" for name, why in failed.items())

    def checkpoint(self) -> Any:
        """Save what the stage has reached, when SLURM is about to take the node away."""
        from submitit.helpers import DelayedSubmission

        if self.crew:
            self.crew.end()
        again = StageJob(self.stage, self.place, self.cache, self.variables)
        return DelayedSubmission(again)

    def _clone(self) -> Path:
        """Return the stage's workspace: git's and DVC's view of the files, and the shared cache."""
        clone, workspace = self.place.clone(self.stage), self.place.workspace
        if (clone / ".dvc" / "config.local").exists():
            # A job that was killed with its node has left it, and its number may live on this one.
            (clone / RWLOCK).unlink(missing_ok=True)
            _copy_lock(self.place.files, clone)
            return clone
        shutil.rmtree(clone, ignore_errors=True)
        clone.parent.mkdir(parents=True, exist_ok=True)
        _git(workspace, "clone", "--quiet", "--shared", str(workspace), str(clone))
        if self.place.commit:
            _git(clone, "checkout", "--quiet", "--detach", self.place.commit)
        for name in _git(clone, "ls-files", "-z").split("\0"):
            if name and not (self.place.files / name).exists():
                (clone / name).unlink(missing_ok=True)
        unfinished = shutil.ignore_patterns(f".*{UNFINISHED}")  # of a lock that is copied there now
        shutil.copytree(self.place.files, clone, dirs_exist_ok=True, ignore=unfinished)
        local = workspace / ".dvc" / "config.local"
        text = local.read_text(encoding="utf-8") if local.exists() else ""
        with atomic_file(clone / ".dvc" / "config.local") as temporary:
            temporary.write_text(_with_cache(text, self.cache), encoding="utf-8")
        return clone

    def _note(self, started: str, reason: str) -> None:
        file = self.place.note(self.stage)
        file.parent.mkdir(parents=True, exist_ok=True)
        note = Ended(
            stage=self.stage,
            job=os.environ.get("SLURM_JOB_ID", ""),
            node=os.environ.get("SLURMD_NODENAME", platform.node()),
            gpus=os.environ.get(VISIBLE_GPUS, ""),
            started=started,
            ended=_now(),
            is_done=not reason,
            reason=reason,
        )
        with atomic_file(file) as temporary:
            temporary.write_text(json.dumps(note._asdict(), indent=1) + "\n", encoding="utf-8")


def _with_needs(stage: str, stages: Stages) -> dict[str, set[str]]:
    """Return a stage and those that it needs, directly or not."""
    found, waiting = dict[str, set[str]](), [stage]
    while waiting:
        name = waiting.pop()
        if name in stages and name not in found:
            found[name] = stages[name]
            waiting += stages[name]
    return found


def _with_cache(config: str, cache: Path) -> str:
    """Return DVC's local configuration with another cache."""
    from configobj import ConfigObj

    parsed = ConfigObj(config.splitlines())
    parsed.setdefault("cache", {}).update({"dir": str(cache), "shared": "group"})
    return "\n".join(parsed.write()) + "\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
