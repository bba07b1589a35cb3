"""Measure every network: parameters, multiplications, latency, memory.

All in one process, one after the other: machines are noisy, and only latencies that were
measured together can be compared.
"""

import csv
from pathlib import Path

from rich.progress import track

from pkdn import command, complexity, networks, params, precision, tracking
from pkdn.files import atomic_file

OUT = Path("data/complexity.csv")
COLUMNS = (
    "network",
    "profile",
    "title",
    "input",
    "parameters",
    "gmac",
    "latency_ms_b1",
    "latency_ms_b8",
    "peak_mib_b8",
)


def measure(name: str, profile: str, compute: precision.Precision | None) -> dict[str, object]:
    """Return one network's row; latency and memory only where ``compute`` is given."""
    module = networks.load(name)
    network = networks.build(name, profile)
    size = complexity.size(network)
    row: dict[str, object] = {
        "network": name,
        "profile": profile,
        "title": module.TITLE,
        "input": module.INPUT,
        "parameters": size.parameters,
        "gmac": round(size.gmac, 4),
    }
    if compute is not None:
        one, eight = (complexity.cost(network, faces, compute) for faces in (1, 8))
        row |= {
            "latency_ms_b1": round(one.latency_ms, 3),
            "latency_ms_b8": round(eight.latency_ms, 3),
            "peak_mib_b8": round(eight.peak_mib, 2),
        }
    return row


def main() -> None:
    """Write ``data/complexity.csv``."""
    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    names = [*settings.networks, "pkdn"]
    with tracking.run(
        "complexity", "", {"profile": settings.profile}, {"precision": compute.name}
    ) as run:
        rows = [
            measure(name, profile, compute if profile == settings.profile else None)
            for name in track(names, "complexity")
            for profile in params.PROFILES
        ]
        with atomic_file(OUT) as temporary, temporary.open("w", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        for row in rows:
            values = {k: v for k, v in row.items() if isinstance(v, int | float)}
            run.metrics({f"{row['network']}.{row['profile']}.{k}": v for k, v in values.items()})
        run.artifact(OUT)


if __name__ == "__main__":
    command.run(main)
