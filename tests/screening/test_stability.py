"""Screening checks decisions on damaged copies as the pipeline does, and says why an image goes to a person."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.audit.cross_data_set import predict_shards, truth_of
from facesift.committee.rules import RULES
from facesift.committee.stability import StabilityRule
from facesift.committee.stacking import Stacker, load_stacker, save_stacker, stack_features
from facesift.core.errors import FacesiftError
from facesift.core.scores import read_truth
from facesift.networks.scoring import ShardScorer
from facesift.networks.weights import load_members
from facesift.screening.committee import Committee
from facesift.shards.reading import ShardFolder
from tests.made_bundle import Study, make_study
from tests.made_config import parse_params

MEMBERS = {
    "one": {"architecture": {"name": "lenet"}},
    "two": {"architecture": {"name": "svm_rbf", "arguments": {"C": 10.0}}},
}
DAMAGE = {
    "noise30": {"kind": "noise", "strength": 30},
    "scale50": {"kind": "scale", "strength": 0.5},
}


def with_stability(params, **given):
    tree = params.model_dump(mode="json")
    tree["vote"] |= {"stability": "review", "mild_damage": DAMAGE, "rule": "majority"} | given
    return parse_params(tree)


def write_faces(shards, folder):
    """The test images as files, named and known by the hash of their bytes, as ingest knows them."""
    folder.mkdir()
    for shard in range(len(shards.sizes)):
        for number, pixels in enumerate(shards.pixels(shard)):
            Image.fromarray(pixels).save(folder / f"{shard}_{number:03}.png")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """A study whose members disagree, and whose stacker's border lies in the middle of the test images."""
    found = make_study(tmp_path_factory.mktemp("study"), MEMBERS)
    seen = stack_features(list(found.stored["test"].logits.values()))
    weight = np.array([-1.0, 1.0])[:, None] * np.array([0.0, 100.0, 0.0, 0.0])
    stacker = Stacker(weight, -np.median(seen @ weight.T, axis=0))
    save_stacker(found.sources.models / "stacker.safetensors", stacker, list(MEMBERS), ("real", "fake"))
    return replace(found, params=with_stability(found.params))


@pytest.fixture(scope="module")
def bundle(study, tmp_path_factory):
    room = tmp_path_factory.mktemp("bundle")
    study.export(room / "bundle")
    write_faces(ShardFolder(study.sources.shards / "test"), room / "faces")
    return room


def screened(bundle, *, cascade=False, **way):
    tables = Committee.load(bundle / "bundle", threads=1, **way).screen([bundle / "faces"], 7, 1, cascade=cascade)
    return pl.concat(tables).sort("image")


def pixels_of(study):
    shards = ShardFolder(study.sources.shards / "test")
    ids = [each for shard in range(len(shards.sizes)) for each in shards.image_ids(shard)]
    return np.concatenate([shards.pixels(shard) for shard in range(len(shards.sizes))]), ids


def of_pipeline(study, rule):
    params, classes = study.params, study.params.class_names
    shards = ShardFolder(study.sources.shards / "test")
    scorers = dict(
        zip(params.voting, load_members(study.sources.models, study.sources.scores, params.voting), strict=True)
    )
    scorer = ShardScorer(scorers, dict.fromkeys(params.voting, 16), shards, classes)
    stacker = load_stacker(study.sources.models / "stacker.safetensors", params.voting, classes.names)
    truth = truth_of(shards, read_truth(study.sources.split))
    return predict_shards(scorer, truth, stacker, StabilityRule.of(params.vote)).decisions_table(RULES[rule])


@pytest.mark.parametrize("rule", RULES)
def test_the_committee_decides_pixels_as_the_pipeline(study, bundle, rule):
    pixels, ids = pixels_of(study)
    found = Committee.load(bundle / "bundle", threads=1, rule=rule).decide(pixels, ids)
    names = np.array([*study.params.classes, "review"])[found.decisions]
    expected = of_pipeline(study, rule)
    assert dict(zip(ids, names.tolist(), strict=True)) == dict(expected.select("image_id", "decision").iter_rows())


