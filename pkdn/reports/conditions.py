"""What was run: data, settings, machine and wall time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pkdn.faces import SPLITS
from pkdn.reports import published
from pkdn.reports.inputs import count_faces
from pkdn.reports.plan import Plan
from pkdn.reports.records import Record
from pkdn.reports.tables import NOTHING, Column, Table, duration, listing, words

DRAWN: Final = "synthetic"
UNKNOWN_MACHINE: Final = {"processor": "unknown processor", "cores": "?", "memory_gib": "?"}


def counts(faces: Mapping[str, int]) -> str:
    """Return how many faces there are to train, validate and test: ``320 / 32 / 64``."""
    return " / ".join(f"{faces[split]:,}" for split in SPLITS)


def faces_table(root: Path, plan: Plan) -> Table:
    """Count the faces of each split, beside the paper's counts where it has the data set."""
    names = plan.datasets
    here = [count_faces(root, name) for name in names]
    of_split = {split: [faces[split] for faces in here] for split in SPLITS}
    paper = [counts(published.FACES[d]) if d in published.FACES else NOTHING for d in names]
    kinds = ["drawn by this project" if d == DRAWN else "photographs" for d in names]
    return Table(
        [
            words("data set", [f"`{name}`" for name in names], "dataset", names),
            words("faces are", kinds),
            *(Column(s, [f"{n:,}" for n in each], {s: each}) for s, each in of_split.items()),
            Column("the paper's train / val / test", paper),
        ]
    )


def settings_table(plan: Plan) -> Table:
    """Return the parameters that decide about the results."""
    rows = {"profile": plan.profile, "size": plan.size, "seeds": listing(plan.seeds), **plan.shown}
    names = [f"`{name}`" for name in rows]
    return Table([words("parameter", names), words("value", map(_plain, rows.values()))])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NOTHING if value is None else str(value)


def time_table(records: Sequence[Record]) -> Table:
    """Sum the wall time of each stage, in the order in which the stages first ran."""
    seconds: dict[str, list[float]] = {}
    for record in records:
        seconds.setdefault(record.run.stage, []).append(record.seconds)
    runs = [len(each) for each in seconds.values()]
    together, longest = ([by(each) for each in seconds.values()] for by in (sum, max))
    return Table(
        [
            words("stage", seconds, "stage", seconds),
            Column("runs", [str(number) for number in runs], {"runs": runs}),
            Column("wall time together", [*map(duration, together)], {"seconds": together}),
            Column("longest run", [*map(duration, longest)], {"longest": longest}),
        ],
        footer=["**all**", str(len(records)), f"**{total_time(records)}**", ""],
    )


def total_time(records: Sequence[Record]) -> str:
    """Return the sum of all wall times in words."""
    return duration(sum(record.seconds for record in records))


def machines(records: Sequence[Record]) -> str:
    """Describe every machine that computed something; the busiest first.

    A stage without torch cannot name the GPU, so the GPU is told with the precision.
    """
    known = ({k: v for k, v in record.machine.items() if v is not None} for record in records)
    found = ({**UNKNOWN_MACHINE, **machine} for machine in known)
    texts = ("{processor}, {cores} cores, {memory_gib} GiB of memory".format(**m) for m in found)
    return "; ".join(_by_frequency(texts))


def accelerators(records: Sequence[Record]) -> str:
    """Return the GPUs in use; none means that everything ran on the processor."""
    return listing(sorted({str(r.machine["gpu"]) for r in records if r.machine.get("gpu")}))


def precisions(records: Sequence[Record]) -> str:
    """Return the number formats of the trainings."""
    found = sorted({record.precision for record in records if record.precision})
    return listing(found) or "a precision that is not recorded"


def revisions(records: Sequence[Record]) -> list[str]:
    """Return the git revisions that computed something; the most frequent first."""
    return _by_frequency(record.revision for record in records)


def _by_frequency(texts: Iterable[str]) -> list[str]:
    return [text for text, _ in Counter(texts).most_common()]


def versions(records: Sequence[Record]) -> str:
    """Return the versions of the libraries; several of one where runs differ."""
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.versions.items():
            found.setdefault(package, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in found)
