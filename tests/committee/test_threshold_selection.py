"""What is chosen on validation, and from which sources."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from facesift.committee.calibration import Calibrator, fit_platt
from facesift.committee.decision import REVIEW, Predictions, decide
from facesift.committee.threshold_selection import ValidationScores, select_thresholds
from facesift.core.errors import FacesiftError
from tests.made import default_params

PARAMS = default_params()


def params(sources, **sections):
    changes = {"operating": PARAMS.operating.model_copy(update={"sources": sources})}
    changes |= {name: getattr(PARAMS, name).model_copy(update=values) for name, values in sections.items()}
    return PARAMS.model_copy(update=changes)


def at(prevalence, sources="all"):
    """Parameters with another share of fakes."""
    return params(sources).model_copy(update={"prevalence": prevalence})


def decided_by(selected, seen, point):
    """The decisions of a point on validation images (n,)."""
    logits = np.stack([np.zeros(len(seen.margins)), seen.margins], axis=1)
    predictions = Predictions.of({"stacker": logits}, PARAMS.class_names, selected.calibrator)
    return decide(predictions, selected.points[point]).decisions


def validation(own_reals=400, fakes=400, others=3200, *, far=6.0, skill=2.0, seed=0):
    """Fakes lie `skill` above the real images of their own source, and real images of the other one `far` below."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 0], [own_reals, fakes, others])
    sources = np.repeat(["own", "other"], [own_reals + fakes, others])
    margins = rng.normal(size=len(labels)) + skill * labels - far * (sources == "other")
    return ValidationScores(margins, labels, np.arange(len(labels)), pl.Series(sources))


def test_a_single_source_makes_no_difference():
    seen = validation(others=0)
    assert select_thresholds(seen, params("own")).points == select_thresholds(seen, params("all")).points
    assert select_thresholds(seen, params("own")).fits == select_thresholds(seen, params("all")).fits


def test_with_own_sources_the_scores_of_others_decide_nothing():
    near, far = (select_thresholds(validation(far=far), params("own")) for far in (0.0, 6.0))
    assert near == far


def test_with_all_sources_the_scores_of_others_decide():
    near, far = (select_thresholds(validation(far=far), params("all")) for far in (0.0, 6.0))
    assert near.points != far.points


def test_probabilities_are_right_for_own_real_images_at_the_share_of_all_validation():
    """The planted log-odds are known: 2 x - 2 among as many fakes as real images, less the log-odds of the share."""
    seen, margins = validation(), np.linspace(-2, 4, 7)
    truth = expit(2 * margins - 2 + logit(0.1))
    np.testing.assert_allclose(
        select_thresholds(seen, params("own")).calibrator.probabilities(margins), truth, atol=0.04
    )


def test_real_images_of_other_sources_make_a_high_score_look_certain():
    seen = validation()
    pooled, own = (
        select_thresholds(seen, params(sources)).calibrator.probabilities(np.array([1.5]))[0]
        for sources in ("all", "own")
    )
    assert pooled > own + 0.2


def test_review_budget_is_a_share_of_all_images_at_the_share_of_fakes_of_all_validation():
    """Own images alone are half fakes: reckoned so, twice as many real images could be reviewed."""
    seen = validation()
    choice = select_thresholds(seen, params("own"))
    own = seen.of_images((seen.sources == "own").to_numpy())
    logits = np.stack([np.zeros(len(own.margins)), own.margins], axis=1)
    predictions = Predictions.of({"stacker": logits}, PARAMS.class_names, choice.calibrator)
    reviewed = decide(predictions, choice.points["max_review"]).decisions == REVIEW
    rate = 0.1 * reviewed[own.fakes == 1].sum() / 400 + 0.9 * reviewed[own.fakes == 0].sum() / 400
    assert 0 < rate <= PARAMS.operating.max_review + 1e-9


def test_given_prevalence_is_reckoned_with_whatever_the_sources():
    seen = validation()
    rare, common = (decided_by(select_thresholds(seen, at(share, "own")), seen, "cost") for share in (0.001, 0.05))
    assert (rare != common).any()


def test_guarantee_about_own_sources_names_them():
    guarantee = select_thresholds(validation(skill=8.0), params("own")).guarantee
    assert guarantee.thresholds is not None
    assert guarantee.sentence().endswith("It is about images like those of own.")


def test_guarantee_about_all_sources_names_none():
    assert "It is about" not in select_thresholds(validation(skill=8.0), params("all")).guarantee.sentence()


def test_sources_fitted_on_are_told():
    assert [select_thresholds(validation(), params(sources)).sources for sources in ("all", "own")] == [
        ["other", "own"],
        ["own"],
    ]


