"""What another revision or experiment has made, out of DVC's cache or its remote."""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkdn.errors import UserError
from pkdn.runs import RUNS, RunId

PARAMETERS = "params.yaml"
WANTED = re.compile(rf"{RUNS.as_posix()}/evaluate_[^/]+/[^/]+/[^/]+\.(csv|txt)")
"""The scores of each face, or why there are none."""
PLAN = RunId("report")


@contextmanager
def results(revision: str) -> Iterator[Path]:
    """Lay the parameters, the plan and the scores of a revision into a folder for a while.

    Args:
        revision: anything that git or DVC knows by name: a commit, a branch, a tag, an experiment.

    Raises:
        UserError: there is no such revision, or DVC has not what it made.
    """
    from dvc.api import DVCFileSystem

    logging.getLogger("dvc").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="pkdn-") as folder:
        try:
            files = DVCFileSystem(rev=revision)
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
            reason = " ".join(str(error).split())
            raise UserError(
                f"{revision}: expected a revision or an experiment whose results are in DVC's "
                f"cache or remote, got: {reason}; `dvc exp show` lists what there is"
            ) from None
        yield Path(folder)
