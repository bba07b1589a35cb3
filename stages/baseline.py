"""Train a system that PKDN is compared with, by the tasks of its own file."""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch

from pkdn import command, networks, params, precision, tracking, weights
from pkdn.training.session import manifests, open_faces, train_recorded
from pkdn.training.validation import psnr_on


def main() -> None:
    """Train one baseline: all of its tasks in their order, such as its own teacher's first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()

    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    module = networks.load(arguments.network)
    sizes = module.DEMO if settings.profile == "demo" else {}
    key = f"{arguments.dataset}-{arguments.network}-{arguments.seed}"
    with tracking.run(
        "baseline",
        key,
        {"profile": settings.profile, **asdict(settings.recipe), **sizes},
        {**vars(arguments), "precision": compute.name},
        inputs=manifests(arguments.dataset, with_labels=True),
    ) as run:
        batches, validation = open_faces(
            arguments.dataset,
            with_labels=True,
            batch_size=settings.recipe.batch_size,
            seed=arguments.seed,
            precision=compute,
        )
        # Seeded before each task is made, so that a training resumed in the second task
        # starts from the weights that it started from before.
        torch.manual_seed(arguments.seed)
        for task, phase in networks.tasks(arguments.network, settings.profile):
            trained = train_recorded(
                task,
                batches,
                settings.recipe,
                precision=compute,
                validate=psnr_on(validation, task.network, compute, with_labels=phase == "teacher"),
                run=run,
                phase=phase,
            )
            torch.manual_seed(arguments.seed)
        weights.save(
            trained,
            weights.Description(arguments.network, "NETWORK", sizes),
            Path("data/models/baseline") / f"{key}.safetensors",
        )


if __name__ == "__main__":
    command.run(main)
