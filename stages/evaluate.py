"""Score a trained system on the test faces of its data set, under every protocol."""

import argparse
import csv
import json
from pathlib import Path

from PIL import Image
from rich.progress import track

from pkdn import command, tracking, weights
from pkdn.evaluation import evaluate
from pkdn.faces.shards import Shards
from pkdn.files import atomic_file, atomic_folder
from pkdn.parsing.maps import load_parser
from pkdn.training.precision import default_device

BATCH_SIZE = 8
NUM_EXAMPLES = 4
ABSENT = "absent.txt"
# What `dvc metrics show` and `dvc exp show` show; the scores hold everything.
HEADLINES = {"y_crop8.psnr": "psnr", "y_crop8.ssim": "ssim", "parsing.miou": "parsing_miou"}


def main() -> None:
    """Write the scores of one system, and its SR images of the first test faces.

    Networks are scored in fp32 on every machine, so that scores do not depend on whether it
    multiplies in bf16 (not stated in the paper; our choice).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kind", required=True, choices=("teacher", "student", "baseline", "authors")
    )
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--system", required=True, help="a variant of PKDN, or a network")
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()

    kind, dataset = arguments.kind, arguments.dataset
    key = f"{dataset}-{arguments.system}-{arguments.seed}"
    model = Path("data/models") / kind / f"{key}.safetensors"
    trained = json.loads(tracking.record_file(kind, key).read_text(encoding="utf-8"))
    faces = Shards(Path("data/faces") / dataset, "test")
    labels = Shards(Path("data/parsing") / dataset, "test")
    device = default_device()
    parser_file = Path("data/parser/parser.safetensors")
    manifests = [Path("data") / room / dataset / "manifest.json" for room in ("faces", "parsing")]
    out = Path("data/scores") / kind / key
    with tracking.run(
        f"evaluate_{kind}",
        key,
        trained["params"],
        trained["tags"],
        inputs=[model, parser_file, *manifests],
    ) as run:
        if reason := weights.absence(model):
            write_absence(reason, out)
            write_headlines({}, kind, key)
            return
        network = weights.load(model)
        scores = evaluate(
            network,
            faces,
            batch_size=BATCH_SIZE,
            device=device,
            labels=labels,
            forward=network if kind == "teacher" else None,
            parse=load_parser(parser_file, device),
        )
        rows: list[dict[str, float]] = []
        with atomic_folder(out) as folder:
            (folder / "examples").mkdir()
            with (folder / "scores.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = None
                for score in track(scores, f"evaluate {kind} {key}", total=len(faces)):
                    if writer is None:
                        writer = csv.DictWriter(stream, ["name", *score.row], lineterminator="\n")
                        writer.writeheader()
                    writer.writerow({"name": score.name, **score.row})
                    if len(rows) < NUM_EXAMPLES:
                        file = folder / "examples" / f"{score.name.replace('/', '_')}.png"
                        Image.fromarray(score.sr_image).save(file)
                    rows.append(score.row)
        means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        run.metrics(means)
        headlines = {short: means[name] for name, short in HEADLINES.items()}
        run.metrics({"test_" + name: value for name, value in headlines.items()})
        write_headlines(headlines, kind, key)
        print(f"{kind} {key}: " + ", ".join(f"{n} {v:.4f}" for n, v in headlines.items()))


def write_absence(reason: str, out: Path) -> None:
    """Write why a system has no scores where its scores would be."""
    with atomic_folder(out) as folder:
        (folder / ABSENT).write_text(reason + "\n", encoding="utf-8")
    print(f"{out.name}: not scored: {reason}")


def write_headlines(headlines: dict[str, float], kind: str, key: str) -> None:
    """Write what ``dvc metrics show`` shows."""
    with atomic_file(Path("data/metrics/evaluate") / kind / f"{key}.json") as temporary:
        temporary.write_text(json.dumps(headlines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
