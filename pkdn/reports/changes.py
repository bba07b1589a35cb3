"""Two states of the project beside each other: which parameters changed, and what that did."""

from collections.abc import Iterator, Mapping
from typing import Any

from pkdn.reports.columns import PSNR
from pkdn.reports.comparisons import gain_columns
from pkdn.reports.plan import Plan, title
from pkdn.reports.scores import Scores
from pkdn.reports.statistics import Gain
from pkdn.reports.tables import NOTHING, Column, Table, words


def parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """Return the parameters that differ, with their values before and after."""
    old, new = dict(_flat(before)), dict(_flat(after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    shown = [
        words(when, (NOTHING if values.get(name) is None else str(values[name]) for name in names))
        for when, values in (("before", old), ("after", new))
    ]
    return [words("parameter", names), *shown]


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
