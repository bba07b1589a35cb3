"""Write the report: tables, figures and where every number comes from."""

from dataclasses import replace
from pathlib import Path

from pkdn import closure, command, tracking
from pkdn.reports import page
from pkdn.reports.plan import Plan
from pkdn.runs import Planned, planned_by_command

ROOT = Path()
OUT = Path("reports")


def by_name(planned: Planned) -> list[str]:  # noqa: ARG001
    """Return the modules that are imported by their names."""
    return closure.within("pkdn.metrics")


def main() -> None:
    """Write ``reports/report.md`` and ``metrics.json``, ``figures/`` and ``tables/``."""
    planned = planned_by_command(__doc__)
    plan = Plan(**planned.settings)
    params = {"profile": plan.profile, **planned.settings["shown"]}
    with tracking.run(planned, params, by_name=by_name(planned), keep=False) as run:
        page.write(root=ROOT, out=OUT, plan=replace(plan, mlflow_runs=run.sync()))
        for path in (OUT / page.PAGE, *sorted((OUT / "figures").glob("*.png"))):
            run.artifact(path)


if __name__ == "__main__":
    command.run(main)
