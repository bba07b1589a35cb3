"""List the photos of a data set: names, splits and fingerprints; the photos stay where they are."""

from pkdn import command, tracking
from pkdn.data import datasets, listing
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings
from pkdn.runs import Planned, planned_by_command


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.data.datasets.{planned.settings['dataset']}"]


def main() -> None:
    """Write ``data/photos/DATASET/photos.csv``."""
    planned = planned_by_command(__doc__)
    settings = DatasetSettings.of(planned.settings)
    if terms := datasets.terms(planned.id.dataset):
        print(f"{planned.id.dataset}: {terms}")
    with tracking.run(planned, planned.settings, by_name=by_name(planned)) as run:
        listing.write(planned.id.dataset, settings, run.id.folder)
        photos = planned.writes["photos"] / "photos.csv"
        run.metrics(write_catalogue(planned.id.dataset, settings, photos))


if __name__ == "__main__":
    command.run(main)
