"""The committee on damaged images: planted members whose weakness is known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.ndimage import gaussian_filter

from facesift.audit.cross_data_set import predict_shards, truth_of
from facesift.audit.robustness import (
    Decided,
    RobustnessTest,
    choose_images,
    compare,
    describe_images,
    figures_table,
    measure_corruptions,
)
from facesift.committee.stacking import Stacker
from facesift.config.damage import Corruption
from facesift.config.evaluation import IDENTITY, Robustness
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.networks.scoring import ShardScorer
from tests.made import make_shards

CLASSES = Classes(("real", "fake"), "fake")
BOTH = Stacker(np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]), np.zeros(2))


def logits(evidence):
    """Fake where `evidence` (n,) is above zero."""
    return np.stack([-evidence, evidence], axis=1).astype(np.float32)


def bright(pixels):
    """Sees the patch of made fakes, whose broad brightness survives blur."""
    return logits(pixels[:, 12:20, 12:20].mean(axis=(1, 2, 3)) - 110)


def grainy(pixels):
    """Sees the patch by the noise in it: 90 more on the mean, and fine detail as strong as in undamaged images."""
    patch = pixels[:, 12:20, 12:20].astype(float)
    detail = np.abs(patch - gaussian_filter(patch, (0, 2, 2, 0))).mean(axis=(1, 2, 3))
    return logits(np.where(patch.mean(axis=(1, 2, 3)) > 110, detail - 20, -1.0))


def each_its_own(shards):
    ids = [one for shard in range(len(shards.sizes)) for one in shards.image_ids(shard)]
    return pl.DataFrame({"image_id": ids, "group": range(len(ids))})


@pytest.fixture
def trial(tmp_path):
    shards = make_shards(tmp_path, 40, 10)
    scorers = {"bright": bright, "grainy": grainy}
    return RobustnessTest(
        scorers, {"bright": 16, "grainy": 7}, BOTH, shards, truth_of(shards, each_its_own(shards)), CLASSES
    )


def tried(trial, **corruptions):
    return dict(measure_corruptions(trial, Robustness(images=None, corruptions=corruptions)))


BLUR = Corruption(kind="blur", strength=0.08)


def test_undamaged_images_get_the_votes_of_the_cross_test(trial):
    undamaged = trial.predict(None)
    panel = ShardScorer(trial.scorers, {"bright": 16, "grainy": 16}, trial.shards, CLASSES)
    cross = predict_shards(panel, trial.truth, BOTH)
    assert undamaged.images.equals(cross.images)
    assert np.array_equal(undamaged.votes, cross.votes)


def test_identity_is_first_and_changes_nothing(trial):
    reports = tried(trial, blur=BLUR)
    assert list(reports) == [IDENTITY, "blur"]
    for report in [*reports[IDENTITY]["rules"].values(), *reports[IDENTITY]["voters"].values()]:
        assert set(report["change"].values()) == {0.0}
        assert report["flips"] == {"images": 0, "of": {"real": {}, "fake": {}}}


def test_member_that_looks_at_fine_detail_loses_its_recall_under_blur(trial):
    voters = tried(trial, blur=BLUR)["blur"]["voters"]
    assert voters["grainy"]["change"]["recall"] == -1.0
    assert voters["bright"]["change"]["recall"] == 0.0


def test_lost_fakes_are_counted_as_flips(trial):
    report = tried(trial, blur=BLUR)["blur"]
    assert report["voters"]["grainy"]["flips"] == {"images": 20, "of": {"real": {}, "fake": {"fake_to_real": 20}}}
    assert report["rules"]["unanimous"]["flips"]["of"]["fake"] == {"fake_to_review": 20}


def test_change_is_damaged_minus_undamaged(trial):
    undamaged, damaged = trial.predict(None), trial.predict(Corruption(kind="shift", strength=0.4))
    report = compare(Decided.of(damaged), Decided.of(undamaged))["voters"]["bright"]
    before, after = (predictions.report_voters()["bright"] for predictions in (undamaged, damaged))
    assert after["auc"] != before["auc"]
    assert report["change"]["auc"] == after["auc"] - before["auc"]
    assert {key: report[key] for key in after} == after


def test_figure_that_is_unknown_changes_by_none(trial):
    report = tried(trial, blur=BLUR)["blur"]["voters"]["grainy"]
    assert report["precision"] is None
    assert report["change"]["precision"] is None


def test_images_that_a_person_decides_anyway_are_reviewed_however_damaged(trial):
    referred = replace(trial, truth=trial.truth.with_columns(referred=pl.lit(value=True)))
    for report in tried(referred, blur=BLUR).values():
        assert {report["rules"][rule]["reviewed"] for rule in ("soft", "unanimous")} == {trial.truth.height}


def test_plot_has_only_known_figures(trial):
    table = figures_table(tried(trial, blur=BLUR))
    assert table.columns == ["corruption", "kind", "strength", "voter", "figure", "value"]
    assert table["value"].null_count() == 0
    of_grainy = table.filter((pl.col("corruption") == "blur") & (pl.col("voter") == "grainy"))
    assert "precision" not in of_grainy["figure"].to_list()
    assert of_grainy.filter(pl.col("figure") == "recall")["value"].to_list() == [0.0]


def truth(positives, others):
    labels = ["fake"] * positives + ["real"] * others
    return pl.DataFrame({"image_id": [f"{number:04d}" for number in range(len(labels))], "label": labels})


def test_all_positives_are_kept_when_images_are_drawn():
    chosen = choose_images(truth(10, 90), "fake", 30, seed=1)
    assert chosen.height == chosen["image_id"].n_unique() == 30
    assert chosen.filter(pl.col("label") == "fake").height == 10


def test_draw_does_not_depend_on_the_order_of_the_images():
    table = truth(10, 90)
    first, second = (choose_images(each, "fake", 30, seed=1) for each in (table, table.reverse()))
    assert set(first["image_id"]) == set(second["image_id"])


def test_no_limit_keeps_all():
    assert choose_images(truth(10, 90), "fake", None, seed=1).height == 100


def test_room_for_positives_alone_is_refused():
    with pytest.raises(FacesiftError, match=r"robustness\.images: 10, but all 10 test images .* at least 11"):
        choose_images(truth(10, 90), "fake", 10, seed=1)


def test_drawn_images_are_scored_as_among_all(trial):
    part = RobustnessTest(
        trial.scorers, trial.batch_sizes, BOTH, trial.shards, choose_images(trial.truth, "fake", 33, 1), CLASSES
    )
    noise = Corruption(kind="noise", strength=20)
    whole = trial.predict(noise)
    kept = whole.images["image_id"].is_in(part.truth["image_id"].to_list()).to_numpy()
    assert np.array_equal(part.predict(noise).votes, whole.votes[kept])


def test_drawn_images_are_labelled_as_such(trial):
    part = RobustnessTest(
        trial.scorers, trial.batch_sizes, BOTH, trial.shards, choose_images(trial.truth, "fake", 33, 1), CLASSES
    )
    described = describe_images(part)
    assert described["tried"] == {"positive": 20, "images": 33}
    assert described["test"] == {"positive": 20, "images": 80}
    assert "drawn images alone" in described["note"]
    assert describe_images(trial)["note"] == "the whole test split"
