"""What another revision or experiment has made, out of DVC's cache or its remote."""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkdn import params, provenance
from pkdn.errors import UserError
from pkdn.files import MissingFileError, reading
from pkdn.reports.changes import State
from pkdn.reports.plan import Plan
from pkdn.reports.scores import read_scores
from pkdn.runs import LOCK, RUNS, RunId, planned

PARAMETERS = "params.yaml"
MEND = "mend it, or take it from git: `git checkout {path}`"
WANTED = re.compile(rf"{RUNS.as_posix()}/evaluate_[^/]+/[^/]+/[^/]+\.(csv|txt|json)")
"""The scores of each face, or why there are none; and the records of them."""
PLAN = RunId("report")
NO_REMOTE = {"core": {"remote": ""}}


def title(revision: str) -> str:
    """Return a revision's name with the commit that it stands for today, where git knows one."""
    commit = provenance.git("log", "-1", "--format=%H %h of %cs: %s", revision, "--")
    name, _, told = commit.partition(" ")
    return told if name == revision else f"{revision} ({told})" if told else revision


def state(revision: str, *, remote: bool = True) -> State:
    """Read what a revision has made.

    Args:
        revision: anything that git or DVC knows by name: a commit, a branch, a tag, an experiment.
        remote: look in DVC's remote, too.

    Raises:
        UserError: there is no such revision, DVC has not what it made, or code has made that which
            this one does not understand.
    """
    if not revision.strip():
        raise UserError(
            "expected a revision such as HEAD, got an empty name: set the variable of the shell "
            "that it comes from"
        )
    with _results(revision, remote=remote) as folder:
        try:
            return state_of_folder(folder, title(revision))
        except MissingFileError as error:
            missing = error.found.replace(f"{folder}/", "")
            raise UserError(
                f"{revision}: {missing}: its {PARAMETERS} and {LOCK} may be of two runs: name a "
                "revision in which both were committed together"
            ) from None


def state_of_folder(folder: Path, name: str) -> State:
    """Read what lies in a folder, likewise; its files are not needed afterwards."""
    plan = plan_of_folder(folder, name)
    scores = {dataset: read_scores(folder, plan, dataset) for dataset in plan.datasets}
    file = folder / PARAMETERS
    with reading(file, MEND):
        values = params.as_dvc_reads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("no keys with values")
    return State(name, values, plan, scores)


def plan_of_folder(folder: Path, name: str) -> Plan:
    """Read what the report in a folder is about.

    Raises:
        UserError: there is no plan, or code has made it that this one does not understand.
    """
    settings = planned(PLAN.stage, root=folder).settings
    try:
        return Plan(**settings)
    except TypeError:
        raise UserError(
            f"{name}: expected results of code such as this, got a plan of other code; compare "
            "revisions that the same code has made, or run it again by this one"
        ) from None


@contextmanager
def _results(revision: str, *, remote: bool) -> Iterator[Path]:
    """Lay the parameters, the plan and the scores of a revision into a folder for a while."""
    from dvc.api import DVCFileSystem

    logging.getLogger("dvc").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="pkdn-") as folder:
        try:
            files = DVCFileSystem(rev=revision, config=_remotes() if remote else NO_REMOTE)
            found = {
                PARAMETERS,
                str(PLAN.plan),
                *filter(WANTED.fullmatch, files.find(RUNS.as_posix())),
            }
            for name in sorted(found):
                there = Path(folder, name)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_bytes(files.read_bytes(name))
        except Exception as error:  # DVC passes on whatever it meets
            reason = _why_none(revision) or (
                f"{' '.join(str(error).split())}; `dvc exp show` lists what there is"
            )
            where = "cache or remote" if remote else "cache"
            raise UserError(
                f"{revision}: expected a revision or an experiment whose results are in DVC's "
                f"{where}, got: {reason}"
            ) from None
        yield Path(folder)


def _remotes() -> dict[str, object]:
    """Return what is configured here of remotes: an older revision may know none, or others."""
    from dvc.config import Config

    own = Config.from_cwd()
    default = {"remote": own["core"]["remote"]} if "remote" in own["core"] else {}
    return {"core": default, "remote": {name: dict(one) for name, one in own["remote"].items()}}


def _why_none(revision: str) -> str:
    """Return why DVC cannot know the results of what git knows by a name; empty: another reason."""
    known, commit, lock = (
        provenance.git("rev-parse", "--verify", "--quiet", name)
        for name in (revision, f"{revision}^{{commit}}", f"{revision}:./{LOCK}")
    )
    if known and not commit:
        return "no commit, but a file or folder of one; leave out the colon and what follows it"
    if commit and not lock:
        return f"a commit without {LOCK}; commit it: `git add {LOCK} && git commit -m Results`"
    return ""
