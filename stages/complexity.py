"""Measure every network: parameters, multiplications, latency, memory.

All in one process, one after the other: machines are noisy, and only latencies that were
measured together can be compared.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from pkdn import command, complexity, networks, params, tracking
from pkdn.files import atomic_file
from pkdn.training import precision

OUT = Path("data/complexity.csv")
COLUMNS = (
    "network",
    "role",
    "profile",
    "title",
    "input",
    "parameters",
    "gmac",
    "latency_ms_b1",
    "latency_ms_b8",
    "peak_mib_b8",
)


def measure(
    name: str, profile: str, compute: precision.Precision | None
) -> Iterator[dict[str, object]]:
    """Yield the rows of a network and of its teacher if it has one.

    Latency and memory are there only where ``compute`` is given.
    """
    for system in networks.systems(name, profile):
        size = complexity.size(system.network, needs_labels=system.is_teacher)
        row: dict[str, object] = {
            "network": name,
            "role": "teacher" if system.is_teacher else "network",
            "profile": profile,
            "title": system.title,
            "input": system.input,
            "parameters": size.parameters,
            "gmac": round(size.gmac, 4),
        }
        if compute is not None:
            one, eight = (
                complexity.cost(system.network, faces, compute, needs_labels=system.is_teacher)
                for faces in (1, 8)
            )
            row |= {
                "latency_ms_b1": round(one.latency_ms, 3),
                "latency_ms_b8": round(eight.latency_ms, 3),
                "peak_mib_b8": round(eight.peak_mib, 2),
            }
        yield row


def main() -> None:
    """Write ``data/complexity.csv``."""
    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    names = [*settings.networks, "pkdn"]
    with tracking.run(
        "complexity", "", {"profile": settings.profile}, {"precision": compute.name}
    ) as run:
        rows = [
            row
            for name in track(names, "complexity")
            for profile in params.PROFILES
            for row in measure(name, profile, compute if profile == settings.profile else None)
        ]
        with atomic_file(OUT) as temporary, temporary.open("w", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        for row in rows:
            values = {k: v for k, v in row.items() if isinstance(v, int | float)}
            prefix = ".".join(str(row[column]) for column in ("network", "role", "profile"))
            run.metrics({f"{prefix}.{name}": value for name, value in values.items()})
        run.artifact(OUT)


if __name__ == "__main__":
    command.run(main)
