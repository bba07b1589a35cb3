"""The results on one data set: tables, faces and curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pkdn.faces import SPLITS
from pkdn.reports import curves, faces, figures, published
from pkdn.reports.comparisons import PAPER, Comparison
from pkdn.reports.document import Document
from pkdn.reports.records import count_faces
from pkdn.reports.summary import DEMO
from pkdn.reports.systems import PKDN, network_title, table_order
from pkdn.reports.tables import listing


def add(
    document: Document,
    root: Path,
    comparison: Comparison,
    complexity: Sequence[Mapping[str, str]],
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
    index = root / "data" / "faces" / dataset / "index.csv"
    place = document.copied_table(index, f"crops-{dataset}")
    document.text(
        f"[{place}]({place}) has every face: its name, split, source, box in pixels of the source",
        "and that file's SHA-256, so that others can cut the very same faces. Some test faces as",
        "they were cut:",
    )
    rows = faces.crops(root, dataset)
    path = document.figure(f"crops-{dataset}", f"HR test faces of {dataset}")
    figures.face_grid(path, [""] * len(rows[0]), rows)


def _add_systems(document: Document, root: Path, comparison: Comparison) -> None:
    dataset = comparison.dataset
    document.heading(f"Table 1 on `{dataset}`: the systems", level=3)
    document.text(_beside_the_paper(root, comparison))
    document.text(
        f"Means over the test faces{_spread(comparison)}. PSNR and SSIM follow `y_crop8`: luma,",
        "8 pixels of border cropped (appendix A has all other definitions). Parsing mIoU says",
        "whether the face keeps its parts: how far the parser's maps of the enlarged and of the",
        f"true face agree{_stranger(comparison)}. The best number of a column is bold.",
        _recipes(comparison),
        _not_run(comparison),
    )
    document.table(*comparison.table_1(), f"table-1-{dataset}")
    document.text(
        "**PKDN's gain** over each system, in PSNR on the same faces. A gain is established when",
        "its interval, from a bootstrap over the test faces, excludes 0.",
        "With one seed the interval says nothing about what another training would have given."
        if len(comparison.plan.seeds) == 1
        else "Scores are averaged over seeds first.",
    )
    document.table(*comparison.gains(), f"gains-{dataset}")


def _recipes(comparison: Comparison) -> str:
    if not comparison.plan.authors_recipes:
        return ""
    text = (
        "*One recipe*: every system is trained as PKDN is, which is the fair comparison of "
        "networks. *Authors' recipe*: each by its authors' optimiser, rate, schedule, batches and "
        "augmentation, for as many passes over the faces; what they trained for elsewhere, such "
        "as DIC's hourglass beforehand, is missing. Losses are the authors' in both. PKDN's paper "
        "states no recipe; ours for it is that of KDFSRNet's code, so for these two both columns "
        "show one training."
    )
    if comparison.plan.profile == DEMO:
        text += (
            " In the demo the authors' rates are raised, and their batches cut, to get anywhere "
            "within a few hundred steps: this column shows that the recipes run, not what they "
            "are worth."
        )
    return text


def _add_scatter(
    document: Document, comparison: Comparison, complexity: Sequence[Mapping[str, str]]
) -> None:
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
    dataset, profile = comparison.dataset, comparison.plan.profile
    if dataset not in published.TABLE_1:
        return ""
    here, paper = count_faces(root, dataset), published.FACES[dataset]
    note = f"The columns *{PAPER}* are the numbers that the paper prints for `{dataset}`."
    if profile == DEMO:
        note += " **Ours come from the demo profile and are no attempt to reach them.**"
    if epochs := comparison.plan.settings.get("epochs"):
        note += f" Ours were trained for {epochs} epochs."
    if here != paper:
        ours, theirs = (" / ".join(f"{n[split]:,}" for split in SPLITS) for n in (here, paper))
        note += f" The faces differ too: {ours} here to train / validate / test, {theirs} there."
    return note


def _spread(comparison: Comparison) -> str:
    seeds = comparison.plan.seeds
    if len(seeds) == 1:
        return f", of one training (seed {seeds[0]})"
    return (
        f", ± standard deviation over the seeds {listing(seeds)}; a system that is the same for "
        "every seed has none"
    )


def _stranger(comparison: Comparison) -> str:
    trained_on = comparison.plan.parser_dataset
    if trained_on in (None, comparison.dataset):
        return ""
    return f" (a rough sign here, as the parser was trained on `{trained_on}`)"


def _not_run(comparison: Comparison) -> str:
    networks = comparison.plan.networks
    missing = [name for name in table_order(networks)[:-1] if name not in networks]
    titles = [network_title(name, comparison.network_titles) for name in missing]
    return f"{listing(titles)} were not run here (–)." if len(titles) > 1 else ""


def _add_ablation(document: Document, comparison: Comparison) -> None:
    dataset = comparison.dataset
    document.heading(f"Table 2 on `{dataset}`: PKDN taken apart", level=3)
    document.text(
        "Every row is a *student*, which sees the low-resolution face alone; rows differ in the",
        "teacher or in the loss that it was trained with. The first three rows are the paper's.",
        'The paper prints the second one as "without PFB", but ticks PFB there and leaves FFB out:',
        "it means *without FFB*. The other rows are not in the paper.",
    )
    document.table(*comparison.table_2(), f"table-2-{dataset}")
    document.text("Each row against full PKDN, face by face: below 0 the row is worse.")
    document.table(*comparison.variant_gains(), f"variant-gains-{dataset}")
    document.text(
        "**The teachers themselves**, an upper reference: each sees the HR parsing map, which",
        "nobody has when a face is to be enlarged. These rows compare with no row above.",
    )
    document.table(*comparison.teachers(), f"teachers-{dataset}")


def _add_faces(document: Document, root: Path, comparison: Comparison) -> None:
    dataset, plan = comparison.dataset, comparison.plan
    columns, rows, names = faces.grid(
        root, plan, comparison.results, dataset, comparison.network_titles
    )
    if not rows:
        return
    document.heading(f"Enlarged faces of `{dataset}`", level=3)
    document.text(
        "Test faces as in the paper's Fig. 4, each with its PSNR; LR is the input, drawn with",
        f"large pixels. The networks are those of seed {plan.seeds[0]}. From top to bottom:",
        f"{', '.join(f'`{name}`' for name in names)}.",
    )
    path = document.figure(f"faces-{dataset}", f"Test faces: {', '.join(columns)}")
    figures.face_grid(path, columns, rows)


def _add_curves(document: Document, root: Path, comparison: Comparison) -> None:
    dataset, plan = comparison.dataset, comparison.plan
    panels = curves.panels(root, plan, dataset, comparison.network_titles)
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
