"""Published results, and whether a run of one's own gives the same.

What is published are the scores of each face, the curves and the records: enough for the tables,
and for the intervals in which others look for their own gains.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pkdn.errors import UserError
from pkdn.files import BrokenFileError, atomic_file
from pkdn.reports import paper
from pkdn.reports.changes import OF_BICUBIC, State, other_faces
from pkdn.reports.columns import PSNR, SSIM
from pkdn.reports.comparisons import interval, signed
from pkdn.reports.conditions import counts
from pkdn.reports.curves import best_validation
from pkdn.reports.history import faces, machines, precisions, read_records, revisions
from pkdn.reports.plan import Plan, title
from pkdn.reports.scores import Scores
from pkdn.reports.statistics import MIN_FACES, Gain, over
from pkdn.reports.tables import Column, Table, listing, markdown, words
from pkdn.systems import BICUBIC, Subject

SAME_FACES: Final = (
    "Bicubic interpolation has the published PSNR on every test face: their photos and crops, "
    "degradation and protocol are the same."
)
WHEN: Final = ("published", "here")


class Verdict(NamedTuple):
    """What came out for one data set.

    Attributes:
        told: as markdown.
        wrong: what is not as published, in words; none where all is.
    """

    told: str
    wrong: list[str]


class Pair(NamedTuple):
    """A system's gain over bicubic, twice, and the difference face by face."""

    subject: Subject
    published: Gain
    here: Gain
    change: Gain

    @property
    def is_inside(self) -> bool:
        """Whether the gain here lies in the published interval."""
        _, low, high, _ = self.published.interval
        return low <= self.here.interval.mean <= high

    @property
    def is_another(self) -> bool:
        """Whether the interval of the difference on the same faces does not include 0."""
        return self.change.interval.low > 0 or self.change.interval.high < 0

    @property
    def remark(self) -> str:
        """What an interval over faces alone does not say."""
        alone = len(self.published.by_seed) == 1
        return " for one training, which says nothing of others" if alone else ""

    def __str__(self) -> str:
        return (
            f"{title(self.subject)} gains {signed(self.here.interval.mean)} dB over bicubic, where "
            f"{signed(self.published.interval.mean)} were published, {interval(self.published)}"
        )


def files(root: Path, plan: Plan) -> Iterator[Path]:
    """Yield what is published beside the parameters and the plan, from the root on."""
    for _, run in plan.trainings():
        evaluation = run.evaluation()
        absent = (root / evaluation.absence).is_file()
        yield from (run.record, run.curve(), evaluation.record)
        if (root / (of_teacher := run.curve("teacher"))).is_file():
            yield of_teacher
        yield evaluation.absence if absent else evaluation.scores


def check(root: Path, plan: Plan) -> None:
    """Check that results can be verified.

    Raises:
        BrokenFileError: a file is missing.
        UserError: bicubic interpolation is not among the networks.
    """
    check_bicubic(plan)
    for path in files(root, plan):
        if not (root / path).is_file():
            raise BrokenFileError(f"expected {root / path}, which is missing", "run `dvc repro`")


def check_bicubic(plan: Plan) -> None:
    """Check that gains over bicubic interpolation can be told.

    Raises:
        UserError: it is not among the networks.
    """
    if OF_BICUBIC not in plan.subjects:
        raise UserError(
            f"expected {BICUBIC} among `networks`, whose scores show whether faces are the same, "
            f"got {listing(plan.networks)}: add it to params.yaml and run `python -m pkdn repro`"
        )


def write(state: State, root: Path, out: Path, more: Sequence[Path]) -> None:
    """Write results into a folder, with a page for people.

    Args:
        state: what is in ``root``.
        root: the root of the repository.
        out: the folder.
        more: further files, from the root on.

    Raises:
        UserError: some are missing, or others could not verify them.
    """
    check(root, state.plan)
    page = _page(state, root, out)
    for path in (*more, *files(root, state.plan)):
        with atomic_file(out / path) as temporary:
            shutil.copyfile(root / path, temporary)
    with atomic_file(out / "README.md") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _page(state: State, root: Path, out: Path) -> str:
    records = read_records(root, state.plan)
    first, last = (of(records["started"])[:10] for of in (min, max))
    when = f"on {first}" if first == last else f"from {first} to {last}"
    told = [
        f"# Results of {listing(state.plan.datasets)} with the profile `{state.plan.profile}`",
        f"Computed {when} by {listing(revisions(records))} on {machines(records)}; trained in "
        f"{precisions(records)}. To verify it, run the pipeline with the parameters that are "
        "beside this page, on the photos that they name, and then",
        f"```console\npython -m pkdn verify {_shown(out)}\n```",
    ]
    for dataset, scores in state.scores.items():
        rows = [one for one in state.plan.subjects if one in scores.frames]
        means = [
            Column(metric.heading, [scores.mean(one, metric).cell(metric) for one in rows])
            for metric in (PSNR, SSIM)
        ]
        told.append(f"## On `{dataset}`, {_num_faces(scores)} test faces")
        told.append(_learnt_from(faces(records, dataset), dataset))
        told.append(markdown([words("system", map(title, rows)), *means]))
        told.append(over(state.plan.seeds))
    return "\n\n".join(told) + "\n"


