"""The results on one data set: tables, faces and curves."""

from pathlib import Path

import pandas as pd

from pkdn.reports import curves, face_grid, faces, figures, published
from pkdn.reports.comparisons import PAPER, Comparison
from pkdn.reports.conditions import counts
from pkdn.reports.document import Document
from pkdn.reports.inputs import count_faces, index_file
from pkdn.reports.plan import Plan
from pkdn.reports.tables import listing
from pkdn.systems import FULL, PKDN, PKDN_NETWORK, system


def add(
    document: Document, root: Path, comparison: Comparison, complexity: pd.DataFrame
) -> None:
    """Add everything about one data set."""
    document.heading(f"Results on `{comparison.dataset}`")
    _add_crops(document, root, comparison.dataset)
    _add_systems(document, root, comparison)
    _add_scatter(document, comparison, complexity)
    _add_ablation(document, comparison)
    _add_faces(document, root, comparison)
    _add_curves(document, root, comparison)


def _add_crops(document: Document, root: Path, dataset: str) -> None:
    document.heading(f"The faces of `{dataset}`", level=3)
    place = document.copied_table(index_file(root, dataset), f"crops-{dataset}")
    document.text(
        f"[{place}]({place}) has every face: its name, split, source, box in pixels of the source",
        "and that file's SHA-256, so that others can cut the very same faces. Some test faces as",
        "they were cut:",
    )
    rows = faces.crops(root, dataset)
    path = document.figure(f"crops-{dataset}", f"HR test faces of {dataset}")
    face_grid.draw(path, [""] * len(rows[0]), rows)


def _add_systems(document: Document, root: Path, comparison: Comparison) -> None:
    dataset, plan = comparison.dataset, comparison.plan
    document.heading(f"Table 1 on `{dataset}`: the systems", level=3)
    document.text(_beside_the_paper(root, comparison))
    document.text(
        f"Means over the test faces{_spread(plan)}. PSNR and SSIM follow `y_crop8`: luma,",
        "8 pixels of border cropped (appendix A has all other definitions). Parsing mIoU says",
        "whether the face keeps its parts: how far the parser's maps of the enlarged and of the",
        f"true face agree{_stranger(comparison)}. The best number of a column is bold.",
        _recipes(plan),
        _not_run(plan),
    )
    document.table(comparison.table_1(), f"table-1-{dataset}")
    document.text(
        "**PKDN's gain** over each system, in PSNR on the same faces. A gain is established when",
        "its interval, from a bootstrap over the test faces, excludes 0.",
        "With one seed the interval says nothing about what another training would have given."
        if len(plan.seeds) == 1
        else "Scores are averaged over seeds first.",
    )
    document.table(comparison.gains(), f"gains-{dataset}")


def _recipes(plan: Plan) -> str:
    if not plan.authors_recipes:
        return ""
    text = (
        "*One recipe*: every system is trained as PKDN is, which is the fair comparison of "
        "networks. *Authors' recipe*: each by its authors' optimiser, rate, schedule, batches and "
        "augmentation, for as many passes over the faces; what they trained for elsewhere, such "
        "as DIC's hourglass beforehand, is missing. Losses are the authors' in both. PKDN's paper "
        "states no recipe; ours for it is that of KDFSRNet's code, so for these two both columns "
        "show one training."
    )
    changes = []
    if (factor := plan.authors["rate_factor"]) != 1:
        changes.append(f"rates are multiplied by {factor:g}")
    if limit := plan.authors["largest_batch"]:
        changes.append(f"batches are cut to {limit:g} faces")
    if changes:
        text += (
            f" Here the authors' {listing(changes)}, to get anywhere within a short training: this "
            "column shows that the recipes run, not what they are worth."
        )
    return text


def _add_scatter(document: Document, comparison: Comparison, complexity: pd.DataFrame) -> None:
    points = comparison.points(complexity)
    if not points:
        return
    document.text(
        "What a decibel costs: PSNR of the networks trained by the one recipe, against the",
        "multiply–adds of one face, and against the time that it takes.",
    )
    path = document.figure(f"cost-{comparison.dataset}", "PSNR against GMAC and against latency")
    figures.scatter(path, points)


