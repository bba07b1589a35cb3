"""Train a teacher on the faces of a data set and their parsing maps."""

import argparse
from pathlib import Path

import torch

from pkdn import command, params, tracking, weights
from pkdn.learning.tasks import TeacherTask
from pkdn.learning.validation import psnr_on
from pkdn.networks import pkdn
from pkdn.training import precision
from pkdn.training.recipe import Recipe
from pkdn.training.session import manifests, open_faces, train_recorded


def main() -> None:
    """Train one teacher of PKDN."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--variant", required=True, choices=pkdn.TEACHER_VARIANTS)
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()

    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    recipe = Recipe.of(settings.recipe)
    sizes = pkdn.DEMO_TEACHER if settings.profile == "demo" else {}
    network_arguments = {
        **sizes,
        **pkdn.TEACHER_VARIANTS[arguments.variant],
        "global_residual": settings.global_residual,
    }
    key = f"{arguments.dataset}-{arguments.variant}-{arguments.seed}"
    with tracking.run(
        "teacher",
        key,
        {"profile": settings.profile, **recipe.record(), **network_arguments},
        {**vars(arguments), "network": "pkdn", "precision": compute.name},
        inputs=manifests(arguments.dataset, with_labels=True),
    ) as run:
        torch.manual_seed(arguments.seed)
        network = pkdn.PKDNTeacher(**network_arguments)
        batches, validation = open_faces(
            arguments.dataset,
            with_labels=True,
            batch_size=recipe.batch_size,
            seed=arguments.seed,
            precision=compute,
        )
        trained = train_recorded(
            TeacherTask(network),
            batches,
            recipe,
            precision=compute,
            validate=psnr_on(validation, network, compute, with_labels=True),
            run=run,
        )
        weights.save(
            trained,
            weights.Description("pkdn", "TEACHER", network_arguments),
            Path("data/models/teacher") / f"{key}.safetensors",
        )


if __name__ == "__main__":
    command.run(main)
