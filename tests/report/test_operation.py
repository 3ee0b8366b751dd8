"""Operating points on the page: pooled, and within sources."""

import numpy as np
import pytest

from facesift.committee.thresholds import Policy
from facesift.report.operation import operation_section

POLICY = Policy(-1.0, 1.0)
LOG_ODDS, FAKES = np.array([-2.0, 0.0, 2.0, 3.0, -3.0, 0.5]), np.array([0, 0, 1, 0, 0, 1])


def section(own_images, fitted_on="all"):
    """One point on six test images, of which the first so many are of the source rff, that holds both."""
    within = POLICY.screen(LOG_ODDS[:own_images], FAKES[:own_images]).report()
    point = {"lo": 0.3, "hi": 0.7, "test": POLICY.screen(LOG_ODDS, FAKES).report(), "within": {"test": {"rff": within}}}
    sources = {"fitted_on": fitted_on, "names": ["rff"]}
    return operation_section({"points": {"cost": point}, "guarantee": {"sentence": "None."}, "sources": sources})


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
