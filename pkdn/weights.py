"""Weights to hand on: a trained network in one file that says what it learnt from, with a card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jinja2

from pkdn import metrics, networks, systems
from pkdn.data import datasets
from pkdn.errors import UserError
from pkdn.faces import SPLITS
from pkdn.files import atomic_file, check_new, reading, sha256
from pkdn.parsing import pretrained
from pkdn.runs import DRAWN, PARSER, RECORD, RUNS, RunId
from pkdn.systems import BICUBIC, FULL, PKDN_NETWORK, system

TEMPLATES: Final = Path(__file__).parent / "reports" / "templates"
OTHERS: Final = "the terms of the data set apply: ask those whom its photographs came from"
FOUND: Final = "a model for non-commercial use alone has found the landmarks of the faces"
RECIPE: Final = ("steps", "batch_size", "optimizer", "learning_rate", "schedule", "augment", "keep")
EXAMPLE: Final = RunId("student", "helen", FULL, 0).weights
DISTILLATION: Final = (*systems.TERMS, "distill_epochs")
PAPER: Final = "(Yang et al. 2024, arXiv 2409.14385)"


def run_of(weights: Path) -> RunId:
    """Return the training whose folder a file of weights lies in.

    Raises:
        UserError: it lies in none.
    """
    record = _record(weights.parent)
    with reading(weights.parent / RECORD):
        named = record.get("tags", {})
        if record.get("stage") is None or named.get("system") is None:
            raise UserError(
                f"expected the weights of a training of this project in {RUNS}, got {weights}: "
                f"name those of a student there, such as {EXAMPLE}"
            )
        return RunId(record["stage"], named["dataset"], named["system"], named["seed"])


def card_of(weights: Path) -> dict[str, Any]:
    """Return what the records say of a training's weights, as plain values.

    Args:
        weights: in its run's folder, beside those of the other runs.

    Raises:
        UserError: a record is missing or broken.
    """
    run, runs = run_of(weights), weights.absolute().parent.parent.parent
    training, aligned = _record(weights.parent), _record(runs / "align" / run.dataset)
    scores = _scores(runs, run.evaluation())
    bicubic = RunId("evaluate_baseline", run.dataset, BICUBIC, run.seed)
    of_bicubic = _scores(runs, bicubic) if (runs / bicubic.stage / bicubic.key).exists() else {}
    with reading(runs / "align" / run.dataset / RECORD):
        detector = aligned.get("tags", {}).get("detector")
        today = {split: int(aligned["metrics"][f"{split}_faces"]) for split in SPLITS}
    with reading(weights.parent / RECORD):
        params, measured = training["params"], training["metrics"]
        return {
            "dataset": run.dataset,
            "faces": _faces(training).get("counts", today),
            "terms": _terms(run.dataset, runs, found=bool(detector)),
            "trained": run.name,
            "what": _what(run),
            "seed": run.seed,
            "size": params["size"],
            "recipe": {name: params[name] for name in RECIPE},
            "distillation": {name: params[name] for name in DISTILLATION if name in params},
            "kept_step": int(measured.get("kept_step", params["steps"])),
            "precision": training["tags"].get("precision"),
            "scores": scores,
            "bicubic": of_bicubic,
            "revision": training["revision"],
            "date": training["started"][:10],
            "machine": training["machine"],
        }


def _faces(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a record says of the faces that were read; empty where it is an old one."""
    found: Mapping[str, Any] = next(iter(record.get("datasets", ())), {})
    return found


def _check_scored(weights: Path) -> None:
    """Refuse weights beside scores of others, or of other faces: `repro` may have ended between.

    Raises:
        UserError: there are such scores.
    """
    run, runs = run_of(weights), weights.absolute().parent.parent.parent
    training, digest = _record(weights.parent), sha256(weights)
    bicubic = RunId("evaluate_baseline", run.dataset, BICUBIC, run.seed)
    for evaluation in (run.evaluation(), bicubic):
        file = runs / evaluation.stage / evaluation.key / RECORD
        if not file.exists():
            continue
        scored = _record(file.parent)
        of_weights = scored.get("weights") if evaluation != bicubic else None
        of_faces = {_faces(one).get("digest") for one in (training, scored)} - {None}
        others = "faces" if len(of_faces) > 1 else ""
        if of_weights and not digest.startswith(of_weights):
            others = others or "weights"
        if others:
            raise UserError(
                f"expected scores of the {others} of {weights}, got those of others in {file}: run "
                "`python -m pkdn repro` to its end"
            )


