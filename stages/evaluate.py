"""Score a trained network on the test faces of its data set, under every protocol."""

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from pkdn import command
from pkdn.progress import track

# isort: split
# From here on Ctrl-C is no traceback.
from PIL import Image

from pkdn import closure, networks, perceptual, tracking
from pkdn.evaluation import FaceScore, evaluate
from pkdn.faces.shards import Shards
from pkdn.files import atomic_folder
from pkdn.metrics import PRIMARY
from pkdn.parsing.maps import load_parser
from pkdn.runs import TRAININGS, Planned, planned_by_command
from pkdn.training.precision import default_device

BATCH_SIZE = 8
NUM_EXAMPLES = 4
HEADLINES = {
    f"{PRIMARY}.psnr": "psnr",
    f"{PRIMARY}.ssim": "ssim",
    "parsing.miou": "parsing_miou",
}


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    network = f"pkdn.networks.{planned.settings['network']}"
    return [network, *closure.within("pkdn.metrics"), *closure.within("pkdn.perceptual")]


def main() -> None:
    """Write the scores of one system, and its SR images of the first test faces.

    Networks are scored in fp32 on every machine, so that scores do not depend on whether it
    multiplies in bf16 (not stated in the paper; our choice).
    """
    planned = planned_by_command(__doc__, *(f"evaluate_{stage}" for stage in TRAININGS))
    reads, tags = planned.reads, {"network": planned.settings["network"]}
    with tracking.run(planned, planned.scored(), tags=tags, by_name=by_name(planned)) as run:
        if reason := networks.absence(reads["weights"]):
            with atomic_folder(run.id.folder) as folder:
                (folder / run.id.absence.name).write_text(reason + "\n", encoding="utf-8")
            print(f"{run.name}: not scored: {reason}")
            return
        faces, device = Shards(reads["faces"], "test"), default_device()
        scores = evaluate(
            networks.load(reads["weights"]),
            faces,
            batch_size=BATCH_SIZE,
            device=device,
            labels=Shards(reads["maps"], "test"),
            parse=load_parser(reads["parser"], device),
            judges=perceptual.load(planned.settings.get("metrics", ()), device),
        )
        with atomic_folder(run.id.folder) as folder:
            means = write(track(scores, run.name, len(faces)), folder)
        run.metrics(means)
        headlines = {short: means[name] for name, short in HEADLINES.items()}
        run.metrics({f"test_{name}": value for name, value in headlines.items()})
        print(f"{run.name}: " + ", ".join(f"{n} {v:.4f}" for n, v in headlines.items()))


def write(scores: Iterable[FaceScore], folder: Path) -> dict[str, float]:
    """Write ``scores.csv`` and ``examples/``, face by face; return the mean of each column.

    An example is named by its face's place, since names of faces may be longer than a file's can.
    A mean is one over the faces that have a value; a column in which none has one is left out.
    In the file the cell of a face without a value is empty.
    """
    (folder / "examples").mkdir()
    rows: list[dict[str, float]] = []
    with (folder / "scores.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for score in scores:
            if not rows:
                writer.writerow(["name", *score.row])
            cells = ("" if math.isnan(value) else value for value in score.row.values())
            writer.writerow([score.name, *cells])
            if len(rows) < NUM_EXAMPLES:
                Image.fromarray(score.sr_image).save(folder / "examples" / f"{len(rows)}.png")
            rows.append(score.row)
    columns = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in rows[0]}
    return {name: sum(values) / len(values) for name, values in columns.items() if values}


if __name__ == "__main__":
    command.run(main)
