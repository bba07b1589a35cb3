"""The top of the page: what this is, what came out, and what the numbers do not show."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pkdn.reports import conditions, published
from pkdn.reports.columns import PSNR, SSIM
from pkdn.reports.comparisons import Comparison
from pkdn.reports.conditions import DRAWN
from pkdn.reports.document import Document
from pkdn.reports.inputs import count_faces
from pkdn.reports.plan import Plan
from pkdn.reports.records import Record
from pkdn.reports.tables import NOTHING, listing, number
from pkdn.systems import BICUBIC, PKDN, PKDN_TEACHER, Subject, system

DIRTY: Final = "-dirty"
NO_REPRODUCTION: Final = "not a reproduction of the paper's"


def add(
    document: Document,
    root: Path,
    plan: Plan,
    records: Sequence[Record],
    comparisons: Sequence[Comparison],
) -> None:
    """Add title, summary and what was run."""
    document.heading("PKDN: face super-resolution ×8, the report", level=1)
    document.heading("Summary")
    document.text(
        "PKDN (Yang et al. 2024, arXiv 2409.14385) enlarges a face from 16×16 to 128×128 pixels.",
        "A *teacher* sees the low-resolution face and the parsing map of the true face; a",
        "*student* sees the low-resolution face alone and learns from the true face and from the",
        "teacher. Only the student runs when a face is enlarged. This page compares it with",
        f"{listing([system(name).title for name in plan.systems])} and takes it apart.",
    )
    document.notice(*caveats(plan))
    document.items(*(_outcome(root, comparison) for comparison in comparisons))
    document.text(
        "Each system was trained once: how far another seed would move these gains is not known."
        if len(plan.seeds) == 1
        else ""
    )
    document.text(_run_with(plan, records))
    _add_conditions(document, root, plan, records)


def _outcome(root: Path, comparison: Comparison) -> str:
    dataset, scores = comparison.dataset, comparison.scores
    psnr, ssim = (scores.mean(PKDN, metric).cell(metric) for metric in (PSNR, SSIM))
    gains = [_gain(comparison, name) for name in _named_in_summary(comparison)]
    outcome = [
        f"`{dataset}` ({conditions.counts(count_faces(root, dataset))}",
        f"{'drawn faces' if dataset == DRAWN else 'photographs'} to train / validate / test):",
        f"PKDN's student reaches **{psnr} dB** PSNR and {ssim} SSIM on the test faces,",
        f"{listing([text for text in gains if text])}.",
        "Its teacher, which sees the HR parsing map, has",
        f"{scores.mean(PKDN_TEACHER, PSNR).cell(PSNR)} dB.",
    ]
    return " ".join(outcome)


def _named_in_summary(comparison: Comparison) -> list[str]:
    """Return bicubic and the best of the other systems."""

    def score(name: str) -> float:
        value = comparison.scores.mean(Subject("baseline", name), PSNR).value
        return -math.inf if value is None else value

    systems = comparison.plan.systems
    trained = sorted((name for name in systems if name != BICUBIC), key=score)
    return [name for name in systems if name == BICUBIC] + trained[-1:]


def _gain(comparison: Comparison, network: str) -> str:
    gain = comparison.gain_over(Subject("baseline", network))
    if gain is None:
        return ""
    mean, low, high = (number(value, PSNR.decimals, signed=True) for value in gain.interval)
    established = "" if gain.verdict.startswith("yes") else "; not established"
    against = f"{mean} dB against {system(network).title}"
    return f"{against} (95 % interval {low} to {high}{established})"


def caveats(plan: Plan) -> list[str]:
    """Say what the numbers may not be read as; empty where they may be read as they are."""
    known = listing([f"`{name}`" for name in plan.datasets if name in published.TABLE_1])
    others = {*published.TABLE_1, DRAWN}
    unknown = [f"`{name}`" for name in plan.datasets if name not in others]
    found = []
    if plan.is_smaller:
        found.append(
            f"**These numbers are {NO_REPRODUCTION}.** Profile `{plan.profile}` trains networks of "
            f"size `{plan.size}`, narrower and shallower than the paper's. They show that the "
            "whole chain works, and how systems of that size compare."
        )
    if DRAWN in plan.datasets:
        found.append(
            f"**The numbers on `{DRAWN}` are {NO_REPRODUCTION}:** its faces are drawn by "
            "this project and simpler than photographs. Their PSNR and SSIM compare with nothing "
            "outside this page, and the paper has none for them."
        )
    if unknown:
        found.append(
            f"The paper has no results for {listing(unknown)}, so none stand beside ours there."
        )
    if known and plan.is_smaller:
        found.append(
            f"For {known} the paper's numbers are shown, headed *paper (full training)*, only to "
            f"show how far networks of size `{plan.size}` are from the paper's."
        )
    elif known:
        found.append(
            f"For {known} the paper's numbers are shown beside ours. Where the paper leaves "
            "something open, its training may have differed: see *Differences and readings*."
        )
    return found


def _run_with(plan: Plan, records: Sequence[Record]) -> str:
    gpus, revisions = conditions.accelerators(records), conditions.revisions(records)
    parts = [
        f"profile `{plan.profile}`",
        f"networks of size `{plan.size}`",
        f"{'seed' if len(plan.seeds) == 1 else 'seeds'} {listing(plan.seeds)}",
        f"training in {conditions.precisions(records)}",
        f"on {gpus}" if gpus else "no GPU",
        f"machine: {conditions.machines(records) or 'not recorded'}",
        f"git revision {listing(revisions) or NOTHING}",
        f"{conditions.total_time(records)} of computing in all stages together",
    ]
    dirty = any(revision.endswith(DIRTY) for revision in revisions)
    remark = f" `{DIRTY}` marks a revision with uncommitted changes." if dirty else ""
    return f"Run with {', '.join(parts)}.{remark}"


def _add_conditions(
    document: Document, root: Path, plan: Plan, records: Sequence[Record]
) -> None:
    document.heading("What was run")
    document.text("**Data.** Faces in each split:")
    document.table(conditions.faces_table(root, plan), "faces")
    document.text("**Settings.** Everything else is as the profile has it.")
    document.table(conditions.settings_table(plan))
    document.text(
        "**Wall time** of the runs behind this page, with the time that a run took when it was",
        "computed, also where its result came from the cache.",
    )
    document.table(conditions.time_table(records), "wall-time")
    document.text(
        f"Versions: {conditions.versions(records) or 'not recorded'}. Networks are trained in the",
        "precision above and scored in fp32.",
    )