def test_no_source_with_fakes_and_others_is_named():
    seen = validation(own_reals=0)
    with pytest.raises(
        FacesiftError, match=r"operating\.sources: own needs a source that holds fake and others .*other, own"
    ):
        select_thresholds(seen, params("own"))


def test_another_share_moves_all_log_odds_alike():
    moved = Calibrator(2.0, 0.5).at_share(0.5, 0.1)
    assert moved.log_odds(np.array([0.0, 3.0])) == pytest.approx(np.array([0.5, 2.0]) + logit(0.1))


def test_moved_calibration_is_that_of_images_with_the_other_share():
    many, few = (validation(own_reals=reals, fakes=20_000, others=0) for reals in (20_000, 180_000))
    margins = np.linspace(-1, 3, 5)
    moved = fit_platt(many.margins, many.fakes).at_share(0.5, 0.1)
    expected = fit_platt(few.margins, few.fakes)
    np.testing.assert_allclose(moved.probabilities(margins), expected.probabilities(margins), atol=0.01)


def test_the_same_share_moves_nothing():
    assert Calibrator(2.0, 0.3).at_share(0.07, 0.07) == Calibrator(2.0, 0.3)


def test_one_half_where_one_in_51_is_fake_is_less_than_a_twentieth_where_one_in_1000_is():
    """Odds of 1 times (1 / 999) / (1 / 50) are 50 / 999: a probability of 50 / 1049, or 4.8 %."""
    moved = Calibrator(1.0, 0.0).at_share(1 / 51, 1 / 1000)
    assert moved.probabilities(np.array([0.0]))[0] == pytest.approx(50 / 1049)


def test_probabilities_hold_at_the_share_that_is_asked_for():
    """Odds are multiplied by (0.001 / 0.999) / (0.1 / 0.9), whatever the image."""
    seen = validation()
    as_they_are, asked = select_thresholds(seen, at(None)), select_thresholds(seen, at(0.001))
    margins = np.linspace(-3, 5, 9)
    before, after = (each.calibrator.probabilities(margins) for each in (as_they_are, asked))
    np.testing.assert_allclose(after / (1 - after), before / (1 - before) * (1 / 999) * 9, rtol=1e-9)
    assert (as_they_are.prevalence, asked.prevalence, asked.validation) == (0.1, 0.001, 0.1)


def test_a_temperature_knows_no_share_of_fakes_at_which_probabilities_hold():
    known = at(None)
    calibration = known.calibration.model_copy(update={"method": "temperature"})
    chosen = select_thresholds(validation(), known.model_copy(update={"calibration": calibration}))
    assert (chosen.prevalence, chosen.validation) == (None, 0.1)


@pytest.mark.parametrize("sources", ["all", "own"])
def test_the_share_of_validation_changes_nothing_when_it_is_asked_for(sources):
    seen = validation()
    unasked, asked = select_thresholds(seen, at(None, sources)), select_thresholds(seen, at(0.1, sources))
    assert asked.calibrator == unasked.calibrator
    assert asked.points == unasked.points


@pytest.mark.parametrize("sources", ["all", "own"])
def test_reliability_is_measured_at_the_share_of_the_data(sources):
    seen = validation()
    assert select_thresholds(seen, at(0.001, sources)).fits == select_thresholds(seen, at(None, sources)).fits


def test_thresholds_on_ranks_decide_the_same_images_real_at_any_share():
    """What the guarantee and the target leave below `lo` depends on the order of the images alone."""
    seen = validation(skill=4.0)
    asked = {share: select_thresholds(seen, at(share)) for share in (None, 0.05, 0.2)}
    for point in ("guarantee", "target_recall"):
        real = [decided_by(each, seen, point) == 0 for each in asked.values()]
        assert (real[0] == real[1]).all(), point
        assert (real[0] == real[2]).all(), point
    assert len({each.points["guarantee"].lo for each in asked.values()}) == 3


def test_costs_weigh_the_share_once():
    """With reals ten times as many, but the same scores, the cost point decides the same images as without them."""
    few = validation(others=0, skill=4.0)
    reals = few.margins[few.fakes == 0]
    margins = np.concatenate([few.margins, np.repeat(reals, 9)])
    labels = np.concatenate([few.fakes, np.zeros(9 * len(reals), int)])
    many = ValidationScores(margins, labels, np.arange(len(labels)), pl.Series(["own"] * len(labels)))
    asked, there = select_thresholds(few, at(1 / 11)), select_thresholds(many, at(None))
    assert (decided_by(asked, few, "cost") == decided_by(there, few, "cost")).all()
