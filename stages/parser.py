"""Train the face parser on labelled faces, and judge it on held-out ones."""

import json
from pathlib import Path

import torch

from pkdn import command, params, precision, tracking
from pkdn.data.batches import FaceBatches
from pkdn.data.shards import Shards
from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.parsing.agreement import agreement, figures, labelled, miou_on, write_iou
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.examples import write_examples
from pkdn.parsing.maps import Parser, save_parser
from pkdn.parsing.task import ParserTask
from pkdn.recipe import Recipe
from pkdn.training.session import FACES, train_recorded

PARSER = Path("data/parser")
METRICS = Path("data/metrics/parser.json")
SEED = 0
NUM_EXAMPLES = 8


def main() -> None:
    """Write the weights, their agreement with held-out label maps, and a picture of it."""
    settings = params.load()
    if settings.parser != "trained":
        raise UserError(
            f"parser: {settings.parser} is not available yet: set parser to trained in params.yaml"
        )
    recipe = Recipe.of(settings.parser_recipe)
    dataset, size = settings.parser_dataset, settings.parser_input_size
    train, val, test = (labelled(FACES / dataset, s, dataset) for s in ("train", "val", "test"))
    compute = precision.choose(settings.precision, precision.default_device())
    arguments = {"profile": settings.profile, "parser_dataset": dataset, "input_size": size}
    with tracking.run(
        "parser",
        "",
        {**arguments, **recipe.record()},
        {"dataset": dataset, "network": "bisenet", "precision": compute.name},
        inputs=[FACES / dataset / "manifest.json"],
    ) as run:
        torch.manual_seed(SEED)
        network = BiSeNet()
        task = ParserTask(network, input_size=size)
        parser = Parser(network, size, compute.device)
        train_recorded(
            task,
            FaceBatches(
                train, train, batch_size=recipe.batch_size, seed=SEED, device=compute.device
            ),
            recipe,
            precision=compute,
            validate=miou_on(val, parser) if len(val) else None,
            run=run,
        )
        save_parser(parser, PARSER / "parser.safetensors")
        run.metrics({f"test_{name}": value for name, value in judge(parser, test).items()})
        run.artifact(PARSER / "examples.png")


def judge(parser: Parser, faces: Shards) -> dict[str, float]:
    """Write and return how well the parser does on held-out faces."""
    confusion = agreement(parser, faces)
    found = figures(confusion)
    write_iou(confusion, PARSER / "iou.csv")
    examples = range(min(NUM_EXAMPLES, len(faces)))
    photos = faces.read("faces", examples)
    truth = faces.read("labels", examples)
    write_examples(PARSER / "examples.png", photos, truth, parser(photos).cpu().numpy())
    with atomic_file(METRICS) as temporary:
        content = {"test_faces": len(faces), **found}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(
        f"parser: mIoU {found['miou']:.4f}, pixel accuracy {found['pixel_accuracy']:.4f} "
        f"on {len(faces)} held-out faces"
    )
    return found


if __name__ == "__main__":
    command.run(main)
