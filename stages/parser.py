"""Train the face parser on labelled faces, and judge it on held-out ones."""

import json
from pathlib import Path

import torch

from pkdn import command, params, tracking
from pkdn.faces.batches import FaceBatches
from pkdn.faces.shards import Shards
from pkdn.files import atomic_file
from pkdn.parsing import pretrained as pretrained_parser
from pkdn.parsing.agreement import (
    CLOSE_UP,
    agreement,
    figures,
    labelled,
    miou_on,
    write_iou,
)
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.examples import write_examples
from pkdn.parsing.maps import Parser, save_parser
from pkdn.parsing.task import ParserTask
from pkdn.provenance import write_curve
from pkdn.training import precision
from pkdn.training.recipe import SGD, Adam, Optimizer, Recipe
from pkdn.training.session import FACES, curve_file, train_recorded

PARSER = Path("data/parser")
METRICS = Path("data/metrics/parser.json")
SEED = 0
NUM_EXAMPLES = 8
OPTIMIZERS: dict[str, Optimizer] = {"quick": Adam(), "face_parsing": SGD()}


def main() -> None:
    """Write the weights, their agreement with held-out label maps, and a picture of it."""
    settings = params.load()
    dataset = settings.parser_dataset
    train, val, test = (labelled(FACES / dataset, s, dataset) for s in ("train", "val", "test"))
    compute = precision.choose(settings.precision, precision.default_device())
    recipe = Recipe.of(settings.parser_recipe, OPTIMIZERS[settings.parser_recipe_name])
    pretrained = settings.parser == "pretrained"
    size = pretrained_parser.INPUT_SIZE if pretrained else settings.parser_input_size
    with tracking.run(
        "parser",
        "",
        {
            "profile": settings.profile,
            "parser": settings.parser,
            "parser_dataset": dataset,
            "input_size": size,
            **({} if pretrained else recipe.record()),
        },
        {"dataset": dataset, "network": "bisenet", "precision": compute.name},
        inputs=[FACES / dataset / "manifest.json"],
    ) as run:
        if pretrained:
            print(pretrained_parser.TERMS)
            network = pretrained_parser.read_checkpoint(pretrained_parser.locate())
            parser = Parser(network, size, compute.device)
            write_curve(curve_file(run), [])
        else:
            torch.manual_seed(SEED)
            network = BiSeNet()
            hard_pixels = settings.parser_recipe_name == "face_parsing"
            task = ParserTask(network, input_size=size, hard_pixels=hard_pixels)
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
    close_up = agreement(parser, faces, shown=CLOSE_UP)
    found = {**figures(confusion), "close_up_miou": close_up.miou()}
    write_iou(confusion, PARSER / "iou.csv")
    examples = range(min(NUM_EXAMPLES, len(faces)))
    photos = faces.read("faces", examples)
    truth = faces.read("labels", examples)
    write_examples(PARSER / "examples.png", photos, truth, parser(photos).cpu().numpy())
    with atomic_file(METRICS) as temporary:
        content = {"test_faces": len(faces), **found}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(
        f"parser: mIoU {found['miou']:.4f}, in close-ups {found['close_up_miou']:.4f}, pixel "
        f"accuracy {found['pixel_accuracy']:.4f} on {len(faces)} held-out faces"
    )
    return found


if __name__ == "__main__":
    command.run(main)
