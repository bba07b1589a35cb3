"""Cut the faces of a data set to 128×128 and pack them, with an index of all boxes."""

from pkdn import command, tracking
from pkdn.data.alignment import align
from pkdn.data.datasets import DatasetSettings
from pkdn.provenance import peak_mib
from pkdn.runs import Planned, planned_by_command


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.data.datasets.{planned.id.dataset}"]


def main() -> None:
    """Write ``data/faces/DATASET``."""
    planned = planned_by_command(__doc__)
    settings = DatasetSettings.of(planned.settings)
    photos = planned.reads["photos"] / "photos.csv"
    with tracking.run(planned, planned.settings, by_name=by_name(planned)) as run:
        run.metrics(align(planned.id.dataset, settings, photos, planned.writes["faces"]))
        run.metrics({"peak_mib": peak_mib(), "peak_mib_per_worker": peak_mib(of_workers=True)})


if __name__ == "__main__":
    command.run(main)
