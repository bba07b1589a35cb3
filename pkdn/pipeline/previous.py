"""The report's section against the previous run.

The stage that writes the report knows nothing of git: the same inputs always make the same report,
which DVC then finds in its cache. So this is told afterwards, in a file of its own beside the page.
"""

from collections.abc import Iterator
from pathlib import Path

from pkdn import provenance
from pkdn.errors import UserError
from pkdn.reports import web
from pkdn.runs import LOCK, REPORT

HERE = "this folder"


def show() -> None:
    """Compare what is here with the newest commit that has other results, for the report to show.

    It takes no time where there is none, and asks no remote: what DVC's cache lacks is told in a
    line.
    """
    is_told = not web.is_there(REPORT) or web.has_previous(REPORT)
    if is_told or not (commit := next(_commits(), "")):
        return
    from pkdn.pipeline import revisions
    from pkdn.reports import changes

    try:
        before = revisions.state(commit, remote=False)
        web.write_previous(REPORT, changes.text(before, revisions.state_of_folder(Path(), HERE)))
    except (UserError, OSError) as error:
        print(f"the report has no section against the previous run: {error}", flush=True)


def _commits() -> Iterator[str]:
    """Yield the commits whose results are others than those here, the newest first."""
    here = provenance.git("hash-object", LOCK)
    for commit in provenance.git("log", "--format=%H", "--", LOCK).split():
        there = provenance.git("rev-parse", "--verify", f"{commit}:./{LOCK}")
        if there not in ("", here):
            yield commit
