"""Distil a student from its teacher (Eq. 2), or train it alone where its variant has none."""

import argparse
from pathlib import Path
from typing import Any

import torch

from pkdn import command, params, tracking, weights
from pkdn.learning.tasks import DistillationTask, SuperResolutionTask, Task
from pkdn.learning.validation import psnr_on
from pkdn.networks import pkdn
from pkdn.training import precision
from pkdn.training.recipe import Recipe
from pkdn.training.session import manifests, open_faces, train_recorded


def loss_weights(settings: params.Params, variant: pkdn.StudentVariant) -> dict[str, Any]:
    """Return the parameters of Eq. 2 that a variant's loss depends on."""
    if variant.teacher is None:
        return {}
    chosen: dict[str, Any] = {"distill_epochs": settings.distill_epochs}
    if variant.image_term:
        chosen["lambda_ts"] = settings.lambda_ts
    if variant.feature_term:
        chosen["lambda_fs"] = settings.lambda_fs
    return chosen


def main() -> None:
    """Train one student of PKDN."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--variant", required=True, choices=pkdn.STUDENT_VARIANTS)
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()

    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    recipe = Recipe.of(settings.recipe)
    variant = pkdn.STUDENT_VARIANTS[arguments.variant]
    inputs = manifests(arguments.dataset, with_labels=variant.teacher is not None)
    teacher_file = None
    if variant.teacher is not None:
        teacher_key = f"{arguments.dataset}-{variant.teacher}-{arguments.seed}"
        teacher_file = Path("data/models/teacher") / f"{teacher_key}.safetensors"
        inputs.append(teacher_file)
    sizes = pkdn.DEMO if settings.profile == "demo" else {}
    network_arguments = {**sizes, "global_residual": settings.global_residual}
    equation_2 = loss_weights(settings, variant)
    key = f"{arguments.dataset}-{arguments.variant}-{arguments.seed}"
    with tracking.run(
        "student",
        key,
        {
            "profile": settings.profile,
            **recipe.record(),
            **network_arguments,
            **equation_2,
        },
        {**vars(arguments), "network": "pkdn", "precision": compute.name},
        inputs=inputs,
    ) as run:
        torch.manual_seed(arguments.seed)
        network = pkdn.PKDN(**network_arguments)
        task: Task = SuperResolutionTask(network)
        if teacher_file is not None:
            teacher = compute.place(weights.load(teacher_file))
            terms = {"lambda_ts": 0.0, "lambda_fs": 0.0, **equation_2}
            task = DistillationTask(network, teacher, taps=pkdn.DISTILLED_TAPS, **terms)
        batches, validation = open_faces(
            arguments.dataset,
            with_labels=teacher_file is not None,
            batch_size=recipe.batch_size,
            seed=arguments.seed,
            precision=compute,
        )
        trained = train_recorded(
            task,
            batches,
            recipe,
            precision=compute,
            validate=psnr_on(validation, network, compute, with_labels=False),
            run=run,
        )
        weights.save(
            trained,
            weights.Description("pkdn", "NETWORK", network_arguments),
            Path("data/models/student") / f"{key}.safetensors",
        )


if __name__ == "__main__":
    command.run(main)
