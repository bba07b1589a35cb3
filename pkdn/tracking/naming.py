"""Names by which runs of one stage can be told apart, in lists that show nothing else of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from pkdn.tracking.record import Record

MOST_PARAMS = 3
"""Parameters in a name."""
MOST_LETTERS = 24
"""Of a parameter's value in a name."""


class Known(NamedTuple):
    """A run that is there: its name, and its parameters as text."""

    name: str
    params: Mapping[str, str]


def name_for(record: Record, known: Sequence[Known], training: str = "") -> str:
    """Return a name that no run has that is there.

    Args:
        record: of the run.
        known: the runs of the same stage, the oldest first, with which parameters are compared.
        training: the name of the training whose weights it reads, where there is one; what tells
            that from others tells this run from others too.
    """
    words = training.split()[1:] or (changed(record, known[0].params) if known else [])
    taken = {one.name for one in known}
    return next(name for name in _candidates(record, words) if name not in taken)


def _candidates(record: Record, words: Sequence[str]) -> Iterator[str]:
    """Yield names, each longer than the one before; what is done again and again has a number."""
    name = " ".join([record.name, *words])
    yield name
    for more in (record.experiment, record.revision, record.fingerprint):
        if more:
            name = f"{name} {more}"
            yield name
    yield from (f"{name} {number}" for number in count(2))


def changed(record: Record, oldest: Mapping[str, str]) -> list[str]:
    """Return the parameters that differ from those of another run, such as ``lambda_fs=0.5``."""
    mine = {name: str(value) for name, value in record.params.items()}
    names = [
        name for name in (*mine, *sorted({*oldest} - {*mine})) if mine.get(name) != oldest.get(name)
    ]
    parts = [f"{name}={mine.get(name, 'none')[:MOST_LETTERS]}" for name in names[:MOST_PARAMS]]
    return parts + (["…"] if len(names) > MOST_PARAMS else [])
