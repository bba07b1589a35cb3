"""How small a gain can be seen with so many seeds and faces."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from pkdn.reports import paper
from pkdn.reports.plan import title
from pkdn.reports.statistics import Gain
from pkdn.systems import Subject

FACES: Final = (50, 1_000)
"""As Helen and CelebA have."""
MOST_SEEDS: Final = 20


def power(gains: Mapping[Subject, Gain]) -> pd.DataFrame:
    """Return how small a gain can be seen, against the system whose scores are nearest.

    Args:
        gains: PKDN's over other systems.

    Returns:
        A row for each number of ``seeds`` and of ``faces``: the ``gain`` in dB that is seen in
        four of five such studies, ``against`` which system; how many faces there are
        ``here``, which gain is ``seen`` with the seeds here, and how many seeds are ``needed``
        (NaN: no number is enough) for the gain ``wanted``, the paper's over KDFSRNet on Helen; how
        far trainings are found to ``move`` a difference, how far they ``may`` all the same
        (:meth:`pkdn.intervals.Spread.at_most`), and how many seeds are needed ``then``. No row
        where there is one seed.
    """
    usable = [item for item in gains.items() if item[1].spread and not item[1].is_nothing]
    if not usable:
        return pd.DataFrame()
    other, gain = min(usable, key=lambda one: abs(one[1].interval.mean))
    assert gain.spread
    counts = sorted({gain.num_faces, *FACES})
    rows = [
        {"seeds": seeds, "faces": faces, "gain": gain.spread.detectable(seeds, faces)}
        for faces in counts
        for seeds in range(2, MOST_SEEDS + 1)
    ]
    num_seeds, wanted = len(gain.by_seed), paper.gain("helen", "kdfsrnet")
    doubted = gain.spread.at_most(num_seeds, gain.num_faces)
    needed, then = (
        one.seeds_needed(wanted, gain.num_faces) or math.nan for one in (gain.spread, doubted)
    )
    return pd.DataFrame(rows).assign(
        against=title(other),
        here=gain.num_faces,
        seen=gain.spread.detectable(num_seeds, gain.num_faces),
        wanted=wanted,
        needed=needed,
        move=gain.spread.of_seeds,
        may=doubted.of_seeds,
        then=then,
    )
