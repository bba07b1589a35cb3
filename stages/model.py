"""Package the final student as an MLflow model, with its signature, and check the package."""

from pkdn import command

# isort: split
# From here on Ctrl-C is no traceback.
import torch

from pkdn import networks, packaging, tracking
from pkdn.files import atomic_folder
from pkdn.learning.network import example
from pkdn.runs import Planned, planned_by_command

# Two, so that the exported model keeps the number of faces open.
NUM_EXAMPLES = 2


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.networks.{planned.settings['network']}"]


def main() -> None:
    """Write the model; MLflow gets it with the run."""
    planned = planned_by_command(__doc__)
    network = networks.load(planned.reads["weights"])
    tags = {"network": planned.settings["network"]}
    with tracking.run(planned, {}, tags=tags, by_name=by_name(planned)) as run:
        faces = example(NUM_EXAMPLES, torch.device("cpu")).lr_image
        with torch.inference_mode():
            expected = network(faces)
        with atomic_folder(run.id.folder) as folder:
            packaging.save_model(network, faces.numpy(), expected.numpy(), folder / "model")
            found = packaging.load_model(folder / "model")(faces)
            torch.testing.assert_close(found, expected)
        run.artifact(run.id.folder / "model")


if __name__ == "__main__":
    command.run(main)
