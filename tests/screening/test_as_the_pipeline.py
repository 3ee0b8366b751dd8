"""Screening decides as the pipeline does: through export, files, ONNX and the decisions table."""

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.special import expit, logit

from facesift.audit.cross_data_set import predict_with_stacker
from facesift.bundle.card import read_card
from facesift.committee.calibration import Calibrator
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stacking import load_stacker
from facesift.core.errors import FacesiftError
from facesift.core.scores import STACKER, read_scores, read_truth
from facesift.screening.committee import Committee
from facesift.shards.reading import ShardFolder
from tests.made_bundle import POINTS, make_study

CLASSES = {"two": ("real", "fake"), "three": ("real", "swapped", "drawn")}
WAYS = [*({"rule": name} for name in RULES), *({"point": name} for name in POINTS)]


@pytest.fixture(scope="module", params=CLASSES)
def both(request, tmp_path_factory):
    """A bundle, the test images as files in the order of their ids, and what the pipeline predicts for them."""
    room = tmp_path_factory.mktemp("room")
    study = make_study(room / "study", classes=CLASSES[request.param])
    study.export(room / "bundle")
    pixels = {}
    shards = ShardFolder(study.sources.shards / "test")
    for shard in range(len(shards.sizes)):
        pixels |= dict(zip(shards.image_ids(shard), shards.pixels(shard), strict=True))
    (room / "faces").mkdir()
    for image_id, each in pixels.items():
        Image.fromarray(each).save(room / "faces" / f"{image_id}.png")
    return study, room / "bundle", room / "faces"


def pipeline_decisions(study, way):
    params, classes = study.params, study.params.class_names
    scores = read_scores(study.sources.scores, params.voting, classes)
    stacker = load_stacker(study.sources.models / "stacker.safetensors", params.voting, classes.names)
    held = {name: table.filter(split="test") for name, table in scores.items()}
    truth = read_truth(study.sources.split).filter(split="test")
    predicted = predict_with_stacker(truth, held, stacker, classes).calibrated(Calibrator(0.7, -0.3))
    rule = RULES[way["rule"]] if "rule" in way else Thresholds(**POINTS[way["point"]])
    return predicted, predicted.decisions_table(rule)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_decisions_votes_and_probabilities_are_those_of_the_pipeline(both, way):
    study, bundle, faces = both
    screened = pl.concat(Committee.load(bundle, threads=1, **way).screen([faces], 32, 1)).sort("image")
    predicted, table = pipeline_decisions(study, way)
    assert [name.rpartition("/")[2] for name in screened["image"]] == [f"{each}.png" for each in table["image_id"]]
    votes = [f"vote_{voter}" for voter in (*study.params.voting, STACKER)]
    assert screened.select("decision", *votes).equals(table.select("decision", *votes))
    np.testing.assert_allclose(screened["probability"], predicted.predictions.probability, atol=1e-4)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_another_share_moves_probabilities_as_the_pipeline_does_and_no_decision(both, way):
    study, bundle, faces = both
    here, there = (
        pl.concat(Committee.load(bundle, threads=1, **way, **share).screen([faces], 32, 1)).sort("image")
        for share in ({}, {"prevalence": 0.001})
    )
    assert here["decision"].equals(there["decision"])
    assert there["prevalence"].unique().to_list() == [0.001]
    predicted, _ = pipeline_decisions(study, way)
    fitted = read_card(bundle).calibration.prevalence
    moved = predicted.calibrated(Calibrator(0.7, -0.3).at_share(fitted, 0.001)).predictions.probability
    np.testing.assert_allclose(there["probability"], moved, atol=1e-4)
    if "point" in way:
        ends = [expit(each + logit(0.001) - logit(fitted)) for each in POINTS[way["point"]].values()]
        np.testing.assert_allclose(there.select("lo", "hi").row(0), ends, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(both, share):
    with pytest.raises(FacesiftError, match="a share of images above 0 and below 1"):
        Committee.load(both[1], threads=1, prevalence=share)


def test_the_ways_tell_images_apart(both):
    study, _, _ = both
    decided = {str(way): pipeline_decisions(study, way)[1]["decision"].to_list() for way in WAYS}
    assert len({tuple(each) for each in decided.values()}) > 2
