"""List the photos of a data set: names, splits and fingerprints; the photos stay where they are."""

import argparse
from pathlib import Path

from pkdn import command, params, tracking
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings


def main() -> None:
    """Write ``data/photos/DATASET/photos.csv``."""
    parser = argparse.ArgumentParser(prog="python -m stages.download", description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of a data set")
    name: str = parser.parse_args().dataset

    settings = DatasetSettings.of(params.load())
    record = {"dataset": name, "folder": str(settings.folder or ""), **settings.counts}
    with tracking.run("download", name, record, {"dataset": name}) as run:
        run.metrics(write_catalogue(name, settings, Path("data/photos") / name / "photos.csv"))


if __name__ == "__main__":
    command.run(main)