def test_some_decisions_flip_and_some_hold(study):
    flipped = of_pipeline(study, "majority")["flipped_by"]
    assert set(flipped) == {None, *DAMAGE}


def test_files_that_flip_go_to_review_with_the_reason_and_others_are_decided_as_without_the_check(
    study, bundle, tmp_path
):
    params = with_stability(study.params, stability="ignore")
    study.export(tmp_path / "bundle", params)
    plain = pl.concat(Committee.load(tmp_path / "bundle", threads=1).screen([bundle / "faces"], 7, 1)).sort("image")
    checked = screened(bundle)
    flipped = checked["reason"].is_not_null()
    assert 0 < flipped.sum() < len(checked)
    assert set(checked["reason"].drop_nulls()) <= {
        f"decided otherwise after mild damage ({name}): a person decides" for name in DAMAGE
    }
    assert (checked["decision"].filter(flipped) == "review").all()
    assert checked["decision"].filter(~flipped).equals(plain["decision"].filter(~flipped))
    rest = [name for name in checked.columns if name not in ("decision", "reason", "time", "bundle")]
    assert checked.select(rest).equals(plain.select(rest))


def test_a_file_is_damaged_by_its_own_id_whatever_its_batch(bundle):
    together = screened(bundle)
    for name in together["image"][:6]:
        alone = pl.concat(Committee.load(bundle / "bundle", threads=1).screen([name], 1, 1))
        assert alone["decision"][0] == together.filter(image=name)["decision"][0]


@pytest.mark.parametrize("rule", ["any_fake", "majority", "unanimous"])
def test_a_cascade_decides_as_all_members_together(bundle, rule):
    columns = ["image", "decision", "reason"]
    assert screened(bundle, cascade=True, rule=rule).select(columns).equals(screened(bundle, rule=rule).select(columns))


def test_operating_points_are_not_checked(bundle):
    assert Committee.load(bundle / "bundle", point="cost").ensemble.stability is None
    assert screened(bundle, point="cost")["reason"].null_count() == len(screened(bundle))


def test_stopping_early_is_refused_by_rule(bundle):
    with pytest.raises(FacesiftError, match="flip under mild damage"):
        Committee.load(bundle / "bundle", stop_early=True)


def test_the_card_has_the_damages(bundle):
    card = Committee.load(bundle / "bundle").card.stability
    assert card.must_hold == "all"
    assert {name: each.model_dump() for name, each in card.mild_damage.items()} == DAMAGE


def test_a_bundle_without_the_check_says_so(study, tmp_path):
    study.export(tmp_path / "bundle", with_stability(study.params, stability="ignore"))
    committee = Committee.load(tmp_path / "bundle")
    assert committee.card.stability is None
    assert committee.ensemble.stability is None


class Scripted:
    """Members whose scores of each call are given: of the images first, then of their copies."""

    def __init__(self, members, calls):
        self.members, self.calls = members, list(calls)

    def logits(self, pixels, members):
        said = np.array(self.calls.pop(0), np.float32)
        assert len(said) == len(pixels)
        return {name: np.stack([-said, said], axis=1) for name in members}


def test_a_copy_whose_scores_are_not_finite_sends_the_image_to_review(bundle):
    committee = Committee.load(bundle / "bundle", threads=1)
    files = sorted((bundle / "faces").iterdir())[:2]
    calls = [[5.0, 5.0], [np.nan, 5.0], [5.0]]
    found = replace(committee, runtime=Scripted(committee.card.member_names, calls))
    (table,) = found.screen(files, 2, 1)
    assert table["decision"][0] == "review"
    assert "noise30" in table["reason"][0]
    assert table["decision"][1] != "review"


def test_an_image_without_finite_scores_is_not_damaged(bundle):
    committee = Committee.load(bundle / "bundle", threads=1)
    files = sorted((bundle / "faces").iterdir())[:1]
    found = replace(committee, runtime=Scripted(committee.card.member_names, [[np.nan]]))
    (table,) = found.screen(files, 1, 1)
    assert table["decision"][0] is None
    assert "not finite" in table["reason"][0]
