import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from facesift.core.counts import Confusion, DecisionCounts
from facesift.evaluation.prevalence import project, project_all

counts = st.integers(0, 200)
screenings = st.builds(DecisionCounts, st.builds(Confusion, counts, counts, counts, counts), counts, counts)
# the published test vote: 80 fakes, 20,400 reals
PUBLISHED = DecisionCounts(Confusion(tp=55, fp=85, fn=5, tn=19859), review_fake=20, review_real=456)


def classes_of(screening):
    decided = screening.decided
    return decided.fakes + screening.review_fake, decided.reals + screening.review_real


@given(screenings)
def test_projection_to_the_observed_prevalence_is_what_was_observed(screening):
    fakes, reals = classes_of(screening)
    assume(fakes and reals)
    images, decided = fakes + reals, screening.decided
    found = project(screening, images / fakes).report()
    assert found["precision"]["value"] == pytest.approx(decided.precision, rel=1e-12)
    assert found["reviews_per_100k"]["value"] == pytest.approx(100_000 * screening.review_rate)
    assert found["missed_per_100k"]["value"] == pytest.approx(100_000 * decided.fn / images)
    assert found["false_alarms_per_100k"]["value"] == pytest.approx(100_000 * decided.fp / images)


@given(screenings, st.sampled_from([2, 212, 10_000]))
def test_every_figure_lies_in_its_interval(screening, one_in):
    for figure in project(screening, one_in).report().values():
        if figure["value"] is not None:
            assert figure["low"] - 1e-9 <= figure["value"] <= figure["high"] + 1e-9


@given(screenings)
def test_precision_falls_as_fakes_get_rarer(screening):
    found = [project(screening, one_in).report()["precision"]["value"] for one_in in (212, 1000, 10_000)]
    assume(None not in found)
    assert found == sorted(found, reverse=True)


def test_published_vote_at_one_fake_in_ten_thousand():
    found = project(PUBLISHED, 10_000).report()
    assert found["precision"]["value"] == pytest.approx(1e-4 * 55 / 80 / (1e-4 * 55 / 80 + 0.9999 * 85 / 20400))
    assert found["missed_per_100k"]["value"] == pytest.approx(10 * 5 / 80)
    assert found["false_alarms_per_100k"]["value"] == pytest.approx(99_990 * 85 / 20400)
    assert found["reviews_per_100k"]["value"] == pytest.approx(10 * 20 / 80 + 99_990 * 456 / 20400)


def test_missed_fakes_have_the_exact_interval_of_their_rate():
    ends = binomtest(5, 80).proportion_ci(0.95, method="exact")
    found = project(PUBLISHED, 1000).report()["missed_per_100k"]
    assert (found["low"], found["high"]) == pytest.approx((100 * ends.low, 100 * ends.high))


@pytest.mark.parametrize("figure", ["precision", "reviews_per_100k"])
def test_interval_of_two_rates_covers_the_truth_in_95_per_cent_of_small_test_sets(figure):
    """20 fakes and 500 reals, decided with known probabilities; the projection is to one fake in 200."""
    rng = np.random.default_rng(0)
    of_fakes, of_reals = [0.6, 0.3, 0.1], [0.01, 0.05, 0.94]  # called fake, reviewed, decided real
    share = 1 / 200
    truth = {
        "precision": share * 0.6 / (share * 0.6 + (1 - share) * 0.01),
        "reviews_per_100k": 100_000 * (share * 0.3 + (1 - share) * 0.05),
    }
    covered, draws = 0, 200
    for fake, real in zip(rng.multinomial(20, of_fakes, draws), rng.multinomial(500, of_reals, draws), strict=True):
        screening = DecisionCounts(Confusion(fake[0], real[0], fake[2], real[2]), fake[1], real[1])
        ends = project(screening, 200).report()[figure]
        covered += ends["low"] <= truth[figure] <= ends["high"]
    assert covered >= 0.95 * draws


def test_figures_without_fakes_are_unknown():
    found = project(DecisionCounts(Confusion(0, 3, 0, 97), 0, 0), 1000).report()
    assert found["precision"] == found["missed_per_100k"] == {"value": None, "low": None, "high": None}
    assert found["false_alarms_per_100k"]["value"] == pytest.approx(99_900 * 0.03)


def test_precision_is_unknown_where_nothing_was_called_fake_and_its_interval_is_everything():
    found = project(DecisionCounts(Confusion(0, 0, 5, 95), 0, 0), 1000).report()["precision"]
    assert found == {"value": None, "low": 0.0, "high": 1.0}


def test_table_of_projections_is_keyed_by_name_and_rarity():
    assert {name: list(rows) for name, rows in project_all({"soft": PUBLISHED}, [212, 1000]).items()} == {
        "soft": ["212", "1000"]
    }