def _beside_the_paper(root: Path, comparison: Comparison) -> str:
    dataset, plan = comparison.dataset, comparison.plan
    if dataset not in published.TABLE_1:
        return ""
    here, paper = count_faces(root, dataset), published.FACES[dataset]
    note = f"The columns *{PAPER}* are the numbers that the paper prints for `{dataset}`."
    if plan.is_smaller:
        note += f" **Ours come from networks of size `{plan.size}`, smaller than the paper's,"
        note += " and are no attempt to reach them.**"
    if epochs := plan.shown.get("epochs"):
        note += f" Ours were trained for {epochs} epochs."
    if here != paper:
        note += f" The faces differ too: {counts(here)} here to train / validate / test,"
        note += f" {counts(paper)} there."
    return note


def _spread(plan: Plan) -> str:
    if len(plan.seeds) == 1:
        return f", of one training (seed {plan.seeds[0]})"
    return (
        f", ± standard deviation over the seeds {listing(plan.seeds)}; a system that is the same "
        "for every seed has none"
    )


def _stranger(comparison: Comparison) -> str:
    trained_on = comparison.plan.parser_dataset
    if trained_on in (None, comparison.dataset):
        return ""
    return f" (a rough sign here, as the parser was trained on `{trained_on}`)"


def _not_run(plan: Plan) -> str:
    known = {*plan.networks, PKDN_NETWORK}
    titles = [system(name).title for name in plan.table_1 if name not in known]
    if not titles:
        return ""
    return f"{listing(titles)} {'was' if len(titles) == 1 else 'were'} not run here (–)."


def _add_ablation(document: Document, comparison: Comparison) -> None:
    dataset = comparison.dataset
    document.heading(f"Table 2 on `{dataset}`: PKDN taken apart", level=3)
    document.text(
        "Every row is a *student*, which sees the low-resolution face alone; rows differ in the",
        "teacher or in the loss that it was trained with.",
        _papers_rows(comparison.plan),
    )
    document.table(comparison.table_2(), f"table-2-{dataset}")
    if comparison.plan.variants != [FULL]:
        document.text("Each row against full PKDN, face by face: below 0 the row is worse.")
        document.table(comparison.variant_gains(), f"variant-gains-{dataset}")
    document.text(
        "**The teachers themselves**, an upper reference: each sees the HR parsing map, which",
        "nobody has when a face is to be enlarged. These rows compare with no row above.",
    )
    document.table(comparison.teachers(), f"teachers-{dataset}")


def _papers_rows(plan: Plan) -> str:
    """Say which rows of Table 2 the paper has; they come first."""
    ours = [name for name in plan.variants if name in published.VARIANTS]
    first = {1: "The first row is", 2: "The first two rows are", 3: "The first three rows are"}
    texts = [f"{first[len(ours)]} the paper's."]
    if "no_ffb" in ours:
        texts.append(
            'The paper prints *PFB only* as "without PFB", but ticks PFB there and leaves FFB out: '
            "it means *without FFB*."
        )
    if ours != plan.variants:
        texts.append("The other rows are not in the paper.")
    return " ".join(texts)


def _add_faces(document: Document, root: Path, comparison: Comparison) -> None:
    dataset, grid = comparison.dataset, faces.grid(root, comparison)
    if not grid.rows:
        return
    document.heading(f"Enlarged faces of `{dataset}`", level=3)
    document.text(
        "Test faces as in the paper's Fig. 4, each with its PSNR; LR is the input, drawn with",
        f"large pixels. The networks are those of seed {comparison.plan.seeds[0]}. From top to",
        f"bottom: {', '.join(f'`{name}`' for name in grid.names)}.",
    )
    path = document.figure(f"faces-{dataset}", f"Test faces: {', '.join(grid.columns)}")
    face_grid.draw(path, grid.columns, grid.rows)


def _add_curves(document: Document, root: Path, comparison: Comparison) -> None:
    dataset, plan = comparison.dataset, comparison.plan
    panels = curves.panels(root, plan, dataset)
    if not any(panels.values()):
        return
    document.heading(f"Training on `{dataset}`", level=3)
    document.text(
        "Above, PSNR on the validation faces, over RGB and the whole face, a definition for quick",
        "looks that compares with no table here. Below, the loss on the training faces; for",
        "students, the part of it that is their distance to HR. Teachers are dashed: they see the",
        "HR parsing map.",
        "" if len(plan.seeds) == 1 else "A line for each seed.",
    )
    figures.training_curves(document.figure(f"curves-{dataset}", "Training curves"), panels)
    of_pkdn = curves.of_subject(root, plan, dataset, PKDN)
    if of_pkdn:
        document.text("The terms of PKDN's loss (Eq. 2), each before its weight λ:")
        figures.loss_terms(document.figure(f"loss-{dataset}", "Terms of PKDN's loss"), of_pkdn)
