"""Cut the faces of a data set to 128×128 and pack them, with an index of all boxes."""

import argparse
import json
from pathlib import Path

from pkdn import command, params, tracking
from pkdn.data.alignment import align
from pkdn.data.datasets import DatasetSettings
from pkdn.files import atomic_file
from pkdn.provenance import peak_mib


def main() -> None:
    """Write ``data/faces/DATASET/`` and ``data/metrics/align/DATASET.json``."""
    parser = argparse.ArgumentParser(prog="python -m stages.align", description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of a data set")
    name: str = parser.parse_args().dataset

    settings = DatasetSettings.of(params.load())
    photos = Path("data/photos") / name / "photos.csv"
    with tracking.run("align", name, {"dataset": name}, {"dataset": name}, [photos]) as run:
        metrics = align(name, settings, photos, Path("data/faces") / name)
        metrics["peak_mib"] = peak_mib()
        metrics["peak_mib_per_worker"] = peak_mib(of_workers=True)
        with atomic_file(Path("data/metrics/align") / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        faces = {f"{split}_faces": count for split, count in metrics["faces"].items()}
        run.metrics({**faces, **{k: v for k, v in metrics.items() if isinstance(v, int | float)}})


if __name__ == "__main__":
    command.run(main)
