"""``python -m pkdn export-weights``: hand on what a training ended with."""

import argparse
from pathlib import Path

from pkdn.errors import UserError

HELP = "write a trained student with its card, to publish or to use elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("output", metavar="OUT", type=Path, help="a new folder")
    parser.add_argument(
        "--weights",
        type=Path,
        help="a file of a training in data/runs, or the name of a student there, such as "
        "helen-full-0; a teacher's is refused; by default the full student that was trained here "
        "on photographs",
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the folder.

    Raises:
        UserError: no student is named, and none was trained here on photographs.
    """
    from pkdn import weights
    from pkdn.upscaling import SHIPPED, chosen_weights

    trained = chosen_weights(arguments.weights)
    if trained == SHIPPED:
        raise UserError(
            "expected a student that was trained here on photographs, found none: name a student "
            "with --weights, such as data/runs/student/synthetic-full-0/weights.safetensors"
        )
    exported = weights.export(trained, arguments.output)
    print(f"{exported} with its card README.md; use it by `python -m pkdn upscale --weights`")
