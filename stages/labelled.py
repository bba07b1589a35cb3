"""Cut the labelled faces that the parser is trained on and judged by."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pkdn import command, tracking
from pkdn.data.alignment import align
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings
from pkdn.runs import Planned, planned_by_command


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.data.datasets.{planned.settings['dataset']}"]


def main() -> None:
    """Write ``data/labelled``."""
    planned = planned_by_command(__doc__)
    dataset = planned.settings["dataset"]
    settings = DatasetSettings.of(planned.settings)
    with (
        tracking.run(
            planned, planned.settings, tags={"dataset": dataset}, by_name=by_name(planned)
        ) as run,
        TemporaryDirectory() as folder,
    ):
        photos = Path(folder) / "photos.csv"
        run.metrics(write_catalogue(dataset, settings, photos))
        run.metrics(align(dataset, settings, photos, planned.writes["faces"]))


if __name__ == "__main__":
    command.run(main)
