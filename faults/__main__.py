"""``python -m faults``: try what can go wrong, and print *fault · tried · lost*."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from faults import files, inputs, kills, machine, queue, servers
from faults.laboratory import STEPS, Laboratory
from faults.outcome import Outcome, table, write
from pkdn import command
from pkdn.errors import UserError

PRECISIONS = ("fp32", "bf16")
KILLS = {
    "stage": (kills.of_a_stage, 0.55),
    "dvc": (kills.of_dvc, 0.2),
    "repro": (kills.of_repro, 0.15),
    "queue": (queue.of_the_queue, 0.1),
}
"""The kinds of kills, and which share of all kills each has."""
OTHERS = {
    "checkpoints": files.checkpoints,
    "shards": files.shards,
    "other_precision": files.other_precision,
    "divergence": inputs.divergence,
    "parameters": inputs.parameters,
    "disk_full": machine.disk_full,
    "read_only": machine.read_only,
    "out_of_memory": machine.out_of_memory,
    "dead_server": servers.dead_server,
    "hanging_server": servers.hanging_server,
    "broken_database": servers.broken_database,
    "starts_at_once": servers.starts_at_once,
}
SHORT = ("kill_stage_fp32", "out_of_memory")
SHORT_KILLS, SHORT_STEPS = 4, 24


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
    # `nohup` has the one ignored, a shell's background job the other, also by what is started.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="faults-", dir=arguments.folder))
    chosen = _chosen(arguments)
    whole = any(fault.name.startswith(("kill_dvc", "kill_repro")) for fault in chosen)
    steps = {"fp32": SHORT_STEPS} if arguments.short else STEPS
    laboratory = Laboratory(place, seed=arguments.seed, whole=whole, steps=steps)
    outcomes: list[Outcome] = []
    for fault in chosen:
        laboratory.outcome = Outcome(fault.words)
        fault.attempt(laboratory)
        outcomes.append(laboratory.outcome)
        if arguments.write:
            write(arguments.write, outcomes)
        print(f"\n{table(outcomes)}\n", flush=True)
    lost = [reason for outcome in outcomes for reason in outcome.lost]
    print("\n".join(lost))
    if lost:
        sys.exit(1)
    shutil.rmtree(place)


def _faults(num_kills: int) -> Iterator[Fault]:
    """Yield all that can be tried, in the order of the table."""
    for name, (kill, share) in KILLS.items():
        for precision in PRECISIONS:
            count = max(1, round(num_kills * share / len(PRECISIONS)))
            attempt = partial(kill, count=count, precision=precision)
            yield Fault(f"kill_{name}_{precision}", f"{_words(kill)}, in {precision}", attempt)
    for name, other in OTHERS.items():
        yield Fault(name, _words(other), other)


def _words(attempt: Callable[..., None]) -> str:
    return " ".join(str(attempt.__doc__).split()).rstrip(".").replace("``", "`")


def _chosen(arguments: argparse.Namespace) -> list[Fault]:
    known = {fault.name: fault for fault in _faults(arguments.kills)}
    if arguments.short:
        known = {name: known[name] for name in SHORT}
        known[SHORT[0]] = known[SHORT[0]]._replace(
            attempt=partial(kills.of_a_stage, count=SHORT_KILLS, precision="fp32")
        )
    for name in arguments.only or ():
        if name not in known:
            raise UserError(f"--only: expected names out of {', '.join(known)}; got {name}")
    return [known[name] for name in arguments.only or known]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    add = parser.add_argument
    add("--short", action="store_true", help="what fits into two minutes")
    add("--kills", type=int, default=200, help="random kills, in all")
    add("--only", nargs="+", metavar="NAME", help="these faults alone, such as kill_stage_fp32")
    add("--seed", type=int, default=0, help="of what is random")
    add("--write", type=Path, metavar="PAGE", help="put the rows into the table of this page")
    add("--folder", type=Path, help="where to work, instead of the system's folder for such things")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
