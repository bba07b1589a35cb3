"""``python -m pkdn publish``: results that others can verify."""

import argparse
import json
from pathlib import Path

from pkdn.errors import UserError
from pkdn.files import check_new, reading
from pkdn.runs import Planned

HELP = "write the scores of each face, the curves and the records, for others to verify"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("output", metavar="OUT", type=Path, help="a new folder")


def main(arguments: argparse.Namespace) -> None:
    """Write the folder.

    Raises:
        UserError: it has something in it, results are missing here, or ``params.yaml`` asks for
            others.
    """
    from pkdn import params, planning
    from pkdn.pipeline import revisions
    from pkdn.pipeline.previous import HERE
    from pkdn.reports import published

    out: Path = arguments.output
    check_new(out)
    for asked in planning.plan(params.load()):
        check_made(asked)
    here = revisions.state_of_folder(Path(), HERE)
    published.write(here, Path(), out, [Path(revisions.PARAMETERS), revisions.PLAN.plan])
    print(f"{out} has a page, README.md; whoever has it runs `python -m pkdn verify {out}`")


def check_made(asked: Planned) -> None:
    """Check that a run was planned and scored with what ``params.yaml`` asks for.

    Raises:
        UserError: it was not, or its record is broken.
    """
    plan = asked.id.plan
    if not plan.is_file() or plan.read_text(encoding="utf-8") != asked.text():
        raise _other(asked, f"{plan} is of others, or is not there")
    if not asked.id.stage.startswith("evaluate_"):
        return
    values = asked.scored()
    with reading(asked.id.record):
        made = json.loads(asked.id.record.read_text(encoding="utf-8"))["params"]
        others = [name for name, value in made.items() if values.get(name) != value]
    if others:
        raise _other(asked, f"{asked.id.record} has another {others[0]}")


def _other(asked: Planned, why: str) -> UserError:
    return UserError(
        f"expected results of what params.yaml asks for, got others of {asked.id.name}: {why}; run "
        "`python -m pkdn repro`, or take back what was changed in params.yaml"
    )
