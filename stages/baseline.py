"""Train a system that PKDN is compared with, by the tasks of its own file."""

import argparse
from pathlib import Path
from types import ModuleType

import torch

from pkdn import command, networks, params, tracking, weights
from pkdn.errors import UserError
from pkdn.learning.validation import psnr_on
from pkdn.provenance import write_curve
from pkdn.training import precision
from pkdn.training.recipe import Recipe
from pkdn.training.session import curve_file, manifests, open_faces, train_recorded

# The stage, and the folder of its outputs, for each recipe.
STAGES = {"one": "baseline", "authors": "authors"}


def choose_recipe(settings: params.Params, module: ModuleType, which: str) -> Recipe:
    """Return the one recipe of all systems, or the system's own.

    Raises:
        UserError: the system's file states no recipe.
    """
    if which == "one":
        return Recipe.of(settings.recipe)
    if not hasattr(module, "RECIPE"):
        raise UserError(
            f"params.yaml: authors_recipes: expected networks with a recipe of their own, got "
            f"{module.__name__.rpartition('.')[2]}, whose file has no RECIPE; take it out"
        )
    return Recipe.by_authors(module.RECIPE, settings.recipe, settings.authors_limits)


def main() -> None:
    """Train one baseline: all of its tasks in their order, such as its own teacher's first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--recipe", required=True, choices=STAGES)
    arguments = parser.parse_args()

    settings = params.load()
    compute = precision.choose(settings.precision, precision.default_device())
    module = networks.load(arguments.network)
    recipe = choose_recipe(settings, module, arguments.recipe)
    sizes = module.DEMO if settings.profile == "demo" else {}
    key = f"{arguments.dataset}-{arguments.network}-{arguments.seed}"
    stage = STAGES[arguments.recipe]
    model = Path("data/models") / stage / f"{key}.safetensors"
    with tracking.run(
        stage,
        key,
        {"profile": settings.profile, **recipe.record(), **sizes},
        {**vars(arguments), "precision": compute.name},
        inputs=manifests(arguments.dataset, with_labels=True),
    ) as run:
        batches, validation = open_faces(
            arguments.dataset,
            with_labels=True,
            batch_size=recipe.batch_size,
            seed=arguments.seed,
            precision=compute,
            augment=recipe.augment,
        )
        if getattr(module, "NEEDS_LANDMARKS", False) and not batches.have_landmarks():
            print(f"{run.name}: needs landmarks, and {arguments.dataset} has none: not trained")
            write_curve(curve_file(run), [])
            weights.save_absence("needs landmarks", model)
            return
        # Seeded before each task is made, so that a training resumed in the second task
        # starts from the weights that it started from before.
        torch.manual_seed(arguments.seed)
        for task, phase in networks.tasks(arguments.network, settings.profile):
            trained = train_recorded(
                task,
                batches,
                recipe,
                precision=compute,
                validate=psnr_on(validation, task.network, compute, with_labels=phase == "teacher"),
                run=run,
                phase=phase,
            )
            torch.manual_seed(arguments.seed)
        weights.save(trained, weights.Description(arguments.network, "NETWORK", sizes), model)


if __name__ == "__main__":
    command.run(main)
