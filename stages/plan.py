"""Resolve params.yaml into one small file for each run, with just what the run depends on."""

import argparse
from pathlib import Path

from pkdn import command, params, unplanned
from pkdn.errors import UserError
from pkdn.files import atomic_folder
from pkdn.planning import notes, plan
from pkdn.runs import PLAN

FILE = Path("params.yaml")


def main() -> None:
    """Write ``data/plan``, and take away what runs made that are no longer asked for."""
    argparse.ArgumentParser(prog="python -m stages.plan", description=__doc__).parse_args()
    before = FILE.read_bytes() if FILE.is_file() else b""
    chosen = params.load(FILE)
    planned = plan(chosen)
    with atomic_folder(PLAN) as folder:
        for one in planned:
            file = folder / one.id.plan.relative_to(PLAN)
            file.parent.mkdir(exist_ok=True)
            file.write_text(one.text(), encoding="utf-8")
    others = unplanned.take_away(planned)
    print(f"plan: {len(planned)} runs")
    for note in notes(chosen):
        print(f"note: {note}")
    if others:
        print(f"no stage has made {', '.join(map(str, others))}: kept; move it elsewhere")
    if FILE.read_bytes() != before:  # DVC would note the plan as that of the new ones
        raise UserError(f"expected {FILE} to stay as it was, got another one: run it again")


if __name__ == "__main__":
    command.run(main)
