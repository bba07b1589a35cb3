"""Parse all HR faces of a data set, and compare with its true label maps where it has any."""

import time

from pkdn import command
from pkdn.progress import Progress

# isort: split
# From here on Ctrl-C is no traceback.
import torch

from pkdn import tracking
from pkdn.faces import SPLITS
from pkdn.faces.shards import Shards
from pkdn.parsing.agreement import figures, parse_faces
from pkdn.parsing.maps import load_parser
from pkdn.provenance import peak_mib
from pkdn.runs import planned_by_command
from pkdn.training.precision import default_device


def main() -> None:
    """Write ``data/parsing/DATASET``."""
    planned = planned_by_command(__doc__)
    faces, maps = planned.reads["faces"], planned.writes["maps"]
    parser = load_parser(planned.reads["parser"], default_device())
    with tracking.run(
        planned,
        {"input_size": parser.input_size},
        tags={"network": "bisenet"},
    ) as run:
        total = sum(len(Shards(faces, split)) for split in SPLITS)
        started = time.monotonic()
        with Progress(run.name, total) as progress:
            confusions = parse_faces(parser, faces, maps, advance=progress.advance)
        seconds, threads = time.monotonic() - started, torch.get_num_threads()
        run.metrics(
            {
                "parsing_seconds": round(seconds, 2),
                "faces_per_second": round(total / seconds, 1),
                "faces_per_second_per_core": round(total / seconds / threads, 2),
                "threads": threads,
                "peak_mib": peak_mib(),
            }
        )
        for split, confusion in confusions.items():
            values = figures(confusion)
            run.metrics({f"{split}_{name}": value for name, value in values.items()})
            print(f"{run.name}, {split}: mIoU {values['miou']:.4f} against the true maps")


if __name__ == "__main__":
    command.run(main)
