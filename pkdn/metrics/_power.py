"""How small a gain can be seen: from the spread over seeds and faces that was measured."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from pkdn.metrics._intervals import CONFIDENCE

POWER = 0.8
"""How often a gain of that size is to be seen."""
MOST_SEEDS = 1_000


class Spread(NamedTuple):
    """Standard deviations of a paired difference, in the unit of the scores.

    Attributes:
        of_seeds: what a training adds on all faces.
        of_faces: what a face adds in all trainings.
        of_both: what is left, for each face of each training.
    """

    of_seeds: float
    of_faces: float
    of_both: float

    @classmethod
    def of(cls, differences: np.ndarray) -> "Spread":
        """Take it from differences, (num_faces, num_seeds), at least two of either.

        It is the analysis of variance of a table with two ways in: what is left estimates its own
        share, and the variance of the means of faces and of seeds is freed of that.
        """
        num_faces, num_seeds = differences.shape
        faces, seeds = differences.mean(axis=1), differences.mean(axis=0)
        rest = differences - faces[:, None] - seeds + differences.mean()
        left = (rest**2).sum() / ((num_faces - 1) * (num_seeds - 1))
        of_faces = max(0.0, faces.var(ddof=1) - left / num_seeds)
        of_seeds = max(0.0, seeds.var(ddof=1) - left / num_faces)
        return cls(math.sqrt(of_seeds), math.sqrt(of_faces), math.sqrt(left))

    def detectable(self, num_seeds: int, num_faces: int) -> float:
        """Return the gain that is seen in four of five studies of this size, as established."""
        variance = self.of_seeds**2 / num_seeds + self.of_faces**2 / num_faces
        variance += self.of_both**2 / (num_seeds * num_faces)
        normal = NormalDist()
        quantiles = normal.inv_cdf((1 + CONFIDENCE) / 2) + normal.inv_cdf(POWER)
        return quantiles * math.sqrt(variance)

    def seeds_needed(self, gain: float, num_faces: int) -> int | None:
        """Return with how many seeds a gain is seen on so many faces; None: with no number."""
        counts = range(2, MOST_SEEDS + 1)  # one seed establishes nothing
        return next((n for n in counts if self.detectable(n, num_faces) <= gain), None)
