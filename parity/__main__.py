"""``python -m parity PATH…``: our networks against their authors' code.

Each PATH is a checkout of one of these repositories on GitHub: wcy-cs/KDFSRNet,
chaofengc/Face-SPARNet, mdswyz/SISN-Face-Hallucination, Maclory/Deep-Iterative-Collaboration.
Their network is imported from there and gets the weights of ours, with random running statistics;
two drawn faces go through both, each with its own preparation, in fp32, and the table says by how
much they differ at most. None of their code is part of this project.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from parity.checkouts import module
from parity.comparison import Differences, compare
from parity.faces import draw
from parity.systems import SYSTEMS, System
from pkdn import command
from pkdn.errors import UserError

NUM_FACES = 2
"""DIC needs some 2 GiB for each. SISN normalises averages over the batch, which makes rounding
larger, the more so the fewer faces."""
COLUMNS = (
    "system",
    "repository",
    "SR, evaluating",
    "SR, training",
    "features",
    "gradients",
    "statistics",
    "weights of theirs without a place",
)


def found(paths: Sequence[Path]) -> list[tuple[Path, System]]:
    """Return the systems of each checkout.

    Raises:
        UserError: A path is none of them.
    """
    pairs = []
    for path in paths:
        here = [system for system in SYSTEMS if (path / system.file).is_file()]
        if not here:
            known = ", ".join(dict.fromkeys(f"{s.repository} ({s.file})" for s in SYSTEMS))
            raise UserError(f"expected a checkout of {known}; {path} has none of these files")
        pairs += [(path, system) for system in here]
    return pairs


def row(system: System, differences: Differences) -> list[str]:
    """Return a line of the table."""
    *numbers, homeless = differences
    return [
        system.title,
        system.repository,
        *(f"{number:.1e}" if number else "0" for number in numbers),
        f"{homeless:,}" if homeless else "none",
    ]


def main() -> None:
    """Print the table, one line a network."""
    parser = argparse.ArgumentParser("python -m parity", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a checkout")
    checkouts = found(parser.parse_args().paths)
    faces = draw(NUM_FACES)
    table = Table(*COLUMNS, title=f"largest differences in fp32, on {NUM_FACES} drawn faces")
    for path, system in checkouts:
        theirs = system.theirs(module(path, system.file))
        table.add_row(*row(system, compare(system, theirs, faces)))
    Console().print(table)


if __name__ == "__main__":
    command.run(main)
