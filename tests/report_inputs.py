"""A tree of the report's inputs, as the stages leave them, with numbers known beforehand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pkdn import metrics, params, planning, runs
from pkdn.faces.shards import ShardWriter
from pkdn.pipeline.revisions import PLAN
from pkdn.reports.plan import Plan
from pkdn.runs import RunId
from pkdn.systems import PKDN, VARIANTS, Subject, of_variant, system

NUM_TEST = 6
NUM_EXAMPLES = 4
NUM_TRAIN = 3
ABLATIONS = ("full", "no_ffb", "no_pfb_no_ffb", "onehot")
RECIPE = {
    "steps": 500,
    "batch_size": 2,
    "optimizer": "Adam",
    "learning_rate": 0.001,
    "schedule": "halved",
    "milestones": [100, 200],
    "augment": "mirror",
    "keep": "best",
}
OWN_TEACHERS = [name for name, variant in VARIANTS.items() if variant.teacher == name]
PSNR = {
    Subject("baseline", "bicubic"): 23.0,
    Subject("baseline", "dic"): 24.3,
    Subject("authors", "dic"): 23.5,
    Subject("baseline", "kdfsrnet"): 24.5,
    **{of_variant(name): 24.0 for name in VARIANTS},
    **{Subject("teacher", name): 26.0 for name in OWN_TEACHERS},
    PKDN: 24.6,
}
"""Mean over the faces for seed 0; trained systems score 0.2 dB more with each further seed."""


def plan(
    *,
    size: str = "demo",
    datasets: Sequence[str] = ("synthetic", "helen"),
    seeds: Sequence[int] = (0, 1),
    networks: Sequence[str] = ("bicubic", "dic", "kdfsrnet", "pkdn"),
    authors_recipes: Sequence[str] = ("dic",),
    **others: object,
) -> Plan:
    settings: dict[str, object] = {
        "profile": "mine",
        "size": size,
        "datasets": datasets,
        "seeds": seeds,
        "networks": networks,
        "authors_recipes": authors_recipes,
        "ablations": ABLATIONS,
        "loss_ablations": ("no_lambda_ts", "no_lambda_fs", "constant", "fade"),
        "parser_dataset": "synthetic",
        "authors": {"most_steps": 0, "largest_batch": 2, "rate_factor": 10.0},
        "shown": {
            "lambda_ts": 0.1,
            "lambda_fs": 10.0,
            "global_residual": True,
            "steps": "12 on helen",
            "batch_size": 8,
        },
    }
    return Plan(**(settings | others))


def write(root: Path, of: Plan) -> None:
    """Write everything that a report of the plan reads."""
    for dataset in of.datasets:
        faces = _write_faces(root, dataset)
        for subject in of.subjects:
            for seed in of.seeds:
                run = subject.run(dataset, seed)
                write_scores(root, run, faces)
                _write_curve(root, run)
                measured = {"kept_step": 100.0 + seed, "seconds": 60.0 * (seed + 1)}
                if subject.system == "kdfsrnet":
                    measured["teacher_seconds"] = 20.0
                recipe = {"params": RECIPE, "metrics": measured}
                of_mlflow = f"mlflow-{run.stage}-{run.key}"
                _write_record(root, run, of_mlflow, precision="bf16", **recipe)
                _write_record(root, run.evaluation(), datasets=[of_dataset(dataset)])
        _write_record(root, RunId("align", dataset), metrics={"photos": 162770.0})
        agreement = {"test_miou": 0.8, "test_iou_skin": 0.9}
        _write_record(root, RunId("parse", dataset), metrics=agreement)
    _write_parser(root)
    write_complexity(root, of)


def _write_faces(root: Path, dataset: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    folder = root / runs.FACES / dataset
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
    left_out = {"name": "tiny", "split": "train", "kind": "too small", "reason": "9 of 64 pixels"}
    write_rows(folder / "left_out.csv", [left_out])
    return faces


def write_scores(root: Path, training: RunId, faces: Mapping[str, np.ndarray]) -> None:
    """Write scores around the mean of :data:`PSNR`, and the examples."""
    subject, seed = Subject(training.stage, training.system), training.seed or 0
    middle = PSNR.get(subject, 24.2) + 0.2 * seed * (training.system != "bicubic")
    run = training.evaluation()
    (root / run.folder / "examples").mkdir(parents=True)
    rows = []
    for i, (name, face) in enumerate(faces.items()):
        of_face = middle + 0.5 * (i - (len(faces) - 1) / 2)
        row: dict[str, object] = {"name": name}
        for protocol in metrics.protocols():
            row |= {f"{protocol}.psnr": of_face, f"{protocol}.ssim": of_face / 40}
        row["parsing.miou"] = of_face / 50
        rows.append(row)
        if i < NUM_EXAMPLES:
            Image.fromarray(face // 2 + 40).save(root / run.folder / "examples" / f"{i}.png")
    write_rows(root / run.scores, rows)


def _write_curve(root: Path, run: RunId) -> None:
    subject = Subject(run.stage, run.system)
    rows = []
    for step in range(10, 510, 10) if run.system != "bicubic" else ():
        loss = 0.05 + 0.1 * np.exp(-step / 150) * (1 + 0.05 * np.sin(step + (run.seed or 0)))
        row = {"epoch": 0, "step": step, "seconds": step, "learning_rate": 1e-3, "loss": loss}
        if run.stage == "student":
            row |= {"loss": 1.3 * loss, "l_sr": loss, "l_ts": loss / 3, "l_fs": loss / 50}
        row["val_psnr"] = PSNR.get(subject, 24.2) - 20 * loss if step % 100 == 0 else ""
        rows.append(row)
    write_rows(root / run.curve(), rows)
    if run.system == "kdfsrnet":
        write_rows(root / run.curve("teacher"), rows)


def of_dataset(name: str, *, digest: str = "0b3e", num_train: int = NUM_TRAIN) -> dict[str, object]:
    """Return the faces that a run read, as its record has them."""
    counts = {"train": num_train, "val": 1, "test": NUM_TEST}
    return {"name": name, "source": f"data/faces/{name}", "digest": digest, "counts": counts}


def _write_record(
    root: Path,
    run: RunId,
    mlflow_run_id: str | None = None,
    *,
    precision: str | None = None,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, object] | None = None,
    datasets: Sequence[Mapping[str, object]] = (),
) -> None:
    record = {
        "stage": run.stage,
        "name": run.name,
        "fingerprint": f"{abs(hash(run.name)):016x}"[:16],
        "tags": {"precision": precision},
        "params": params or {},
        "metrics": metrics or {},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 30.0,
        "revision": "0123abcdef",
        "experiment": None,
        "machine": {"processor": "Test CPU", "cores": 2, "memory_gib": 7.8, "gpu": None},
        "versions": {"torch": "2.13.0"},
        "datasets": datasets,
        "mlflow_run_id": mlflow_run_id,
    }
    path = root / run.record
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")


def _write_parser(root: Path) -> None:
    run = RunId("parser")
    rows = [
        {"class": 1, "name": "skin", "iou": 0.91234, "pixels": 1000},
        {"class": 18, "name": "hat", "iou": "", "pixels": 0},
    ]
    write_rows(root / run.folder / "iou.csv", rows)
    Image.new("RGB", (384, 128), (200, 90, 20)).save(root / run.folder / "examples.png")
    agreement = {"faces": 64.0, "miou": 0.81234, "pixel_accuracy": 0.97, "close_up_miou": 0.7654}
    found = {f"test_{name}": value for name, value in agreement.items()}
    _write_record(root, run, "mlflow-parser", metrics=found)
    _write_record(root, RunId("labelled"))


def write_complexity(root: Path, of: Plan, *, core_share: float = 0.99) -> None:
    """Write what the networks cost, measured on a quiet machine or on a busy one."""
    rows = [
        {
            "network": network,
            "role": role,
            "size": size,
            "title": system(network).title + (" teacher" if role == "teacher" else ""),
            "input": "128×128, bicubic",
            "parameters": 5203995 if size == "paper" else 91000,
            "gmac": 13.7 if size == "paper" else 0.31,
            "latency_ms_b1": 4.2 if size == of.size else "",
            "median_ms_b1": 4.3 if size == of.size else "",
            "latency_ms_b8": 21.0 if size == of.size else "",
            "median_ms_b8": 21.5 if size == of.size else "",
            "core_share": core_share if size == of.size else "",
            "peak_mib_b8": 88 if size == of.size else "",
        }
        for network in dict.fromkeys((*of.networks, "pkdn"))
        for size in dict.fromkeys((of.size, "paper"))
        for role in (("network", "teacher") if network in ("kdfsrnet", "pkdn") else ("network",))
    ]
    run = RunId("complexity")
    write_rows(root / run.folder / "complexity.csv", rows)
    _write_record(root, run, precision="bf16", metrics={"load_average": 0.25})


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV file, with a header alone where there are no rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=None if rows else ["epoch", "step"]).to_csv(path, index=False)


def write_plan() -> Plan:
    """Write what the parameters ask for, and return what the report is about."""
    for one in planning.plan(params.load()):
        one.id.plan.parent.mkdir(parents=True, exist_ok=True)
        one.id.plan.unlink(missing_ok=True)  # a link to DVC's cache
        one.id.plan.write_text(one.text(), encoding="utf-8")
        if one.id == PLAN:
            plan = Plan(**one.settings)
    return plan


def record_parameters() -> None:
    """Let all runs have been asked for what the parameters say."""
    for one in planning.plan(params.load()):
        if one.id.record.is_file():
            record = json.loads(one.id.record.read_text())
            record["asked"] = one.settings
            one.id.record.unlink()
            one.id.record.write_text(json.dumps(record))