def _terms(dataset: str, runs: Path, *, found: bool) -> str:
    """Say what the photos and maps that a training read may be used for.

    Args:
        dataset: that it learnt from.
        runs: the folder of all runs.
        found: whether the landmarks were found.
    """
    said = [_of_photos(dataset)]
    if found:
        said.append(FOUND)
    parser = _record(runs / PARSER.stage)
    with reading(runs / PARSER.record):
        learnt = parser["tags"]["dataset"]
        if parser["params"].get("parser") == "pretrained":
            said.append(pretrained.TERMS)
        elif learnt not in (dataset, DRAWN):
            said.append(f"the parser of the faces learnt from {learnt} ({_of_photos(learnt)})")
    return " ".join(f"{one[0].upper()}{one[1:]}." for one in said)


def _of_photos(dataset: str) -> str:
    return datasets.terms(dataset) or OTHERS


def _what(run: RunId) -> str:
    """Say what network a training has made."""
    if run.stage == "student":
        return f"a student of PKDN {PAPER}"
    if run.system == PKDN_NETWORK:
        return f"PKDN's network {PAPER}, trained without a teacher"
    recipe = "by its authors' recipe" if run.stage == "authors" else "as PKDN's networks are"
    return f"{system(run.system).title}, trained {recipe}"


def _scores(runs: Path, evaluation: RunId) -> dict[str, float]:
    folder = runs / evaluation.stage / evaluation.key
    record = _record(folder)
    with reading(folder / RECORD):
        found = record["metrics"]
        return {key: found[f"{metrics.PRIMARY}.{key}"] for key in ("psnr", "ssim")}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    if not path.is_file():
        raise UserError(f"expected the record of a run in {path}, found none; run `dvc repro`")
    with reading(path):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("no keys with values")
        return record


def export(weights: Path, folder: Path) -> Path:
    """Write weights with their card, as safetensors and as markdown, into a new folder.

    Returns:
        The file of weights.

    Raises:
        UserError: the folder has something in it, a record is missing or broken, or these are no
            weights of a network that upscales faces alone.
    """
    check_new(folder)
    if not weights.is_file():
        raise UserError(
            f"expected a file of weights, got {weights}, which is a folder or not there: name the "
            f"file, such as {EXAMPLE}"
        )
    if networks.card(weights):
        raise UserError(
            f"expected the weights of a training in {RUNS}, got {weights}, which have their card "
            "already: hand them on as they are"
        )
    if run_of(weights).stage == "teacher":
        raise UserError(
            f"expected the weights of a student, got {weights}, a teacher's, which needs the map "
            f"of the HR face: name a student's, such as {EXAMPLE}"
        )
    card = card_of(weights)
    _check_scored(weights)
    exported = folder / f"{card['trained'].replace('@', '-')}.safetensors"
    networks.save_with_card(weights, card, exported)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined
    )
    environment.trim_blocks = environment.lstrip_blocks = True
    text = environment.get_template("card.md.jinja").render(card=card, file=exported.name)
    with atomic_file(folder / "README.md") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return exported


def told(weights: Path) -> tuple[str, str]:
    """Return in words what weights have learnt from, and a warning, empty where none is due."""
    card: Mapping[str, Any] | None = networks.card(weights)
    if card is None:
        try:
            card = card_of(weights)
        except UserError:
            return f"weights: {weights}", "nothing is known of the faces that they were trained on"
    with reading(weights, "get it again from whom you have it"):
        count, drawn = card["faces"]["train"], card["dataset"] == DRAWN
        kind = "drawn faces" if drawn else "photographs"
        of_student = card["trained"].startswith("student")
        what = "" if of_student or "what" not in card else f"{card['what']}, "
        line = (
            f"weights: {weights}, {what}size {card['size']}, trained on {count:,} {kind} of "
            f"{card['dataset']} for {card['recipe']['steps']:,} steps on {card['date']}"
        )
    warning = "these weights have seen drawn faces alone: expect poor results on photographs"
    return line, warning if drawn else ""
