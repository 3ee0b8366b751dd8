"""Operating points on the page: pooled, and within sources."""

import numpy as np
import pytest

from facesift.committee.decision import REVIEW
from facesift.core.classes import Classes
from facesift.evaluation.decision_report import count_decisions
from facesift.report.operating_points import operation_section, prevalence_section

LOG_ODDS, FAKES = np.array([-2.0, 0.0, 2.0, 3.0, -3.0, 0.5]), np.array([0, 0, 1, 0, 0, 1])
DECISIONS = np.where(LOG_ODDS < -1, 0, np.where(LOG_ODDS >= 1, 1, REVIEW))


def report(images):
    return count_decisions(FAKES[:images], DECISIONS[:images], Classes(("real", "fake"), "fake")).report()


def section(own_images, fitted_on="all", prevalence=0.001):
    """One point on six test images, of which the first so many are of the source rff, that holds both."""
    point = {"lo": 0.3, "hi": 0.7, "test": report(6), "within": {"test": {"rff": report(own_images)}}}
    sources = {"fitted_on": fitted_on, "names": ["rff"]}
    withheld = {"max_review": {"review": 0.0, "false_alarms": 1.0, "why": "it calls all real images fake"}}
    holds = {"prevalence": prevalence, "validation": 1 / 51}
    known = {"points": {"cost": point}, "not_offered": withheld, "guarantee": {"sentence": "None."}}
    return operation_section(known | {"sources": sources, "probability": holds})


def test_points_stand_within_a_source_beside_all_images():
    pooled, inside = section(3).tables
    assert inside.caption == "Within rff: images of this source alone"
    assert [table.rows[0][0] for table in (pooled, inside)] == ["least cost", "least cost"]
    assert "1/1" in inside.rows[0][2].replace(" of ", "/")
    assert "2/2" in pooled.rows[0][2].replace(" of ", "/")


def test_a_single_source_is_not_told_twice():
    assert len(section(6).tables) == 1


@pytest.mark.parametrize(("fitted_on", "told"), [("own", True), ("all", False)])
def test_fit_on_own_sources_is_told(fitted_on, told):
    assert ("fitted on validation images of rff alone" in " ".join(section(3, fitted_on).text)) == told


def test_a_point_that_is_not_offered_is_named_with_the_reason():
    assert "Not offered: review budget: it calls all real images fake." in section(3).text


def test_the_share_of_fakes_that_probabilities_hold_for_is_told():
    assert "hold where 0.100 % of the images are fake (validation has 1.961 %)." in section(3).text[0]


def test_a_temperature_knows_no_share_of_fakes():
    told = section(3, prevalence=None).text[0]
    assert "Probabilities hold at no known share of fakes" in told
    assert "review budget where 1.961 % of the images are fake (as in validation)" in told


def projected(one_in, vote):
    figures = {"value": 0.0, "low": 0.0, "high": 169.0}
    keys = ("precision", "reviews_per_100k", "missed_per_100k", "false_alarms_per_100k")
    shares = {str(one_in): dict.fromkeys(keys, figures)}
    (table,) = prevalence_section({"prevalence": {"any_fake": shares}}, ["any_fake"], vote).tables
    return table.rows[0]


def test_a_rule_that_decides_all_images_has_no_interval_of_reviews():
    assert projected(1000, {"any_fake": {"recall": 1.0}})[2] == "none: it decides all"
    assert projected(1000, {"any_fake": {"review_rate": 0.0}})[2] == "0 (0-169)"


def test_the_share_of_the_published_data_is_named():
    assert projected(212, {})[0] == "1 in 212 (as in the published data)"
    assert projected(1000, {})[0] == "1 in 1,000"
