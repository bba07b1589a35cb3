"""Cut the faces of a data set to 128×128 and pack them, with an index of all boxes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pkdn import command, detector, tracking
from pkdn.data import listing
from pkdn.data.alignment import align
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings
from pkdn.provenance import peak_mib
from pkdn.runs import Planned, planned_by_command


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.data.datasets.{planned.settings['dataset']}"]


def main() -> None:
    """Write the faces of a data set, or the labelled ones that the parser is trained on.

    The latter are a data set of their own, whose photos are listed here.
    """
    planned = planned_by_command(__doc__, "align", "labelled")
    dataset, settings = planned.settings["dataset"], DatasetSettings.of(planned.settings)
    detect = planned.settings.get("landmarks") == "detected"
    tags = {"dataset": dataset} | ({"detector": detector.version()} if detect else {})
    with (
        tracking.run(planned, planned.settings, tags=tags, by_name=by_name(planned)) as run,
        TemporaryDirectory() as folder,
    ):
        photos = planned.reads.get("photos", Path(folder)) / "photos.csv"
        if "photos" not in planned.reads:
            listing.write(dataset, settings, run.id.folder)
            run.metrics(write_catalogue(dataset, settings, photos))
        run.metrics(align(dataset, settings, photos, planned.writes["faces"], detect=detect))
        run.metrics({"peak_mib": peak_mib(), "peak_mib_per_worker": peak_mib(of_workers=True)})


if __name__ == "__main__":
    command.run(main)
