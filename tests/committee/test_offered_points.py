"""Points of no use are not offered; the reason names what would have to change, and that change helps."""

import re

import numpy as np
import polars as pl
import pytest

from facesift.committee.offered_points import PointShares
from facesift.committee.operating_points import ThresholdCounts
from facesift.committee.rules import Thresholds
from facesift.committee.threshold_selection import ValidationScores, select_thresholds
from tests.made import default_params

PARAMS = default_params()


def params(operating=None, cost=None):
    return PARAMS.model_copy(
        update={
            "operating": PARAMS.operating.model_copy(update=operating or {}),
            "cost": PARAMS.cost.model_copy(update=cost or {}),
        }
    )


def allowing(**limits):
    return {"offer_up_to": PARAMS.operating.offer_up_to.model_copy(update=limits)}


def validation(reals, fakes, skill, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [reals, fakes])
    margins = rng.normal(size=len(labels)) + skill * labels
    return ValidationScores(margins, labels, np.arange(len(labels)), pl.Series(["made"] * len(labels)))


def blind():
    """Six fakes of which one scores lowest of all: scores that say next to nothing."""
    seen = validation(300, 6, 0.3)
    seen.margins[300] = -9.0
    return seen


def flooded():
    """Twice as many fakes as real images."""
    return validation(30, 60, 0.5)


def test_points_of_scores_that_tell_apart_are_all_offered():
    chosen = select_thresholds(validation(3000, 100, 4.0), PARAMS)
    assert set(chosen.points) == {"cost", "max_review", "target_recall", "guarantee"}
    assert chosen.not_offered == {}


@pytest.mark.parametrize("name", ["cost", "target_recall"])
def test_a_point_that_reviews_nearly_everything_is_not_offered(name):
    chosen = select_thresholds(blind(), params(cost={"miss": 20_000}))
    assert name not in chosen.points
    withheld = chosen.not_offered[name]
    assert withheld.shares.review > 0.9
    assert re.search(r"sends \d+\.\d % of the images to a person, more than 50\.0 %", withheld.why)


def test_max_review_that_calls_nearly_all_real_images_fake_is_not_offered():
    chosen = select_thresholds(flooded(), PARAMS)
    assert "max_review" not in chosen.points
    assert chosen.not_offered["max_review"].shares.false_alarms > 0.9
    why = chosen.not_offered["max_review"].why
    assert re.search(r"calls 9\d\.\d % of the real images fake, more than 50\.0 %\. Raise cost\.false_alarm or", why)


def test_the_limit_that_the_reason_names_lets_the_point_be_offered():
    why = select_thresholds(blind(), PARAMS).not_offered["target_recall"].why
    limit = float(re.search(r"operating\.offer_up_to\.review: ([\d.]+)", why)[1])
    assert "target_recall" in select_thresholds(blind(), params(allowing(review=limit))).points


def test_the_target_that_the_reason_names_lets_the_point_be_offered():
    why = select_thresholds(blind(), PARAMS).not_offered["target_recall"].why
    target = float(re.search(r"Set operating\.target_recall to ([\d.]+) or less", why)[1])
    assert "target_recall" in select_thresholds(blind(), params({"target_recall": target})).points


def test_the_reason_says_how_many_fakes_would_allow_a_miss():
    why = select_thresholds(blind(), PARAMS).not_offered["target_recall"].why
    assert "about 20 validation fakes (of 6, not one may be missed)" in why


def test_the_costs_that_the_reason_names_let_the_point_be_offered():
    assert "max_review" in select_thresholds(flooded(), params(cost={"false_alarm": 1000})).points


def test_limits_of_one_offer_every_point():
    for seen in (blind(), flooded()):
        chosen = select_thresholds(seen, params(allowing(review=1.0, false_alarms=1.0)))
        assert chosen.not_offered == {}


def test_a_guarantee_whose_point_is_not_offered_is_not_promised():
    unlimited = PARAMS.operating.guarantee.model_copy(update={"review": None})
    chosen = select_thresholds(validation(3000, 100, 0.0), params({"guarantee": unlimited}))
    assert (chosen.guarantee.report()["promised"], chosen.guarantee.lacking) == (None, "offer_up_to")
    assert "guarantee" in chosen.not_offered
    assert chosen.guarantee.sentence().startswith("No guarantee is offered of at most 10.0 % of the fakes missed, with")


def test_a_point_is_counted_by_scores_even_where_its_thresholds_come_from_fewer_images():
    scores, fakes = np.array([0, 0.9, 0.9, 0.9, 2, 3]), np.array([0, 0, 0, 1, 1, 0])
    shares = PointShares.of(Thresholds(1.0, 2.5), ThresholdCounts.of(scores, fakes))
    assert (shares.review, shares.false_alarms) == (pytest.approx(1 / 6), pytest.approx(1 / 4))


def share(kind, point, chosen, seen):
    """Share of the images reviewed, or of the real images called fake, counted image by image."""
    log_odds = chosen.calibrator.log_odds(seen.margins)
    if kind == "review":
        return float(((log_odds >= point.lo) & (log_odds < point.hi)).mean())
    return float((log_odds[seen.fakes == 0] >= point.hi).mean())


def followed(said, verb, key):
    """Parameters with a value that a reason says to raise or to lower."""
    part, *rest = key.split(".")
    if rest == ["guarantee", "miss"]:
        return params({"guarantee": said.operating.guarantee.model_copy(update={"miss": 0.3})}, said.cost.model_dump())
    by = 10 if verb.lower() == "raise" else 0.1
    section = getattr(said, part)
    changed = section.model_copy(update={rest[0]: by * getattr(section, rest[0])})
    return said.model_copy(update={part: changed})


@pytest.mark.parametrize(
    ("name", "kind", "ways"),
    [
        ("cost", "review", 2),
        ("max_review", "review", 1),
        ("guarantee", "review", 3),
        ("cost", "false_alarms", 2),
        ("max_review", "false_alarms", 2),
        ("target_recall", "false_alarms", 2),
        ("guarantee", "false_alarms", 2),
    ],
)
def test_every_way_out_that_a_reason_names_lowers_the_share(name, kind, ways):
    limits = {"review": 1.0, "false_alarms": 1.0}
    unlimited = PARAMS.operating.guarantee.model_copy(update={"review": None})
    before = params(
        {"guarantee": unlimited, "max_review": 0.2} | allowing(**limits | {kind: 0.01}),
        {"miss": 20} | ({} if kind == "review" else {"false_alarm": 1.0}),
    )
    seen = flooded()
    found = select_thresholds(seen, before).not_offered[name]
    remedies = re.findall(r"(raise|lower) ((?:cost|operating)\.[a-z_.]+[a-z])", _listed(found.why), re.IGNORECASE)
    assert len(remedies) == ways
    for verb, key in remedies:
        after = followed(before, verb, key)
        offered = after.operating.model_copy(update=allowing(**limits))
        chosen = select_thresholds(seen, after.model_copy(update={"operating": offered}))
        assert share(kind, chosen.points[name], chosen, seen) < getattr(found.shares, kind), (verb, key)


def _listed(why):
    return why.split(". ", 1)[1]
