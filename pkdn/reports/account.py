"""What was run: data, settings, machine, wall time, and where every number comes from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pkdn.faces import SPLITS
from pkdn.reports import published
from pkdn.reports.records import Plan, count_faces, subjects
from pkdn.reports.runs import Run
from pkdn.reports.systems import title
from pkdn.reports.tables import NOTHING, Numbers, Table, duration, listing

DRAWN: Final = "synthetic"
THOUSANDS: Final = ","
# What stands before a subject's kind in the names of the stages that trained and scored it.
STAGE_PREFIXES: Final = ("", "evaluate_")


def faces_table(root: Path, plan: Plan) -> tuple[Table, Numbers]:
    """Count the faces of each split, beside the paper's counts where it has the data set."""
    counts = {dataset: count_faces(root, dataset) for dataset in plan.datasets}
    rows = []
    for dataset, faces in counts.items():
        paper = published.FACES.get(dataset, {})
        of_paper = " / ".join(f"{paper[split]:{THOUSANDS}}" for split in SPLITS if paper)
        rows.append(
            [
                f"`{dataset}`",
                "drawn by this project" if dataset == DRAWN else "photographs",
                *(f"{faces[split]:{THOUSANDS}}" for split in SPLITS),
                of_paper or NOTHING,
            ]
        )
    header = ["data set", "faces are", *SPLITS, "the paper's train / val / test"]
    numbers = [[dataset, *(faces[split] for split in SPLITS)] for dataset, faces in counts.items()]
    return Table(header, rows, left=2), Numbers(["dataset", *SPLITS], numbers)


def settings_table(plan: Plan) -> Table:
    """Return the parameters that decide about the results."""
    rows = [("profile", plan.profile), ("seeds", listing(plan.seeds))]
    rows += [(name, _plain(value)) for name, value in plan.settings.items()]
    return Table(("parameter", "value"), [(f"`{k}`", v) for k, v in rows], left=2)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NOTHING if value is None else str(value)


def time_table(runs: Sequence[Run]) -> tuple[Table, Numbers]:
    """Sum the wall time of each stage, in the order in which the stages first ran."""
    stages = list(dict.fromkeys(run.stage for run in runs))
    seconds = {stage: [run.seconds for run in runs if run.stage == stage] for stage in stages}
    rows = [
        [stage, str(len(each)), duration(sum(each)), duration(max(each))]
        for stage, each in seconds.items()
    ]
    total = sum(run.seconds for run in runs)
    rows.append(["**all**", str(len(runs)), f"**{duration(total)}**", ""])
    numbers = [[stage, len(each), sum(each), max(each)] for stage, each in seconds.items()]
    header = ["stage", "runs", "wall time together", "longest run"]
    return Table(header, rows), Numbers(["stage", "runs", "seconds", "longest"], numbers)


def total_time(runs: Sequence[Run]) -> str:
    """Return the sum of all wall times in words."""
    return duration(sum(run.seconds for run in runs))


def machines(runs: Sequence[Run]) -> list[str]:
    """Describe every machine that computed something; the busiest first."""
    return [text for text, _ in Counter(_machine(run.machine) for run in runs).most_common()]


def _machine(machine: Mapping[str, object]) -> str:
    # a stage without torch cannot name the GPU, so the GPU is told with the precision
    parts = [
        str(machine.get("processor") or "unknown processor"),
        f"{machine.get('cores', '?')} cores",
        f"{machine.get('memory_gib', '?')} GiB of memory",
    ]
    return ", ".join(parts)


def accelerators(runs: Sequence[Run]) -> list[str]:
    """Return the GPUs in use; none means that everything ran on the processor."""
    return sorted({str(run.machine["gpu"]) for run in runs if run.machine.get("gpu")})


def precisions(runs: Sequence[Run]) -> list[str]:
    """Return the number formats of the trainings."""
    return sorted({run.tags["precision"] for run in runs if run.tags.get("precision")})


def revisions(runs: Sequence[Run]) -> list[str]:
    """Return the git revisions that computed something; the most frequent first."""
    return [revision for revision, _ in Counter(run.revision for run in runs).most_common()]


def versions(runs: Sequence[Run]) -> str:
    """Return the versions of the libraries; several of one where runs differ."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for package, version in run.versions.items():
            found.setdefault(package, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in found)


def provenance(
    runs: Sequence[Run], plan: Plan, network_titles: Mapping[str, str]
) -> tuple[Table, Numbers]:
    """Return where every number comes from: a row for each run of a stage."""
    of_rows = _row_titles(plan, network_titles)
    rows = [
        [
            f"`{run.name}`",
            of_rows.get(run.name, NOTHING),
            f"`{run.mlflow_run_id}`" if run.mlflow_run_id else "not tracked",
            f"`{run.fingerprint}`",
            _moment(run.started),
            run.revision,
            f"{run.seconds:.1f}",
        ]
        for run in runs
    ]
    header = [
        "stage run",
        "row of the tables",
        "MLflow run",
        "fingerprint",
        "started (UTC)",
        "git revision",
        "seconds",
    ]
    numbers = [
        [run.name, run.mlflow_run_id, run.fingerprint, run.started, run.revision, run.seconds]
        for run in runs
    ]
    names = ["run", "mlflow_run_id", "fingerprint", "started", "revision", "seconds"]
    return Table(header, rows, left=6), Numbers(names, numbers)


def _row_titles(plan: Plan, network_titles: Mapping[str, str]) -> dict[str, str]:
    """Return the title of the row that a run made, by the run's name."""
    return {
        f"{prefix}{subject.kind}@{subject.key(dataset, seed)}": title(subject, network_titles)
        for subject in subjects(plan)
        for dataset in plan.datasets
        for seed in plan.seeds
        for prefix in STAGE_PREFIXES
    }


def _moment(iso: str) -> str:
    return iso[:19].replace("T", " ")
