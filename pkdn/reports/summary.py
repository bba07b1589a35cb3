"""The top of the page: what this is, what came out, and what the numbers do not show."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pkdn.faces import SPLITS
from pkdn.reports import account, published, statistics
from pkdn.reports.comparisons import Comparison
from pkdn.reports.document import Document
from pkdn.reports.records import Plan, count_faces
from pkdn.reports.runs import Run
from pkdn.reports.systems import BICUBIC, PKDN, PKDN_TEACHER, Subject, in_order, network_title
from pkdn.reports.tables import NOTHING, listing, number

DIRTY: Final = "-dirty"
DEMO: Final = "demo"
NO_REPRODUCTION: Final = "not a reproduction of the paper's"


def add(
    document: Document,
    root: Path,
    plan: Plan,
    runs: Sequence[Run],
    comparisons: Sequence[Comparison],
) -> None:
    """Add title, summary and the account of what was run."""
    document.heading("PKDN: face super-resolution ×8, the report", level=1)
    document.heading("Summary")
    document.text(
        "PKDN (Yang et al. 2024, arXiv 2409.14385) enlarges a face from 16×16 to 128×128 pixels.",
        "A *teacher* sees the low-resolution face and the parsing map of the true face; a",
        "*student* sees the low-resolution face alone and learns from the true face and from the",
        "teacher. Only the student runs when a face is enlarged. This page compares it with",
        f"{_systems(plan, comparisons)} and takes it apart.",
    )
    document.notice(*caveats(plan))
    document.items(*(_outcome(root, comparison) for comparison in comparisons))
    document.text(
        "Each system was trained once: how far another seed would move these gains is not known."
        if len(plan.seeds) == 1
        else ""
    )
    document.text(_conditions(plan, runs))
    _add_account(document, root, plan, runs)


def _systems(plan: Plan, comparisons: Sequence[Comparison]) -> str:
    titles = comparisons[0].network_titles
    return listing([network_title(name, titles) for name in in_order(plan.networks)])


def _outcome(root: Path, comparison: Comparison) -> str:
    dataset = comparison.dataset
    faces = count_faces(root, dataset)
    counts = " / ".join(f"{faces[split]:,}" for split in SPLITS)
    kind = "drawn faces" if dataset == account.DRAWN else "photographs"
    psnr, ssim = (
        statistics.mean(comparison.results, dataset, PKDN, metric).cell(metric)
        for metric in (statistics.primary("psnr"), statistics.primary("ssim"))
    )
    others = [
        _gain(comparison, Subject("baseline", name), network_title(name, comparison.network_titles))
        for name in _named_in_summary(comparison)
    ]
    teacher = statistics.mean(comparison.results, dataset, PKDN_TEACHER, comparison.psnr)
    return " ".join(
        [
            f"`{dataset}` ({counts} {kind} to train / validate / test):",
            f"PKDN's student reaches **{psnr} dB** PSNR and {ssim} SSIM on the test faces,",
            f"{listing([text for text in others if text])}.",
            f"Its teacher, which sees the HR parsing map, has {teacher.cell(comparison.psnr)} dB.",
        ]
    )


def _named_in_summary(comparison: Comparison) -> list[str]:
    """Return bicubic and the best of the other systems."""

    def score(name: str) -> float:
        subject = Subject("baseline", name)
        mean = statistics.mean(comparison.results, comparison.dataset, subject, comparison.psnr)
        return -math.inf if mean.value is None else mean.value

    networks = comparison.plan.networks
    trained = sorted((name for name in networks if name != BICUBIC), key=score)
    return [name for name in networks if name == BICUBIC] + trained[-1:]


def _gain(comparison: Comparison, other: Subject, name: str) -> str:
    gain = comparison.gain_over(other)
    if gain is None:
        return ""
    decimals = comparison.psnr.column.decimals
    mean, low, high = (number(value, decimals, signed=True) for value in gain.interval)
    established = "" if gain.verdict.startswith("yes") else "; not established"
    return f"{mean} dB against {name} (95 % interval {low} to {high}{established})"


def caveats(plan: Plan) -> list[str]:
    """Say what the numbers may not be read as; empty where they may be read as they are."""
    known = [f"`{name}`" for name in plan.datasets if name in published.TABLE_1]
    others = {*published.TABLE_1, account.DRAWN}
    unknown = [f"`{name}`" for name in plan.datasets if name not in others]
    found = []
    if plan.profile == DEMO:
        found.append(
            f"**These numbers are {NO_REPRODUCTION}.** The demo profile trains narrower and "
            "shallower networks than the paper's, for minutes instead of days. It shows that the "
            "whole chain works."
        )
    if account.DRAWN in plan.datasets:
        found.append(
            f"**The numbers on `{account.DRAWN}` are {NO_REPRODUCTION}:** its faces are drawn by "
            "this project and simpler than photographs. Their PSNR and SSIM compare with nothing "
            "outside this page, and the paper has none for them."
        )
    if unknown:
        found.append(
            f"The paper has no results for {listing(unknown)}, so none stand beside ours there."
        )
    if known and plan.profile == DEMO:
        found.append(
            f"For {listing(known)} the paper's numbers are shown, headed *paper (full training)*, "
            "only to show how far a demo training is from a full one."
        )
    elif known:
        found.append(
            f"For {listing(known)} the paper's numbers are shown beside ours. Where the paper "
            "leaves something open, its training may have differed: see *Differences and readings*."
        )
    return found


def _conditions(plan: Plan, runs: Sequence[Run]) -> str:
    gpus = account.accelerators(runs)
    seeds = "seed" if len(plan.seeds) == 1 else "seeds"
    parts = [
        f"profile `{plan.profile}`",
        f"{seeds} {listing(plan.seeds)}",
        f"training in {listing(account.precisions(runs)) or 'a precision that is not recorded'}",
        f"on {listing(gpus)}" if gpus else "no GPU",
        f"machine: {'; '.join(account.machines(runs)) or 'not recorded'}",
        f"git revision {listing(account.revisions(runs)) or NOTHING}",
        f"{account.total_time(runs)} of computing in all stages together",
    ]
    dirty = any(revision.endswith(DIRTY) for revision in account.revisions(runs))
    remark = f" `{DIRTY}` marks a revision with uncommitted changes." if dirty else ""
    return f"Run with {', '.join(parts)}.{remark}"


def _add_account(document: Document, root: Path, plan: Plan, runs: Sequence[Run]) -> None:
    document.heading("What was run")
    table, numbers = account.faces_table(root, plan)
    document.text("**Data.** Faces in each split:")
    document.table(table, numbers, "faces")
    document.text("**Settings.** Everything else is as the profile has it.")
    document.table(account.settings_table(plan))
    document.text(
        "**Wall time** of the runs behind this page, with the time that a run took when it was",
        "computed, also where its result came from the cache.",
    )
    time_table, time_numbers = account.time_table(runs)
    document.table(time_table, time_numbers, "wall-time")
    document.text(
        f"Versions: {account.versions(runs) or 'not recorded'}. Networks are trained in the",
        "precision above and scored in fp32.",
    )
