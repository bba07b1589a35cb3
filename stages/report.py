"""Write the report: tables, figures and where every number comes from."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from pkdn import closure, command, tracking
from pkdn.errors import UserError
from pkdn.reports import page
from pkdn.reports.plan import Plan
from pkdn.runs import FACES, PARSER, REPORT, Planned, RunId, planned_by_command

ROOT = Path()


def by_name(planned: Planned) -> list[str]:  # noqa: ARG001
    """Return the modules that are imported by their names."""
    return [*closure.within("pkdn.metrics"), *closure.within("pkdn.perceptual")]


def main() -> None:
    """Write ``report.md``, ``report.html``, ``metrics.json``, ``figures/`` and ``tables/``."""
    planned = planned_by_command(__doc__)
    plan = Plan(**planned.settings)
    params = {"profile": plan.profile, **planned.settings["shown"]}
    fetch_missing(plan)
    with tracking.run(planned, params, by_name=by_name(planned), keep=False) as run:
        known = replace(plan, mlflow_runs=run.sync(), mlflow_pages=tracking.run_pages())
        page.write(root=ROOT, out=REPORT, plan=known)
        for path in (REPORT / page.PAGE, *sorted((REPORT / "figures").glob("*.png"))):
            run.artifact(path)


def missing(plan: Plan) -> list[Path]:
    """Return the folders that the report rests on and that are not here, or not whole.

    DVC knows those of all runs, and of all faces, as one dependency each: under ``dvc repro
    --allow-missing`` it does not notice that some are missing, and fetches one of each at most.
    """
    runs = {*plan.runs(), RunId("labelled"), PARSER}
    folders = [run.folder for run in runs if not run.record.is_file()]
    faces = [FACES / dataset for dataset in plan.datasets]
    return sorted([*folders, *(path for path in faces if not path.is_dir())])


def fetch_missing(plan: Plan) -> None:
    """Get what other machines have made from DVC's cache or its remote.

    Raises:
        UserError: it is in neither.
    """
    if not (wanted := missing(plan)):
        return
    print(f"report: fetching {len(wanted)} results that are not here", flush=True)
    command = [sys.executable, "-m", "dvc", "pull", "--quiet", *map(str, wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if left := missing(plan):
        raise UserError(
            f"expected {left[0]}, which is neither here nor in DVC's cache or remote "
            f"({done.stderr.strip()}): run `dvc repro` to make it"
        )


if __name__ == "__main__":
    command.run(main)
