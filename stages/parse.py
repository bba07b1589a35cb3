"""Parse all HR faces of a data set, and compare with its true label maps where it has any."""

import argparse
import json
import time
from pathlib import Path

import torch
from rich.progress import Progress

from pkdn import command, tracking
from pkdn.faces import SPLITS
from pkdn.faces.shards import Shards
from pkdn.files import atomic_file
from pkdn.parsing.agreement import figures, parse_faces
from pkdn.parsing.maps import load_parser
from pkdn.provenance import peak_mib
from pkdn.training.precision import default_device

FACES = Path("data/faces")
PARSING = Path("data/parsing")
PARSER = Path("data/parser/parser.safetensors")
METRICS = Path("data/metrics/parse")


def main() -> None:
    """Write ``data/parsing/DATASET/`` and ``data/metrics/parse/DATASET.json``."""
    arguments_parser = argparse.ArgumentParser(description=__doc__)
    arguments_parser.add_argument("--dataset", required=True)
    dataset: str = arguments_parser.parse_args().dataset

    faces = FACES / dataset
    counts = {split: len(Shards(faces, split)) for split in SPLITS}
    parser = load_parser(PARSER, default_device())
    with tracking.run(
        "parse",
        dataset,
        {"dataset": dataset, "input_size": parser.input_size},
        {"dataset": dataset, "network": "bisenet"},
        inputs=[faces / "manifest.json", PARSER],
    ) as run:
        started = time.monotonic()
        with Progress() as progress:
            bar = progress.add_task(f"parse {dataset}", total=sum(counts.values()))
            confusions = parse_faces(
                parser,
                faces,
                PARSING / dataset,
                advance=lambda count: progress.advance(bar, count),
            )
        seconds = time.monotonic() - started
        rate, threads = sum(counts.values()) / seconds, torch.get_num_threads()
        speed = {
            "seconds": round(seconds, 2),
            "faces_per_second": round(rate, 1),
            "faces_per_second_per_core": round(rate / threads, 2),
            "threads": threads,
            "peak_mib": peak_mib(),
        }
        run.metrics(speed)
        found = {split: figures(confusion) for split, confusion in confusions.items()}
        with atomic_file(METRICS / f"{dataset}.json") as temporary:
            content = {"faces": counts, **speed, "agreement": found}
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        for split, values in found.items():
            run.metrics({f"{split}_{name}": value for name, value in values.items()})
            print(f"parse {dataset}, {split}: mIoU {values['miou']:.4f} against the true maps")


if __name__ == "__main__":
    command.run(main)
