"""What was run, and what the data stages counted."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from pkdn.faces import SPLITS
from pkdn.reports import paper
from pkdn.reports.inputs import count_faces, read_left_out
from pkdn.reports.plan import Plan
from pkdn.reports.tables import NOTHING, Column, Table, codes, listing, words
from pkdn.runs import DRAWN

COUNTING_STAGES: Final = ("align", "parse")
# Of the figures for single classes, which would bury the others; the parser's have a table.
CLASS_MARK: Final = "_iou_"
MAX_NAMED: Final = 20


def counts(faces: Mapping[str, int]) -> str:
    """Return how many faces there are to train, validate and test: ``320 / 32 / 64``."""
    return " / ".join(f"{faces[split]:,}" for split in SPLITS)


def faces_table(root: Path, plan: Plan) -> Table:
    """Count the faces of each split, beside the paper's counts where it has the data set."""
    names = plan.datasets
    here = pd.DataFrame([count_faces(root, name) for name in names])
    theirs = [counts(paper.FACES[d]) if d in paper.FACES else NOTHING for d in names]
    kinds = ["drawn by this project" if d == DRAWN else "photographs" for d in names]
    return [
        words("data set", codes(names), "dataset", names),
        words("faces are", kinds),
        *(
            Column(split, [f"{n:,}" for n in here[split]], {split: [*here[split]]})
            for split in SPLITS
        ),
        Column("the paper's train / val / test", theirs),
    ]


def settings_table(plan: Plan) -> Table:
    """Return the parameters that decide about the results."""
    rows = {"profile": plan.profile, "size": plan.size, "seeds": listing(plan.seeds), **plan.shown}
    return [words("parameter", codes(rows)), words("value", map(_plain, rows.values()))]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NOTHING if value is None else str(value)


def counted(root: Path, plan: Plan, records: pd.DataFrame) -> Table:
    """Return what the data stages counted, and the faces that were left out."""
    rows = [
        (stage, run.dataset, name, f"{value:.0f}" if value.is_integer() else f"{value:.4g}")
        for stage in COUNTING_STAGES
        for run, metrics in records.loc[records["stage"] == stage, ["run", "metrics"]].to_numpy()
        for name, value in metrics.items()
        if CLASS_MARK not in name
    ]
    for dataset in plan.datasets:
        left_out = read_left_out(root, dataset)
        rows.append(("align", dataset, "left_out", str(len(left_out))))
        named = "; ".join(left_out[:MAX_NAMED]) or NOTHING
        rows.append(("align", dataset, "left_out_names", named))
    stages, datasets, names, values = zip(*rows, strict=True)
    shown = [words("stage", stages), words("data set", codes(datasets)), words("what", names)]
    return [*shown, Column("value", [_as_it_stands(value) for value in values], {"value": values})]


def _as_it_stands(text: str) -> str:
    """Return a user's words so that Markdown reads nothing into them."""
    return re.sub(r"([\\`*_\[\]!<>&])", r"\\\1", text)
