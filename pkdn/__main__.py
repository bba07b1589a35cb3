"""``python -m pkdn COMMAND``, or ``pkdn COMMAND``."""

import argparse
import os
import signal
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from pkdn import command, commands
from pkdn.errors import UserError

ABOUT = """Face super-resolution by prior-knowledge distillation: run the pipeline from photos to
tables, and use what it trained. `pkdn COMMAND --help` says more of a command."""


def program() -> str:
    """Return what the user has typed to get here."""
    return "pkdn" if Path(sys.argv[0]).name == "pkdn" else "python -m pkdn"


def main() -> None:
    """Hand the arguments to the command's own file in ``pkdn/commands``."""
    names = sorted(module.name.replace("_", "-") for module in iter_modules(commands.__path__))
    top = argparse.ArgumentParser(prog=program(), description=ABOUT)
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND")
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    for name in names:
        # Only the chosen command's imports are paid for, unless the help lists them all.
        if chosen in names and name != chosen:
            continue
        module = _module(name)
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
    arguments = top.parse_args()
    if arguments.command:
        _module(arguments.command).main(arguments)
    else:
        top.print_help()


def _module(name: str) -> ModuleType:
    return import_module(f"{commands.__name__}.{name.replace('-', '_')}")


def script() -> None:
    """Be the program ``pkdn``; letters that the output's encoding lacks are written by numbers.

    Where an output is closed, as some schedulers have it, what it would be told is lost.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # or the next file that is opened would be taken for the output
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command.run(_until_nobody_reads)


def _check_clone() -> None:
    """Refuse to run the code of one clone in the folder of another.

    Raises:
        UserError: that would be.
    """
    own, here = Path(__file__).parent, Path("pkdn")
    if (here / "__main__.py").is_file() and not here.samefile(own):
        raise UserError(
            f"expected to run the code of this folder, got that of {own.parent}: use `python -m "
            "pkdn` here, or an environment of this folder's own (`make .venv/.ready`)"
        )


def _until_nobody_reads() -> None:
    """Run; end quietly where whoever reads the output, such as ``head``, has enough of it."""
    _check_clone()
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    script()