def _shown(out: Path) -> str:
    """Return a folder as others can have it: from the repository on, or by its name alone."""
    return str(out) if not out.is_absolute() else out.name


def _learnt_from(found: Mapping[str, Mapping[str, int]], dataset: str) -> str:
    """Say how many faces there were, beside the paper's number where it has the data set."""
    theirs = paper.FACES.get(dataset)
    of_paper = f"; the paper has {counts(theirs)}" if theirs else ""
    return f"Faces to train / validate / test: {listing(map(counts, found.values()))}{of_paper}."


def _num_faces(scores: Scores) -> int:
    return max(len(frame) for by_seed in scores.frames.values() for frame in by_seed.values())


def verify(dataset: str, published: State, here: State, roots: tuple[Path, Path]) -> Verdict:
    """Look for every system's gain over bicubic in the interval that was published.

    Args:
        dataset: one that both have.
        published: what was published.
        here: what there is now.
        roots: where both lie, for the curves and the records.
    """
    old, new = published.scores[dataset], here.scores[dataset]
    if reason := other_faces(old, new):
        return Verdict(f"{reason}, so that nothing else can be verified.", [f"{dataset}: {reason}"])
    if (num_faces := _num_faces(old)) < MIN_FACES:
        reason = f"{num_faces} test face, where an interval takes {MIN_FACES} or more"
        return Verdict(f"{reason}: no gain can be verified.", [f"{dataset}: {reason}"])
    shared = [one for one in published.plan.subjects if one in old.frames and one in new.frames]
    shared.remove(OF_BICUBIC)
    pairs = [
        Pair(
            one,
            old.gain(one, OF_BICUBIC, PSNR),
            new.gain(one, OF_BICUBIC, PSNR),
            Gain.of(*(scores.by_seed(one, PSNR) for scores in (new, old))),
        )
        for one in shared
    ]
    sides = [*zip(roots, (published.plan, here.plan), strict=True)]
    records = [read_records(root, plan) for root, plan in sides]
    learnt = [faces(of_side, dataset) for of_side in records]
    told = [SAME_FACES, _same_files(*learnt), markdown(_table(pairs))]
    formats = [*map(precisions, records)]
    if formats[0] != formats[1]:
        told.append(
            f"The published networks were trained in {formats[0]}, those here in {formats[1]}: "
            "another number format moves a score as another seed does."
        )
    if others := [pair for pair in pairs if pair.is_inside and pair.is_another]:
        told.append(_other_results(others))
    validated = [
        [PSNR.text(best_validation(root, plan, dataset, one)) for one in shared]
        for root, plan in sides
    ]
    if shared:
        names = words("best validation PSNR over RGB, dB", map(title, shared))
        columns = [Column(when, cells) for when, cells in zip(WHEN, validated, strict=True)]
        told.append(markdown([names, *columns]))
    there = [one for one in published.plan.subjects if one in old.frames]
    if lacking := [title(one) for one in there if one not in new.frames]:
        told.append(f"Published, and not here: {listing(lacking)}.")
    outside = [f"{dataset}: {pair}{pair.remark}" for pair in pairs if not pair.is_inside]
    return Verdict("\n\n".join(told), outside)


def _same_files(
    published: Mapping[str, Mapping[str, int]], here: Mapping[str, Mapping[str, int]]
) -> str:
    """Say whether networks learnt from the published faces, which bicubic's scores cannot show."""
    if not (published and here):
        return "Which faces networks learnt from is not recorded."
    if published.keys() == here.keys():
        return (
            "All faces, those to train and to validate too, are the published ones, byte for byte."
        )
    before, after = (listing(map(counts, found.values())) for found in (published, here))
    return (
        f"**The faces' files are not the published ones**: {before} to train / validate / test "
        f"were published, {after} are here, so that networks may have learnt from other photos."
    )


def _other_results(pairs: Sequence[Pair]) -> str:
    """Say which systems score otherwise on the same faces, though other faces could do as much."""
    named = [
        f"{title(pair.subject)} ({signed(pair.change.interval.mean)} dB, {interval(pair.change)})"
        for pair in pairs
    ]
    text = (
        "The published intervals are for other faces. On these very faces, what is here differs by "
        f"more than chance among faces from what was published for {listing(named)}."
    )
    if any(len(pair.change.by_seed) == 1 for pair in pairs):
        text += " With one seed that may be another training of the same system, or another system."
    return text


def _table(pairs: Sequence[Pair]) -> Table:
    """Return the gains over bicubic, published and here, and their difference face by face."""
    return [
        words("system", [title(one.subject) for one in pairs]),
        Column(
            "published gain over bicubic, dB",
            [signed(one.published.interval.mean) for one in pairs],
        ),
        Column("95 % interval", [interval(one.published) for one in pairs]),
        Column("gain here", [signed(one.here.interval.mean) for one in pairs]),
        words("inside?", ["yes" if one.is_inside else "**no**" for one in pairs]),
        Column(
            "here less published, by equal seeds",
            [signed(one.change.interval.mean) for one in pairs],
        ),
        Column("its 95 % interval", [interval(one.change) for one in pairs]),
    ]
