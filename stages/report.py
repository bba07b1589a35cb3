"""Write the report: tables, figures and where every number comes from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pkdn import command, params, tracking
from pkdn.reports import page
from pkdn.reports.records import Plan, score_files

ROOT = Path()
OUT = Path("reports")


def plan(settings: params.Params) -> Plan:
    """Return what the report is about; everything else in ``data`` is left alone."""
    trained_on = settings.parser_dataset if settings.parser == "trained" else None
    return Plan(
        profile=settings.profile,
        datasets=settings.datasets,
        seeds=settings.seeds,
        networks=settings.networks,
        authors_recipes=settings.authors_recipes,
        parser_dataset=trained_on,
        settings=shown(settings),
    )


def shown(settings: params.Params) -> dict[str, Any]:
    """Return the parameters that the report prints."""
    return {
        "epochs": settings.recipe.epochs,
        "batch_size": settings.recipe.batch_size,
        "learning_rate": settings.recipe.learning_rate,
        "schedule": settings.recipe.schedule,
        "authors: largest batch": settings.authors_limits.largest_batch or "theirs",
        "authors: rates times": settings.authors_limits.rate_factor,
        "lambda_ts": settings.lambda_ts,
        "lambda_fs": settings.lambda_fs,
        "distill_epochs": settings.distill_epochs,
        "global_residual": settings.global_residual,
        "precision": settings.precision,
        "parser": settings.parser,
        "parser_dataset": settings.parser_dataset,
    }


def main() -> None:
    """Write ``reports/report.md``, ``reports/figures/`` and ``reports/tables/``."""
    current = plan(params.load())
    scores = score_files(ROOT, current)
    recorded = {"profile": current.profile, **current.settings}
    with tracking.run("report", "", recorded, {}, scores, keep=False) as run:
        page.write(root=ROOT, out=OUT, plan=replace(current, mlflow_runs=tracking.sync_or_say()))
        for path in (OUT / page.PAGE, *sorted((OUT / "figures").glob("*.png"))):
            run.artifact(path)


if __name__ == "__main__":
    command.run(main)
