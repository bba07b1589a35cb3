"""``python -m pkdn networks``: every network with its size."""

import argparse
import json

from rich.console import Console
from rich.table import Table

HELP = "list every network with its input, parameters and multiply-accumulates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--profile", choices=("paper", "demo"), default="paper", help="the sizes to list"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def rows(profile: str) -> list[dict[str, object]]:
    """Return a row for each network, and one for its teacher where it has one."""
    from pkdn import networks
    from pkdn.complexity import size

    found: list[dict[str, object]] = []
    for name in networks.names():
        for system in networks.systems(name, profile):
            parameters, gmac = size(system.network, needs_labels=system.is_teacher)
            found.append(
                {
                    "network": name,
                    "title": system.title,
                    "input": system.input,
                    "parameters": parameters,
                    "gmac": round(gmac, 3),
                }
            )
    return found


def main(arguments: argparse.Namespace) -> None:
    """Print the list."""
    found = rows(arguments.profile)
    if arguments.json:
        print(json.dumps({"profile": arguments.profile, "networks": found}, indent=2))
        return
    table = Table(title=f"networks at the {arguments.profile} profile, 16×16 → 128×128")
    table.add_column("system")
    table.add_column("input")
    table.add_column("parameters", justify="right")
    table.add_column("million", justify="right")
    table.add_column("GMAC", justify="right")
    for row in found:
        parameters, gmac = row["parameters"], row["gmac"]
        assert isinstance(parameters, int)
        assert isinstance(gmac, float)
        table.add_row(
            str(row["title"]),
            str(row["input"]),
            f"{parameters:,}",
            f"{parameters / 1e6:.2f}",
            f"{gmac:.1f}",
        )
    Console().print(table)
