"""Two states of the project beside each other: which parameters changed, and what that did."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pkdn.errors import UserError
from pkdn.reports.columns import PSNR
from pkdn.reports.comparisons import gain_columns
from pkdn.reports.plan import Plan, title
from pkdn.reports.scores import Scores
from pkdn.reports.statistics import Gain, over
from pkdn.reports.tables import NOTHING, Column, Table, listing, markdown, words
from pkdn.systems import BICUBIC, Subject

OF_BICUBIC: Final = Subject("baseline", BICUBIC)
BEFORE_AND_AFTER: Final = ("before", "after")
SAME_DB: Final = 1e-6
"""Bicubic interpolation is exact on every machine: whose scores differ by more has other faces."""


class State(NamedTuple):
    """What there is to compare.

    Attributes:
        name: what it is called.
        parameters: all of ``params.yaml``.
        plan: of its report.
        scores: by data set.
    """

    name: str
    parameters: Mapping[str, Any]
    plan: Plan
    scores: Mapping[str, Scores]


def text(before: State, after: State) -> str:
    """Return the parameters that differ, and gains by data set, as markdown.

    Raises:
        UserError: there is no data set that both have.
    """
    datasets = shared(before, after)
    told = [
        f"**{after.name}, compared with {before.name}**",
        different_parameters(before, after) or "All parameters are the same.",
    ]
    for dataset in datasets:
        told += [f"### Change on `{dataset}`", *_of_dataset(dataset, before, after)]
    return "\n\n".join(told) + "\n"


def shared(before: State, after: State) -> list[str]:
    """Return the data sets that both have.

    Raises:
        UserError: there is none.
    """
    found = [name for name in after.plan.datasets if name in before.plan.datasets]
    if not found:
        raise UserError(
            f"expected a data set that both have, got {listing(before.plan.datasets)} and "
            f"{listing(after.plan.datasets)}: compare two that share one"
        )
    return found


def different_parameters(
    before: State, after: State, called: tuple[str, str] = BEFORE_AND_AFTER
) -> str:
    """Return the parameters that differ as markdown, under two titles; empty where none do."""
    found = parameters(before.parameters, after.parameters, called)
    return markdown(found) if found[0].cells else ""


def _of_dataset(dataset: str, before: State, after: State) -> Iterator[str]:
    old, new = before.scores[dataset], after.scores[dataset]
    if reason := other_faces(old, new):
        yield f"They were scored on other faces, so nothing can be compared: {reason}."
        return
    if doubt := _doubt(old, new):
        yield doubt
    changed, same = systems(old, new, after.plan)
    if changed[0].cells:
        yield markdown(changed)
    if [*before.plan.seeds] != [*after.plan.seeds]:
        yield (
            f"Means are over the seeds {listing(map(str, before.plan.seeds))} before and "
            f"{listing(map(str, after.plan.seeds))} after, gains over those that both have. ± is "
            "the standard deviation over the seeds, and no interval."
        )
    elif changed[0].cells:
        yield over(after.plan.seeds)
    for said, titles in (
        ("The same PSNR on every face", same),
        ("Only before", alone(old, new, before.plan)),
        ("Only after", alone(new, old, after.plan)),
    ):
        if titles:
            yield f"{said}: {listing(titles)}."


def other_faces(old: Scores, new: Scores) -> str:
    """Return why the two were not scored on the same faces; empty where nothing speaks for that.

    Faces of the same names, such as drawn ones of another seed, are told apart by bicubic's scores.
    """
    first, second = (
        next(frame for by_seed in scores.frames.values() for frame in by_seed.values()).index
        for scores in (old, new)
    )
    if not first.equals(second):
        shared = first.intersection(second)
        return (
            f"{len(shared)} of the {len(first)} test faces before are among the {len(second)} after"
        )
    if not all(OF_BICUBIC in scores.frames for scores in (old, new)):
        return ""
    before, after = (
        next(iter(scores.frames[OF_BICUBIC].values()))[PSNR.name] for scores in (old, new)
    )
    differences = (after - before).abs()
    num_others = int((differences > SAME_DB).sum())
    if not num_others:
        return ""
    return (
        f"bicubic interpolation has another PSNR on {num_others} of {len(after)} faces, by up to "
        f"{differences.max():.2f} dB: photos, crops or degradation are others"
    )


def _doubt(old: Scores, new: Scores) -> str:
    """Say that the faces may be others where neither bicubic's scores nor the records tell."""
    if all(OF_BICUBIC in scores.frames for scores in (old, new)):
        return ""
    if old.faces and old.faces == new.faces:
        return ""
    return (
        "**These may be other test faces of the same names**: the faces of all splits together are "
        f"{'others' if old.faces and new.faces else 'not known to be the same'}, and bicubic "
        "interpolation, whose scores would tell, was not scored in both. Where they are others, "
        "the gains below say nothing."
    )


def parameters(
    before: Mapping[str, Any], after: Mapping[str, Any], called: tuple[str, str] = BEFORE_AND_AFTER
) -> Table:
    """Return the parameters that differ, with their values before and after."""
    old, new = dict(_flat(before)), dict(_flat(after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    shown = [
        words(when, (_shown(values.get(name)) for name in names))
        for when, values in zip(called, (old, new), strict=True)
    ]
    return [words("parameter", names), *shown]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return NOTHING if value is None else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def systems(before: Scores, after: Scores, plan: Plan) -> tuple[Table, list[str]]:
    """Compare everything that has scores in both, face by face.

    Args:
        before: the scores of a data set.
        after: those that it has since, on the same faces.
        plan: for the order.

    Returns:
        A table of what has changed, and the titles of what has the same PSNR on every face.
    """
    gains = {
        one: Gain.of(after.by_seed(one, PSNR), before.by_seed(one, PSNR))
        for one in plan.subjects
        if one in before.frames and one in after.frames
    }
    same = [one for one, gain in gains.items() if gain.num_faces and not any(gain.interval[:3])]
    changed = [one for one in gains if one not in same]
    means = [
        Column(f"PSNR {when}, dB", [scores.mean(one, PSNR).cell(PSNR) for one in changed])
        for when, scores in (("before", before), ("after", after))
    ]
    columns = gain_columns([gains[one] for one in changed])
    return [words("system", map(title, changed)), *means, *columns], [*map(title, same)]


def alone(some: Scores, others: Scores, plan: Plan) -> list[str]:
    """Return the titles of what has scores in the first alone."""
    return [title(one) for one in plan.subjects if one in some.frames and one not in others.frames]
