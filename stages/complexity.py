"""Measure every network: parameters, multiplications, latency, memory.

All in one process, one after the other: machines are noisy, and only latencies that were
measured together can be compared.
"""

from pkdn import command
from pkdn.progress import track

# isort: split
# From here on Ctrl-C is no traceback.
import os

import pandas as pd

from pkdn import closure, complexity, tracking
from pkdn.files import atomic_file
from pkdn.runs import Planned, planned_by_command
from pkdn.training import precision


def by_name(planned: Planned) -> list[str]:  # noqa: ARG001
    """Return the modules that are imported by their names."""
    return closure.within("pkdn.networks")


def main() -> None:
    """Write ``complexity.csv``: the size that is run with its costs, and the paper's."""
    planned = planned_by_command(__doc__)
    settings = planned.settings
    compute = precision.choose(settings["precision"], precision.default_device())
    size, load = settings["size"], os.getloadavg()[0]
    with tracking.run(
        planned, {"size": size}, tags=compute.record(), by_name=by_name(planned)
    ) as run:
        rows = [
            row
            for name in track(settings["networks"], "complexity", len(settings["networks"]))
            for of in settings["sizes"]
            for row in complexity.rows(name, of, compute if of == size else None)
        ]
        table = run.id.folder / "complexity.csv"
        with atomic_file(table) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")
        for row in rows:
            prefix = f"{row['network']}.{row['role']}.{row['size']}"
            numbers = {k: v for k, v in row.items() if isinstance(v, int | float)}
            run.metrics({f"{prefix}.{name}": value for name, value in numbers.items()})
        run.metrics({"load_average": load})
        run.artifact(table)


if __name__ == "__main__":
    command.run(main)
