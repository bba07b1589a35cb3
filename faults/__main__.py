"""``python -m faults``: try what can go wrong, and print *fault · tried · lost*."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from faults import kills
from faults.laboratory import Laboratory
from faults.outcome import Outcome, table, write
from pkdn import command
from pkdn.errors import UserError

PRECISIONS = ("fp32", "bf16")
SHARES = {
    "stage": (kills.of_a_stage, 0.6),
    "dvc": (kills.of_dvc, 0.2),
    "repro": (kills.of_repro, 0.2),
}
SHORT_KILLS = 6


class Fault(NamedTuple):
    """One row of the table.

    Attributes:
        name: by which it is asked for.
        words: what is done.
        attempt: does it, as often as it is to be tried.
    """

    name: str
    words: str
    attempt: Callable[[Laboratory], None]


def main() -> None:
    """Try the faults that are asked for."""
    arguments = _arguments()
    place = Path(tempfile.mkdtemp(prefix="faults-", dir=arguments.folder))
    laboratory = Laboratory(place, seed=arguments.seed, whole=not arguments.short)
    outcomes: list[Outcome] = []
    for fault in _chosen(arguments):
        laboratory.outcome = Outcome(fault.words)
        fault.attempt(laboratory)
        outcomes.append(laboratory.outcome)
        print(f"\n{table(outcomes)}\n", flush=True)
    lost = [reason for outcome in outcomes for reason in outcome.lost]
    print("\n".join(lost))
    if arguments.write:
        write(arguments.write, table(outcomes))
    if lost:
        sys.exit(1)
    shutil.rmtree(place)


def _faults(kills_wanted: int, precisions: tuple[str, ...]) -> Iterator[Fault]:
    """Yield all that can be tried, in the order of the table."""
    for precision in precisions:
        for name, (kill, share) in SHARES.items():
            count = max(1, round(kills_wanted * share / len(precisions)))
            summary = (kill.__doc__ or "").rstrip(".")
            attempt = partial(kill, count=count, precision=precision)
            yield Fault(f"kill_{name}_{precision}", f"{summary}, in {precision}", attempt)


def _chosen(arguments: argparse.Namespace) -> list[Fault]:
    precisions = ("fp32",) if arguments.short else PRECISIONS
    known = list(_faults(arguments.kills, precisions))
    if not arguments.only:
        return known
    names = {fault.name for fault in known}
    for name in arguments.only:
        if name not in names:
            raise UserError(f"--only: expected names out of {', '.join(names)}; got {name}")
    return [fault for fault in known if fault.name in arguments.only]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    add = parser.add_argument
    add("--short", action="store_true", help="what fits into two minutes")
    add("--kills", type=int, default=200, help="random kills, in all")
    add("--only", nargs="+", metavar="NAME", help="these faults alone, such as kill_stage_fp32")
    add("--seed", type=int, default=0, help="of what is random")
    add("--write", type=Path, metavar="PAGE", help="put the table between the marks of this page")
    add("--folder", type=Path, help="where to work, instead of the system's folder for such things")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
