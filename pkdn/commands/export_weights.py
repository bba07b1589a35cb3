"""``python -m pkdn export-weights``: hand on what a training ended with."""

import argparse
from pathlib import Path

HELP = "write a trained student with its card, to publish or to use elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("output", metavar="OUT", type=Path, help="a new folder")
    parser.add_argument(
        "--weights", type=Path, help="of a training in data/runs (default: the full student)"
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the folder."""
    from pkdn import weights
    from pkdn.upscaling import default_weights

    exported = weights.export(arguments.weights or default_weights(), arguments.output)
    print(f"{exported} with its card README.md; use it by `python -m pkdn upscale --weights`")
