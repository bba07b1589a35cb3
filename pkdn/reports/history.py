"""What the stages recorded about the runs behind the report.

Records are a data frame with a row for each run, in the order in which they started: ``run`` and
what :meth:`pkdn.tracking.Run.record` gives.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.files import reading
from pkdn.reports import commands
from pkdn.reports.plan import Plan, title
from pkdn.reports.tables import NOTHING, Column, Table, codes, duration, listing, words
from pkdn.runs import FACES, TRAININGS, RunId

ABOUT_RUN: Final = ["run", "stage", "name", "started", "seconds", "revision", "mlflow_run_id"]
ABOUT_CONTENT: Final = [
    "fingerprint",
    "params",
    "tags",
    "metrics",
    "machine",
    "versions",
    "datasets",
]
SHORT: Final = 8
"""Digits of MLflow's name of a run, as its own pages show it."""
QUIET: Final = 0.95
"""The part of the time that a measurement has its core where no other program wants it."""
UNKNOWN_MACHINE: Final = {"processor": "unknown processor", "cores": "?", "memory_gib": "?"}


def read_records(root: Path, plan: Plan) -> pd.DataFrame:
    """Read the records of the plan's runs, as far as there are some."""
    runs = [run for run in plan.runs() if (root / run.record).is_file()]
    found = [_read(root, run, plan) for run in runs]
    records = pd.DataFrame(found, columns=[*ABOUT_RUN, *ABOUT_CONTENT], dtype=object)
    return records.sort_values(["started", "name"])


def _read(root: Path, run: RunId, plan: Plan) -> dict[str, object]:
    with reading(root / run.record):
        found = json.loads((root / run.record).read_text(encoding="utf-8"))
        found["mlflow_run_id"] = plan.mlflow_runs.get(found["fingerprint"], found["mlflow_run_id"])
        found |= {"run": run, "stage": run.stage, "name": run.name}
        seconds = found["seconds"] + found.get("seconds_before", 0)  # which records had not once
        found |= {"revision": found["revision"] or "unknown", "seconds": seconds}
        found |= {"datasets": found.get("datasets", [])}  # bicubic had none once
        return {name: found[name] for name in (*ABOUT_RUN, *ABOUT_CONTENT)}


def time_table(records: pd.DataFrame) -> Table:
    """Sum the wall time of each stage, in the order in which the stages first ran."""
    groups = records.groupby("stage", sort=False)["seconds"]
    by_stage = {str(stage): [*seconds] for stage, seconds in groups}
    runs, together, longest = ([by(of) for of in by_stage.values()] for by in (len, sum, max))
    all_runs, all_time = str(len(records)), f"**{total_time(records)}**"
    return [
        words("stage", [*by_stage, "**all**"], "stage", by_stage),
        Column("runs", [*map(str, runs), all_runs], {"runs": runs}),
        Column("wall time together", [*map(duration, together), all_time], {"seconds": together}),
        Column("longest run", [*map(duration, longest), ""], {"longest": longest}),
    ]


def total_time(records: pd.DataFrame) -> str:
    """Return the sum of all wall times in words."""
    return duration(sum(records["seconds"]))


def machines(records: pd.DataFrame) -> str:
    """Describe every machine that computed something; the busiest first.

    A stage without torch cannot name the GPU, so the GPU is told with the precision.
    """
    known = [{k: v for k, v in machine.items() if v is not None} for machine in records["machine"]]
    text = "{processor}, {cores} cores, {memory_gib} GiB of memory"
    return "; ".join(_by_frequency(text.format(**UNKNOWN_MACHINE | machine) for machine in known))


def accelerators(records: pd.DataFrame) -> str:
    """Return the GPUs in use; none means that everything ran on the processor."""
    return listing(sorted({machine.get("gpu") for machine in records["machine"]} - {None}))


def faces(records: pd.DataFrame, dataset: str) -> dict[str, dict[str, int]]:
    """Return the faces of a data set that its runs read; one entry, unless they were changed.

    Returns:
        How many there are in each split, by the digest of their files' checksums.
    """
    found = [one for of_run in records["datasets"] for one in of_run]
    mine = (FACES / dataset).as_posix()  # others of its name are those that the parser learns from
    return {one["digest"]: one["counts"] for one in found if one["source"] == mine}


def precisions(records: pd.DataFrame, stages: Collection[str] = TRAININGS) -> str:
    """Return the number formats of these stages' runs."""
    of_stages = records[records["stage"].isin(stages)]
    found = sorted({tags.get("precision") for tags in of_stages["tags"]} - {None})
    return listing(found) or "a precision that is not recorded"


def skipped_steps(records: pd.DataFrame) -> list[str]:
    """Return which trainings left steps out, and how many, those of a teacher within among them."""
    counts = {
        name: sum(int(count) for key, count in metrics.items() if key.endswith("skipped_steps"))
        for name, metrics in records[["name", "metrics"]].to_numpy()
    }
    return [f"`{name}`: {count}" for name, count in counts.items() if count]


def revisions(records: pd.DataFrame) -> list[str]:
    """Return the git revisions that computed something; the most frequent first."""
    return _by_frequency(records["revision"])


def _by_frequency(texts: Iterable[str]) -> list[str]:
    return [text for text, _ in Counter(texts).most_common()]


def versions(records: pd.DataFrame) -> str:
    """Return the versions of the libraries; several of one where runs differ."""
    found: dict[str, set[str]] = {}
    for of_run in records["versions"]:
        for package, version in of_run.items():
            found.setdefault(package, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in found)


def _link(run_id: str | None, pages: str) -> str:
    """Return a run of MLflow's for people: in short where it can be followed."""
    if not run_id:
        return "not tracked"
    return f"[{run_id[:SHORT]}]({pages}{run_id})" if pages else f"`{run_id}`"


def origins(plan: Plan, records: pd.DataFrame) -> Table:
    """Return where every number comes from: a row for each run of a stage."""
    made = {run: title(subject) for subject, run in plan.trainings()}
    made |= {run.evaluation(): row for run, row in made.items()}
    tracked = [_link(run_id, plan.mlflow_pages) for run_id in records["mlflow_run_id"]]
    moments = [moment[:19].replace("T", " ") for moment in records["started"]]
    seconds = [f"{taken:.1f}" for taken in records["seconds"]]

    def shown(heading: str, cells: Iterable[str], field: str) -> Column:
        return words(heading, cells, field, records[field])

    return [
        words("stage run", codes(records["name"]), "run", records["name"]),
        words("row of the tables", [made.get(run, NOTHING) for run in records["run"]]),
        words("made by", map(commands.command, records["run"])),
        shown("MLflow run", tracked, "mlflow_run_id"),
        shown("fingerprint", codes(records["fingerprint"]), "fingerprint"),
        shown("started (UTC)", moments, "started"),
        shown("git revision", records["revision"], "revision"),
        Column("seconds", seconds, {"seconds": [*records["seconds"]]}),
    ]
