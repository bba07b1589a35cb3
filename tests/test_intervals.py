import math

import numpy as np
import pytest

from pkdn.intervals import Spread, holm, paired_difference


def studies(
    spread: Spread, *, gain: float, faces: int, seeds: int, number: int, seed: int = 0
) -> list[np.ndarray]:
    """Return the differences of many studies, normally distributed."""
    random = np.random.default_rng(seed)
    return [
        gain
        + random.normal(0, spread.of_seeds, seeds)
        + random.normal(0, spread.of_faces, (faces, 1))
        + random.normal(0, spread.of_both, (faces, seeds))
        for _ in range(number)
    ]


def test_paired_difference_sees_through_what_both_share():
    random = np.random.default_rng(3)
    shared, gain = random.normal(25, 4, 400), random.normal(0.1, 0.2, 400)
    mean, low, high, p_value = paired_difference(shared + gain, shared)
    assert p_value < 0.001
    assert mean == pytest.approx(gain.mean())
    half_width = 1.966 * gain.std(ddof=1) / 20  # Student's t of 399 degrees of freedom
    assert (low, high) == pytest.approx((mean - half_width, mean + half_width), rel=1e-3)


@pytest.mark.parametrize(
    ("seeds", "faces", "spread"),
    [
        (3, 50, Spread(0.03, 0.2, 0.15)),  # as three seeds on Helen
        (3, 50, Spread(0, 0.2, 0.15)),
        (3, 1_000, Spread(0.05, 0.2, 0.1)),  # seeds alone matter
        (5, 1_000, Spread(0.05, 0.2, 0.1)),
        (2, 1_000, Spread(0.05, 0.2, 0.1)),
        (2, 1_000, Spread(0.01, 0.2, 0.3)),
    ],
)
def test_the_interval_covers_the_truth(seeds: int, faces: int, spread: Spread):
    """Also where seeds are few: draws from three seeds cover it in four of five studies alone."""
    drawn = studies(spread, gain=0.1, faces=faces, seeds=seeds, number=500)
    found = [paired_difference(one, np.zeros_like(one)) for one in drawn]
    assert np.mean([one.low <= 0.1 <= one.high for one in found]) >= 0.93


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_table_without_a_difference_has_one_established_once_in_twenty_at_most(seeds: int):
    """Where a few seeds of a system agree by chance, no p-value is too small for the correction."""
    random, tables = np.random.default_rng(2), []
    for _ in range(60):
        systems = random.normal(0, 0.03, (10, 1, seeds)) + random.normal(0, 0.15, (10, 400, 1))
        systems += random.normal(0, 0.19, (10, 400, seeds))
        found = [paired_difference(systems[0], other).p_value for other in systems[1:]]
        tables.append(min(holm(found)) < 0.05)
    assert np.mean(tables) <= 0.1


def test_one_training_says_nothing_of_others():
    drawn = studies(Spread(0.1, 0.2, 0.05), gain=0.1, faces=60, seeds=1, number=200)
    found = [paired_difference(one, np.zeros_like(one)) for one in drawn]
    assert np.mean([one.low <= 0.1 <= one.high for one in found]) < 0.65


def test_one_training_on_few_faces_has_the_interval_of_a_paired_t_test():
    found = paired_difference(np.array([0.1, 0.2, 0.3]), np.zeros(3))
    half_width = 4.3027 * 0.1 / math.sqrt(3)  # Student's t of 2 degrees of freedom
    assert found == pytest.approx((0.2, 0.2 - half_width, 0.2 + half_width, 0.07418), rel=1e-3)


@pytest.mark.parametrize("seeds", [1, 3])
def test_p_values_are_those_of_the_interval(seeds: int):
    for gain in (0.0, 0.05, 0.1, 0.5):
        spread = Spread(0.02, 0.2, 0.1)
        for one in studies(spread, gain=gain, faces=100, seeds=seeds, number=20, seed=1):
            found = paired_difference(one, np.zeros_like(one))
            assert (found.p_value < 0.05) is not (found.low <= 0 <= found.high)


def test_differences_that_are_all_the_same():
    assert paired_difference(np.zeros(5), np.zeros(5)) == (0, 0, 0, 1)
    assert paired_difference(np.full((5, 2), 0.5), np.zeros((5, 2))) == (0.5, 0.5, 0.5, 0)


def test_holm_multiplies_by_the_number_of_comparisons_that_are_left():
    found = holm([0.01, math.nan, 0.04, 0.03, 0.5])
    assert found == pytest.approx([0.04, math.nan, 0.09, 0.09, 0.5], nan_ok=True)
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("a", "b"), [([1.0, 2.0], [1.0]), ([1.0], [1.0]), ([math.inf, 1.0], [1.0, 1.0])]
)
def test_paired_difference_refuses(a: list[float], b: list[float]):
    with pytest.raises(ValueError, match="scores"):
        paired_difference(np.array(a), np.array(b))


def test_the_spread_is_told_apart():
    (scores,) = studies(Spread(0.05, 0.3, 0.1), gain=0.04, faces=500, seeds=400, number=1)
    assert Spread.of(scores) == pytest.approx((0.05, 0.3, 0.1), rel=0.1)
    assert Spread.of(np.full((4, 3), 0.5)) == (0, 0, 0)


def test_what_can_be_seen_is_bounded_by_seeds_and_by_faces():
    known = Spread(0.05, 0.3, 0.1)
    assert known.detectable(10, 10**9) == pytest.approx(3.145 * 0.05 / math.sqrt(10), rel=0.01)
    assert known.detectable(10**9, 10**4) == pytest.approx(2.8 * 0.003, rel=0.01)
    needed = known.seeds_needed(0.05, 1_000)
    assert needed
    assert known.detectable(needed, 1_000) <= 0.05 < known.detectable(needed - 1, 1_000)
    assert known.seeds_needed(0.01, 50) is None


@pytest.mark.parametrize("seeds", [2, 3, 8])
@pytest.mark.parametrize(
    ("known", "faces"),
    [(Spread(0.05, 0.1, 0.1), 100), (Spread(0.006, 0.056, 0.264), 50), (Spread(0, 0.25, 0.3), 50)],
)
def test_a_gain_that_can_be_seen_is_established_four_times_out_of_five(
    known: Spread, faces: int, seeds: int
):
    gain = known.detectable(seeds, faces)
    drawn = studies(known, gain=gain, faces=faces, seeds=seeds, number=1500, seed=5)
    seen = [paired_difference(one, np.zeros_like(one)).low > 0 for one in drawn]
    assert 0.765 <= np.mean(seen) <= 0.835


@pytest.mark.parametrize(("seeds", "found"), [(2, 0.02), (3, 0.03), (8, 0.05)])
def test_seeds_that_move_as_far_as_can_be_agree_so_well_in_one_of_five_studies(
    seeds: int, found: float
):
    here = Spread(found, 0.2, 0.25)
    most = here.at_most(seeds, 50)
    assert most.of_seeds > 1.1 * found
    assert most[1:] == here[1:]
    drawn = studies(most, gain=0, faces=50, seeds=seeds, number=2000, seed=6)
    variances = np.array([one.mean(axis=0).var(ddof=1) for one in drawn])
    assert np.mean(variances <= found**2 + 0.25**2 / 50) == pytest.approx(0.2, abs=0.03)
