"""The guarantee is kept as often as it says, on distributions that are known."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control import BinaryClassificationController, abstention_rate, recall
from scipy.stats import binom, norm

from facesift.committee.operating_points import ThresholdCounts, highest_lo
from facesift.committee.risk_guarantee import (
    allowed_misses,
    allowed_reviews,
    count_independent,
    enough_fakes,
    find_guarantee,
    independent,
)
from facesift.config.committee import Cost, Guarantee

COST = Cost(miss=200, review=1, false_alarm=10)
DRAWS = 300
APART = 2.5  # standard deviations between real and fake scores
PREVALENCE = 0.2
limits = st.floats(0.01, 0.5)


def asked(miss=0.1, review=None, delta=0.1):
    return Guarantee(miss=miss, review=review, delta=delta)


def draw(rng, images, fakes_share=PREVALENCE, apart=APART, digits=None):
    fakes = (rng.random(images) < fakes_share).astype(np.int64)
    scores = rng.normal(apart * fakes, 1)
    return (scores if digits is None else scores.round(digits)), fakes


def true_miss(point, apart=APART):
    return norm.cdf(point.lo - apart)


def true_review(point, apart=APART):
    stretch = [norm.cdf(point.hi - shift) - norm.cdf(point.lo - shift) for shift in (apart, 0)]
    return PREVALENCE * stretch[0] + (1 - PREVALENCE) * stretch[1]


def too_often(delta):
    """More broken guarantees among the draws than delta explains, but for one chance in a thousand."""
    return binom.ppf(0.999, DRAWS, delta)


@pytest.mark.parametrize("fakes_share", [0.2, 0.8])
def test_misses_are_more_than_guaranteed_in_at_most_delta_of_the_draws(fakes_share):
    rng = np.random.default_rng(1)
    found = [
        find_guarantee(ThresholdCounts.of(*draw(rng, 300, fakes_share)), asked(), COST).thresholds for _ in range(DRAWS)
    ]
    broken = sum(point is not None and true_miss(point) > 0.1 for point in found)
    assert broken <= too_often(0.1)
    assert broken > 0.01 * DRAWS  # a guarantee that is never broken would be needlessly dear


def test_guarantee_holds_with_many_equal_scores():
    rng = np.random.default_rng(2)
    found = [
        find_guarantee(ThresholdCounts.of(*draw(rng, 300, digits=0)), asked(), COST).thresholds for _ in range(DRAWS)
    ]
    # rounded scores below lo are the scores below the half-way point to the next integer
    broken = sum(point is not None and norm.cdf(np.ceil(point.lo) - 0.5 - APART) > 0.1 for point in found)
    assert broken <= too_often(0.1)


def test_misses_or_reviews_are_more_than_guaranteed_in_at_most_delta_of_the_draws():
    rng = np.random.default_rng(3)
    review = 0.26  # close to what the points need: sometimes guaranteed, sometimes not
    found = [
        find_guarantee(ThresholdCounts.of(*draw(rng, 600)), asked(review=review), COST).thresholds for _ in range(DRAWS)
    ]
    kept = [point for point in found if point is not None]
    broken = sum(true_miss(point) > 0.1 or true_review(point) > review for point in kept)
    assert 0.1 * DRAWS < len(kept) < DRAWS
    assert broken <= too_often(0.1)


def test_no_stretch_of_scores_holds_more_than_the_review_limit_in_more_than_delta_of_the_draws():
    """The worst stretch of uniform scores that holds the allowed number: it is between two of them."""
    rng = np.random.default_rng(4)
    images, review, delta = 200, 0.2, 0.1
    allowed = allowed_reviews(images, review, delta)
    scores = np.sort(rng.random((DRAWS, images)), axis=1)
    ends = np.concatenate([np.zeros((DRAWS, 1)), scores, np.ones((DRAWS, 1))], axis=1)
    widest = (ends[:, allowed + 1 :] - ends[:, : -allowed - 1]).max(axis=1)
    assert (widest > review).sum() <= too_often(delta)


def test_with_plenty_of_fakes_both_are_guaranteed_and_few_misses_given_away():
    scores, fakes = draw(np.random.default_rng(5), 20_000)
    found = find_guarantee(ThresholdCounts.of(scores, fakes), asked(review=0.22), COST)
    assert found.report()["promised"] == {"miss": 0.1, "review": 0.22, "probability": 0.9}
    assert true_miss(found.thresholds) == pytest.approx(0.1, abs=0.015)


@given(st.integers(1, 400), limits, limits)
def test_allowed_misses_are_the_most_whose_binomial_tail_is_within_delta(fakes, miss, delta):
    tails = binom.cdf(np.arange(fakes + 1), fakes, miss)
    assert allowed_misses(fakes, miss, delta) == int((tails <= delta).sum()) - 1


@given(limits, limits, st.sampled_from([0.0, 0.2, 0.5, 0.8]))
def test_enough_fakes_are_the_fewest_that_allow_the_misses(miss, delta, part):
    rate = part * miss
    found = enough_fakes(rate, miss, delta)
    counts = [fakes for fakes in range(1, min(found, 3000) + 1) if allowed_misses(fakes, miss, delta) >= rate * fakes]
    assert counts[:1] == ([found] if found <= 3000 else [])


def test_no_number_of_fakes_is_enough_when_more_are_missed_than_guaranteed():
    assert enough_fakes(0.2, 0.1, 0.1) is None


@pytest.mark.filterwarnings("ignore")  # MAPIE warns of thresholds below all scores
@pytest.mark.parametrize("seed", range(6))
def test_the_highest_lo_is_that_of_mapies_fixed_sequence(seed):
    """MAPIE guarantees recall at the same level over a grid: its highest valid threshold misses as many as ours."""
    rng = np.random.default_rng(seed)
    scores, fakes = draw(rng, 300, 0.3)
    probabilities = norm.cdf(scores)
    grid = np.linspace(0.0005, 0.9995, 1999)
    controller = BinaryClassificationController(
        lambda column: np.stack([1 - column, column], axis=1),
        recall, 0.9, 0.9, list_predict_params=grid, fwer_method="fixed_sequence",
    )  # fmt: skip
    valid = np.asarray(controller.calibrate(probabilities, fakes).valid_predict_params)
    counts = ThresholdCounts.of(probabilities, fakes)
    ours = counts.thresholds[highest_lo(counts, allowed_misses(int(fakes.sum()), 0.1, 0.1))]
    missed = [(probabilities[fakes == 1] < lo).sum() for lo in (valid.max(), ours)]
    assert abs(missed[0] - missed[1]) <= 1  # it rounds n x (1 - recall) up, floating-point error included
    assert missed[0] <= missed[1]


def test_mapies_fixed_sequence_refuses_two_risks():
    with pytest.raises(ValueError, match="cannot be used with multiple risks"):
        BinaryClassificationController(
            lambda _, __: np.zeros(1), [recall, abstention_rate], [0.9, 0.2],
            list_predict_params=np.array([[0.1, 0.9]]), fwer_method="fixed_sequence",
        )  # fmt: skip


def test_mapies_holm_over_a_hundred_thresholds_needs_three_times_the_fakes():
    def promised(fakes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            controller = BinaryClassificationController(
                lambda column: np.stack([1 - column, column], axis=1), recall, 0.9, 0.9,
                list_predict_params=np.linspace(0, 0.99, 100), fwer_method="bonferroni_holm",
            )  # fmt: skip
            controller.calibrate(np.ones(fakes), np.ones(fakes, int))
        return len(controller.valid_predict_params) > 0

    assert (promised(65), promised(66)) == (False, True)


def test_too_few_fakes_guarantee_nothing_and_say_how_many_are_needed():
    scores, fakes = np.arange(100.0), (np.arange(100) >= 79).astype(int)
    report = find_guarantee(ThresholdCounts.of(scores, fakes), asked(), COST).report()
    assert report["promised"] is None
    assert (report["lacking"], report["fakes"], report["fakes_needed"]) == ("fakes", 21, 22)


def test_one_fake_more_is_enough():
    scores, fakes = np.arange(100.0), (np.arange(100) >= 78).astype(int)
    assert find_guarantee(ThresholdCounts.of(scores, fakes), asked(), COST).thresholds.lo == 77.5


def test_estimate_goes_on_with_the_errors_at_the_safest_useful_threshold():
    # the lowest score is a fake's: whatever decides an image real misses 1 of 21
    scores, fakes = np.arange(100.0), np.isin(np.arange(100), [0, *range(80, 100)]).astype(int)
    found = find_guarantee(ThresholdCounts.of(scores, fakes), asked(), COST)
    assert found.fakes_estimated == enough_fakes(1 / 21, 0.1, 0.1) > found.fakes_needed


def test_no_estimate_where_errors_are_too_many_already():
    scores, fakes = np.arange(100.0), np.isin(np.arange(100), [0, *range(91, 100)]).astype(int)
    assert find_guarantee(ThresholdCounts.of(scores, fakes), asked(miss=0.05), COST).fakes_estimated is None


def test_review_beyond_its_limit_is_not_guaranteed():
    rng = np.random.default_rng(0)
    scores, fakes = draw(rng, 2000, apart=0.2)
    assert find_guarantee(ThresholdCounts.of(scores, fakes), asked(), COST).thresholds is not None
    found = find_guarantee(ThresholdCounts.of(scores, fakes), asked(review=0.2), COST)
    assert (found.thresholds, found.lacking) == (None, "review")
    assert "keeping the misses down takes more review" in found.sentence()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=20))
def test_one_image_of_each_group_counts_and_fakes_go_first(rows):
    groups, fakes = np.array(rows).T
    kept = independent(groups, fakes)
    assert sorted(groups[kept]) == sorted(set(groups))
    for row in kept:
        mates = np.flatnonzero(groups == groups[row])
        assert row == min(mates[fakes[mates] == fakes[mates].max()])


def test_copies_of_one_fake_do_not_guarantee_more():
    scores, fakes = np.arange(200.0), (np.arange(200) >= 100).astype(int)
    groups = np.where(fakes == 1, np.arange(200) // 10, np.arange(200))
    counts = count_independent(scores, fakes, groups, None)
    assert find_guarantee(counts, asked(), COST).report()["fakes"] == 10
    assert find_guarantee(counts, asked(), COST).thresholds is None


def test_no_fakes_at_all_guarantee_nothing():
    assert allowed_misses(0, 0.1, 0.1) == -1
