"""Train the face parser on labelled faces, and judge it on held-out ones."""

from pathlib import Path
from typing import Any

from pkdn import command

# isort: split
# From here on Ctrl-C is no traceback.
import torch

from pkdn import tracking
from pkdn.faces.shards import Shards
from pkdn.parsing import pretrained
from pkdn.parsing.agreement import CLOSE_UP, agreement, figures, labelled, miou_on, write_iou
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.examples import write_examples
from pkdn.parsing.maps import Parser, save_parser
from pkdn.parsing.task import ParserTask
from pkdn.provenance import write_curve
from pkdn.runs import planned_by_command
from pkdn.training import precision
from pkdn.training.batches import FaceBatches
from pkdn.training.recipe import ADAM, SGD, Optimizer, Recipe
from pkdn.training.session import as_the_faces_allow, train_recorded

SEED = 0
NUM_EXAMPLES = 8
OPTIMIZERS: dict[str, Optimizer] = {"quick": ADAM, "face_parsing": SGD}


def main() -> None:
    """Write the weights, their agreement with held-out label maps, and a picture of it."""
    planned = planned_by_command(__doc__)
    settings = planned.settings
    faces, dataset = planned.reads["faces"], settings["dataset"]
    train, val, test = (labelled(faces, split, dataset) for split in ("train", "val", "test"))
    trained_here = settings["parser"] == "trained"
    compute = precision.choose(settings.get("precision", "fp32"), precision.default_device())
    params: dict[str, Any] = {"parser": settings["parser"], "input_size": pretrained.INPUT_SIZE}
    if trained_here:
        stated = Recipe.of(settings["training"], OPTIMIZERS[settings["recipe"]])
        batches = FaceBatches(
            train, train, batch_size=stated.batch_size, seed=SEED, device=compute.device
        )
        recipe = as_the_faces_allow(stated, batches, val)
        params |= {"input_size": settings["input_size"], **recipe.record(), **compute.record()}
    with tracking.run(
        planned,
        params,
        tags={"dataset": dataset, "network": "bisenet"},
    ) as run:
        if trained_here:
            torch.manual_seed(SEED)
            network = BiSeNet()
            hard_pixels = settings["recipe"] == "face_parsing"
            task = ParserTask(network, input_size=params["input_size"], hard_pixels=hard_pixels)
            parser = Parser(network, params["input_size"], compute.device)
            validate = miou_on(val, parser) if len(val) else None
            train_recorded(task, batches, recipe, precision=compute, validate=validate, run=run)
        else:
            print(f"note: {pretrained.TERMS}")
            network = pretrained.read_checkpoint(pretrained.locate())
            parser = Parser(network, params["input_size"], compute.device)
            write_curve(run.id.curve(), [])
        save_parser(parser, run.id.weights)
        judged = judge(parser, test, run.id.folder)
        run.metrics({"test_faces": len(test), **{f"test_{k}": v for k, v in judged.items()}})
        run.artifact(run.id.folder / "examples.png")
        print(
            f"parser: mIoU {judged['miou']:.4f}, in close-ups {judged['close_up_miou']:.4f}, pixel "
            f"accuracy {judged['pixel_accuracy']:.4f} on {len(test)} held-out faces"
        )


def judge(parser: Parser, faces: Shards, folder: Path) -> dict[str, float]:
    """Return how well the parser does on held-out faces; write it by class, and a picture."""
    confusion = agreement(parser, faces)
    write_iou(confusion, folder / "iou.csv")
    examples = range(min(NUM_EXAMPLES, len(faces)))
    photos, truth = faces.read("faces", examples), faces.read("labels", examples)
    write_examples(folder / "examples.png", photos, truth, parser(photos).cpu().numpy())
    close_up = agreement(parser, faces, shown=CLOSE_UP)
    return {**figures(confusion), "close_up_miou": figures(close_up)["miou"]}


if __name__ == "__main__":
    command.run(main)
