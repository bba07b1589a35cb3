"""Records that MLflow is to get whatever becomes of the folders they were made in.

The next parameters write over a run's folder, even where the report, which sends all, did not
come to run; an experiment of DVC's queue has a workspace of its own, which is deleted when it
ends; and the report's record lies in no folder of a run. The files that MLflow shows with a run are
copied beside its record, under the paths that it names: when it is sent, others may lie there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pkdn.files import atomic_file, copy
from pkdn.provenance import Curve, main_repository, write_curve
from pkdn.runs import RECORD


def folder() -> Path:
    """Return where they lie: in the main repository, a folder for each fingerprint."""
    return main_repository() / ".pkdn" / "records"


def put(record: Mapping[str, Any], curve: Curve) -> None:
    """Keep a record, and its artifacts, until it was sent."""
    place = folder() / str(record["fingerprint"])
    for path in map(Path, record["artifacts"]):
        if path.exists():
            copy(path, place / path)
    if curve:
        write_curve(place / "curve.csv", curve)
    with atomic_file(place / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
