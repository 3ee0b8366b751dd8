"""metrics/standard.json: which figures it holds, of whom, and that they agree with the counts of the vote."""

import numpy as np
import polars as pl
import pytest

from facesift.core.scores import label_logits, score_table
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.standard_figures import STANDARD
from facesift.evaluation.standard_report import report_predictions
from tests.made_predictions import CLASSES, facts_of, planted_predictions


@pytest.fixture(scope="module")
def predicted():
    """200 reals and 50 fakes of source rff, 100 reals of source web; the stacker knows the source, not the fakes."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 0], [200, 50, 100])
    sources = np.repeat(["rff", "web"], [250, 100])
    ids = [f"{row:032x}" for row in range(350)]
    truth = pl.DataFrame({
        "image_id": ids, "split": "test", "source": sources, "label": np.array(CLASSES.names)[labels],
        "group": range(350),
    })  # fmt: skip
    scores = {}
    for voter, shift in (("one", 3 * labels), ("stacker", 6 * (sources == "rff"))):
        margins = rng.normal(size=350) + shift - 2
        scores[voter] = score_table(ids, "test", np.stack([-margins, margins], 1), CLASSES.names)
    return LabelledPredictions.of(label_logits(truth, scores, CLASSES))


@pytest.fixture(scope="module")
def report(predicted):
    return report_predictions(predicted, facts_of(predicted.images, "mid"))


def test_every_voter_has_every_figure(report):
    assert set(report["voters"]) == {"one", "stacker"}
    assert all(set(figures) == set(STANDARD) for figures in report["voters"].values())


def test_inside_a_source_a_stacker_that_knows_the_source_is_at_chance(report):
    inside = report["within"]["rff"]
    assert (inside["fakes"], inside["reals"]) == (50, 200)
    assert report["voters"]["stacker"]["eer"]["value"] < 0.45 < inside["eer"]["value"]


def test_a_kind_has_the_reals_of_its_source(report):
    assert set(report["kinds"]) == {"difficulty", "source"}
    mid = report["kinds"]["difficulty"]["mid"]
    assert (mid["fakes"], mid["reals"]) == (50, 200)
    assert mid["standard"]["eer"] == {
        key: report["within"]["rff"]["eer"][key] for key in ("value", "interval", "reason")
    }


def test_apcer_of_a_rule_is_what_it_did_not_catch(predicted, report):
    for name, counted in predicted.report_rules().items():
        found = report["decisions"]["rules"][name]
        caught = counted.get("caught", counted["recall"])
        assert found["apcer"]["value"] == pytest.approx(1 - caught)
        assert found["bpcer"]["errors"] == counted["fp"]


def test_a_voters_own_vote_gives_its_recall(predicted, report):
    recall = predicted.report_voters()["one"]["recall"]
    assert report["decisions"]["voters"]["one"]["apcer"]["value"] == pytest.approx(1 - recall)


def test_without_fakes_nothing_is_known_and_nothing_fails():
    predicted = planted_predictions([0] * 20, {"one": range(20), "stacker": range(20)})
    found = report_predictions(predicted, facts_of(predicted.images))
    assert found["kinds"] == {}
    assert found["voters"]["one"]["eer"]["reason"] == "needs at least 1 fake, not 0"
    assert found["decisions"]["rules"]["majority"]["acer"]["value"] is None
