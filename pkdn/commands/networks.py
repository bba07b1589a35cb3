"""``python -m pkdn networks``: every network with its size."""

import argparse
import json
import os
from typing import Any

from rich.console import Console
from rich.table import Table

from pkdn import closure, systems
from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.provenance import ROOT, fingerprint, versions

COUNTED = ROOT / ".pkdn" / "networks"
"""What was counted by the code that lies there; to count ten networks takes seconds."""

HELP = "list every network with its input, parameters and multiply-accumulates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    known = ", ".join(systems.SIZES)
    parser.add_argument(
        "--size",
        default=systems.PAPER_SIZE,
        help=f"to list: {known}, or one of your own; by default {systems.PAPER_SIZE}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> None:
    """Print a row for each network, and one for its teacher where it has one."""
    found = _counted(arguments.size)
    if arguments.json:
        print(json.dumps({"size": arguments.size, "networks": found}, indent=2))
        return
    table = Table(title=f"networks at the size {arguments.size}, 16×16 → 128×128")
    for column in ("system", "input"):
        table.add_column(column)
    for column in ("parameters", "million", "GMAC"):
        table.add_column(column, justify="right")
    for row in found:
        parameters = int(row["parameters"])
        numbers = (f"{parameters:,}", f"{parameters / 1e6:.2f}", f"{row['gmac']:.1f}")
        table.add_row(str(row["title"]), str(row["input"]), *numbers)
    Console().print(table)


def _counted(size: str) -> list[dict[str, Any]]:
    """Return the rows, counted again where code or versions are not those of the last time."""
    # A system's file says what it has to, or else how to mend it.
    known = {name: systems.system(name).sizes for name in systems.in_order(systems.names())}
    names = [name for name in known if size in (*systems.SIZES, *known[name])]
    if not names:
        raise UserError(
            f"--size: expected one of {', '.join(systems.SIZES)}, or one in the SIZES of a file in "
            f"pkdn/networks, got {size}"
        )
    code = closure.code("pkdn.complexity", *closure.within("pkdn.networks"))
    mark = fingerprint("networks", versions(), code, ())
    file = COUNTED / f"{size}.json"
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if kept["mark"] == mark:
            return list(kept["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never counted, or not to the end
    from pkdn.complexity import rows

    found = [row for name in names for row in rows(name, size)]
    if os.access(ROOT, os.W_OK):
        with atomic_file(file) as temporary:
            temporary.write_text(json.dumps({"mark": mark, "rows": found}), encoding="utf-8")
    return found
