"""A tree of the report's inputs, as the stages leave them, with numbers known beforehand."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pkdn import metrics
from pkdn.faces.shards import ShardWriter
from pkdn.reports.records import Plan, subjects
from pkdn.reports.systems import PKDN, TEACHERS, VARIANTS, Subject

NUM_TEST = 6
NUM_EXAMPLES = 4
NUM_TRAIN = 3
PSNR = {
    Subject("baseline", "bicubic"): 23.0,
    Subject("baseline", "dic"): 24.3,
    Subject("authors", "dic"): 23.5,
    Subject("baseline", "kdfsrnet"): 24.5,
    PKDN: 24.6,
    **{Subject("student", name): 24.0 for name in VARIANTS if name != "full"},
    **{Subject("teacher", name): 26.0 for name in TEACHERS},
}
"""Mean over the faces for seed 0; trained systems score 0.2 dB more with each further seed."""


def plan(
    *,
    profile: str = "demo",
    datasets: Sequence[str] = ("synthetic", "helen"),
    seeds: Sequence[int] = (0, 1),
    networks: Sequence[str] = ("bicubic", "dic", "kdfsrnet"),
    authors_recipes: Sequence[str] = ("dic",),
) -> Plan:
    settings = {"lambda_ts": 0.1, "lambda_fs": 10.0, "global_residual": True}
    return Plan(profile, datasets, seeds, networks, authors_recipes, "synthetic", settings)


def write(root: Path, of: Plan) -> None:
    """Write everything that a report of the plan reads."""
    for dataset in of.datasets:
        faces = _write_faces(root, dataset)
        for subject in subjects(of):
            for seed in of.seeds:
                write_scores(root, dataset, subject, seed, faces)
                _write_curve(root, dataset, subject, seed)
                _write_runs(root, dataset, subject, seed)
        _write_json(root / f"data/metrics/align/{dataset}.json", {"dropped_small": 7})
        agreement = {"test": {"miou": 0.8, "iou_skin": 0.9}}
        _write_json(root / f"data/metrics/parse/{dataset}.json", {"agreement": agreement})
        _write_record(root, "align", dataset, {"dataset": dataset}, None)
    _write_parser(root)
    _write_complexity(root, of.networks)


def _write_faces(root: Path, dataset: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    folder = root / "data/faces" / dataset
    folder.mkdir(parents=True)
    faces = {}
    with ShardWriter(folder) as writer:
        for split, count in (("train", NUM_TRAIN), ("val", 1), ("test", NUM_TEST)):
            for i in range(count):
                coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                resized = Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC)
                face = np.asarray(resized)
                writer.append(split, {"faces": face}, {"name": f"{split}{i}"})
                if split == "test":
                    faces[f"{split}{i}"] = face
    return faces


def write_scores(
    root: Path,
    dataset: str,
    subject: Subject,
    seed: int,
    faces: Mapping[str, np.ndarray],
    psnr: float | None = None,
) -> None:
    """Write scores around the mean of :data:`PSNR`, and the examples."""
    trained = subject.name != "bicubic"
    middle = (psnr if psnr is not None else PSNR.get(subject, 24.2)) + 0.2 * seed * trained
    folder = root / "data/scores" / subject.kind / subject.key(dataset, seed)
    (folder / "examples").mkdir(parents=True)
    rows = []
    for i, (name, face) in enumerate(faces.items()):
        of_face = middle + 0.5 * (i - (len(faces) - 1) / 2)
        row: dict[str, object] = {"name": name}
        for protocol in metrics.protocols():
            row |= {f"{protocol}.psnr": of_face, f"{protocol}.ssim": of_face / 40}
        row["parsing.miou"] = of_face / 50
        rows.append(row)
        if i < NUM_EXAMPLES:
            Image.fromarray(face // 2 + 40).save(folder / "examples" / f"{name}.png")
    write_rows(folder / "scores.csv", rows)


def _write_curve(root: Path, dataset: str, subject: Subject, seed: int) -> None:
    folder = root / "data/curves" / subject.kind
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for step in range(10, 510, 10) if subject.name != "bicubic" else ():
        loss = 0.05 + 0.1 * np.exp(-step / 150) * (1 + 0.05 * np.sin(step + seed))
        row = {"epoch": 0, "step": step, "seconds": step, "learning_rate": 1e-3, "loss": loss}
        if subject.kind == "student":
            row |= {"loss": 1.3 * loss, "l_sr": loss, "l_ts": loss / 3, "l_fs": loss / 50}
        row["val_psnr"] = PSNR.get(subject, 24.2) - 20 * loss if step % 100 == 0 else ""
        rows.append(row)
    write_rows(folder / f"{subject.key(dataset, seed)}.csv", rows)
    if subject.name == "kdfsrnet":
        write_rows(folder / f"{subject.key(dataset, seed)}-teacher.csv", rows)


def _write_runs(root: Path, dataset: str, subject: Subject, seed: int) -> None:
    of = "network" if subject.kind == "baseline" else "variant"
    tags = {"dataset": dataset, of: subject.name, "seed": seed, "precision": "bf16"}
    key = subject.key(dataset, seed)
    _write_record(root, subject.kind, key, tags, f"mlflow-{subject.kind}-{key}")
    _write_record(root, f"evaluate_{subject.kind}", key, tags, None)


def _write_record(
    root: Path, stage: str, key: str, tags: Mapping[str, object], mlflow_run_id: str | None
) -> None:
    name = f"{stage}@{key}" if key else stage
    record = {
        "stage": stage,
        "name": name,
        "fingerprint": f"{abs(hash(name)):016x}"[:16],
        "tags": dict(tags),
        "params": {},
        "metrics": {},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 30.0,
        "revision": "0123abcdef",
        "experiment": None,
        "machine": {"processor": "Test CPU", "cores": 2, "memory_gib": 7.8, "gpu": None},
        "versions": {"torch": "2.13.0"},
        "mlflow_run_id": mlflow_run_id,
        "mlflow_store": "mlflow.db",
    }
    path = root / "data/runs" / (f"{stage}/{key}.json" if key else f"{stage}.json")
    _write_json(path, record)


def _write_parser(root: Path) -> None:
    rows = [
        {"class": 1, "name": "skin", "iou": 0.91234, "pixels": 1000},
        {"class": 18, "name": "hat", "iou": "", "pixels": 0},
    ]
    write_rows(root / "data/parser/iou.csv", rows)
    Image.new("RGB", (384, 128), (200, 90, 20)).save(root / "data/parser/examples.png")
    tags = {"dataset": "synthetic", "network": "bisenet"}
    _write_record(root, "parser", "", tags, "mlflow-parser")
    agreement = {"test_faces": 64, "miou": 0.81234, "pixel_accuracy": 0.97, "iou_skin": 0.9}
    agreement |= {"close_up_miou": 0.7654}
    _write_json(root / "data/metrics/parser.json", agreement)


def _write_complexity(root: Path, networks: Iterable[str]) -> None:
    titles = {"bicubic": "bicubic", "dic": "DIC", "kdfsrnet": "KDFSRNet"}
    rows = [
        {
            "network": network,
            "role": role,
            "profile": profile,
            "title": ("PKDN" if network == "pkdn" else titles.get(network, f"The {network}"))
            + (" teacher" if role == "teacher" else ""),
            "input": "128×128, bicubic",
            "parameters": 5203995 if profile == "paper" else 91000,
            "gmac": 13.7 if profile == "paper" else 0.31,
            "latency_ms_b1": 4.2 if profile == "demo" else "",
            "latency_ms_b8": 21.0 if profile == "demo" else "",
            "peak_mib_b8": 88 if profile == "demo" else "",
        }
        for network in (*networks, "pkdn")
        for profile in ("demo", "paper")
        for role in (("network", "teacher") if network in ("kdfsrnet", "pkdn") else ("network",))
    ]
    write_rows(root / "data/complexity.csv", rows)
    _write_record(root, "complexity", "", {"precision": "bf16"}, None)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV file, empty where there are no rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]) if rows else ["epoch", "step"])
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
