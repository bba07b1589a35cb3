"""Package the final student as an MLflow model, with its signature, and check the package."""

import argparse
from pathlib import Path

import torch

from pkdn import command, complexity, tracking, weights
from pkdn.files import atomic_folder

# Two, so that the exported model keeps the number of faces open.
NUM_EXAMPLES = 2


def main() -> None:
    """Write ``data/mlflow_models/DATASET-full-SEED``; MLflow gets it with the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()

    key = f"{arguments.dataset}-full-{arguments.seed}"
    source = Path("data/models/student") / f"{key}.safetensors"
    network = weights.load(source)
    folder = Path("data/mlflow_models") / key
    tags = {**vars(arguments), "network": "pkdn", "variant": "full"}
    with tracking.run("model", key, {}, tags, inputs=[source]) as run:
        faces = complexity.example(NUM_EXAMPLES, torch.device("cpu"))
        with torch.inference_mode():
            expected = network(faces)
        with atomic_folder(folder) as temporary:
            tracking.save_model(network, faces.numpy(), expected.numpy(), temporary / "model")
            found = tracking.load_model(temporary / "model")(faces)
            torch.testing.assert_close(found, expected)
        run.artifact(folder / "model")


if __name__ == "__main__":
    command.run(main)
