import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from facesift.audit import source_probes
from facesift.audit.image_statistics import STATISTICS
from facesift.audit.source_probes import source_baseline, source_probe


def images(counts: dict[tuple[str, str], int]) -> pl.DataFrame:
    """Build rows image_id, source, label from numbers of images by source and label."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    return pl.DataFrame(
        {
            "image_id": [f"{number:05d}" for number in range(len(kinds))],
            "source": [source for source, _ in kinds],
            "label": [label for _, label in kinds],
        }
    )


TRAIN = images({("rff", "fake"): 80, ("rff", "real"): 120, ("celeba", "real"): 800})
TEST = images({("rff", "fake"): 10, ("rff", "real"): 10, ("celeba", "real"): 100})


def test_the_score_is_the_share_of_fakes_of_the_source():
    found = source_baseline(TRAIN, TEST, "fake")
    assert dict(TEST.join(found.scores, on="image_id").select("source", "score").unique().rows()) == {
        "rff": 0.4,
        "celeba": 0.0,
    }


def test_its_figures_are_those_of_scikit_learn():
    found = source_baseline(TRAIN, TEST, "fake")
    labels, scores = (TEST["label"] == "fake").to_numpy(), np.where(TEST["source"] == "rff", 0.4, 0)
    wanted = roc_auc_score(labels, scores), average_precision_score(labels, scores)
    assert (found.auc, found.ap) == pytest.approx(wanted)


def test_calling_the_source_of_the_fakes_fake_finds_them_all():
    called = source_baseline(TRAIN, TEST, "fake").called
    assert (called.tp, called.fp, called.fn, called.tn) == (10, 10, 0, 100)


def test_test_labels_do_not_change_its_scores():
    other = TEST.with_columns(label=pl.col("label").reverse())
    assert source_baseline(TRAIN, TEST, "fake").scores.equals(source_baseline(TRAIN, other, "fake").scores)


def test_with_one_source_it_knows_nothing():
    one = pl.col("source") == "rff"
    assert source_baseline(TRAIN.filter(one), TEST.filter(one), "fake").auc == 0.5


def test_an_unknown_source_has_the_share_of_all():
    elsewhere = TEST.with_columns(source=pl.lit("new"))
    assert set(source_baseline(TRAIN, elsewhere, "fake").scores["score"]) == {0.08}


def test_without_test_fakes_its_figures_are_unknown():
    found = source_baseline(TRAIN, TEST.filter(label="real"), "fake")
    assert (found.auc, found.called.recall) == (None, None)


def looks(rows: pl.DataFrame, shift: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    values = {name: pl.Series(rng.normal(size=rows.height)) for name in STATISTICS}
    moved = shift * (pl.col("source") == "rff")
    return rows.with_columns(**values).with_columns(contrast=pl.col("contrast") + moved)


def test_a_planted_look_of_a_source_is_found():
    found = source_probe(looks(TRAIN, 5, 0), looks(TEST, 5, 1), seed=0)
    assert found.auc > 0.95
    assert found.balanced_accuracy > 0.9


def test_sources_that_look_alike_are_near_chance():
    large = images({("a", "real"): 1500, ("b", "real"): 500})
    found = source_probe(looks(large, 0, 0), looks(large, 0, 1), seed=0)
    assert found.balanced_accuracy == pytest.approx(found.chance, abs=0.06)


def test_chance_is_one_in_the_number_of_sources():
    rows = looks(images({(name, "real"): 40 for name in "abcd"}), 0, 0)
    assert source_probe(rows, rows, seed=0).chance == 0.25


def test_three_sources_are_each_told_from_the_rest():
    rows = images({("a", "real"): 60, ("rff", "real"): 60, ("z", "real"): 60})
    planted = [
        looks(rows, 6, seed).with_columns(sharpness=pl.col("sharpness") + 6 * (pl.col("source") == "z"))
        for seed in (0, 1)
    ]
    assert source_probe(*planted, seed=0).auc > 0.95


def test_a_single_source_is_a_reason_not_a_figure():
    rows = looks(images({("a", "real"): 40}), 0, 0)
    found = source_probe(rows, rows, seed=0).report()
    assert found["balanced_accuracy"] is None
    assert "one source" in found["reason"]


def test_sources_that_training_lacks_are_left_out():
    test = pl.concat([looks(TEST, 5, 1), looks(images({("new", "real"): 9}), 0, 2)])
    assert source_probe(looks(TRAIN, 5, 0), test, seed=0).sources == ("celeba", "rff")


def test_training_images_are_capped_evenly(monkeypatch):
    seen = []
    real = source_probes.draw
    monkeypatch.setattr(source_probes, "ROWS", 100)
    monkeypatch.setattr(source_probes, "draw", lambda *args: seen.append(real(*args)) or seen[-1])
    source_probe(looks(TRAIN, 5, 0), looks(TEST, 5, 1), seed=0)
    assert set(seen[0].group_by("source").len()["len"]) == {50}
