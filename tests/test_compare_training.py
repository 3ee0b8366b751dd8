"""The comparison of training recipes: what it runs, its figures, and what it writes."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bench import compare_training
from bench.training_figures import Population, compare, log_odds, populations, threshold_for
from bench.training_report import draw, markdown, put_between
from bench.training_runs import Comparison, prepare, read_comparison, runs_of, study_of, train_all
from facesift.core.errors import FacesiftError
from tests.made import ROOT
from tests.made_config import parse_params


def truth(split, seed=0):
    """40 fakes and 40 reals of one source, 80 reals of another."""
    labels = ["fake"] * 40 + ["real"] * 120
    sources = ["rff"] * 80 + ["celeba"] * 80
    ids = [f"{split}{number:03d}" for number in range(160)]
    order = np.random.default_rng(seed).permutation(160)
    frame = {"image_id": ids, "label": labels, "source": sources, "group": range(160), "split": [split] * 160}
    return pl.DataFrame(frame)[order]


@pytest.fixture
def split():
    return pl.concat([truth("val"), truth("test")])


def scored(split, skill, seed):
    """Logits that are right by `skill` standard deviations, and certain about the other source."""
    noise = np.random.default_rng(seed).normal(size=split.height)
    fake = (split["label"] == "fake").to_numpy() * skill - (split["source"] == "celeba").to_numpy() * 9
    return split.select("image_id", logit_real=pl.Series(-noise / 2), logit_fake=pl.Series(fake + noise / 2))


def named(split, name):
    return next(images for images in populations(split, "fake") if images.name == name)


def test_figures_within_are_scikit_learns_of_the_fakes_own_source(split):
    scores, within = scored(split, 1, 0), named(split, "within")
    found = compare(within, {"none": [scores]}, "fake", 0.1)["none"]
    images = split.filter(split="test", source="rff").join(scores, on="image_id")
    labels, margin = (images["label"] == "fake").to_numpy(), (images["logit_fake"] - images["logit_real"]).to_numpy()
    assert found["auc"]["mean"] == pytest.approx(roc_auc_score(labels, margin))
    assert found["ap"]["mean"] == pytest.approx(average_precision_score(labels, margin))


def test_the_threshold_is_set_on_validation_images_alone(split):
    pooled = named(split, "pooled")
    scores = scored(split, 1, 0)
    easier = scores.with_columns(
        logit_fake=pl.col("logit_fake") + pl.when(pl.col("image_id").str.starts_with("test")).then(100).otherwise(0)
    )
    assert compare(pooled, {"none": [easier]}, "fake", 0.1)["none"]["recall"]["mean"] == 1


def test_seeds_are_averaged(split):
    within = named(split, "within")
    tables = [scored(split, 1, seed) for seed in range(3)]
    each = [compare(within, {"none": [table]}, "fake", 0.1)["none"]["auc"]["mean"] for table in tables]
    found = compare(within, {"none": tables}, "fake", 0.1)["none"]["auc"]
    assert (found["mean"], found["seeds"]) == (pytest.approx(np.mean(each)), pytest.approx(np.std(each, ddof=1)))


def test_the_same_scores_differ_by_nothing(split):
    scores = scored(split, 1, 0)
    found = compare(named(split, "within"), {"none": [scores], "again": [scores]}, "fake", 0.1)
    assert found["again"]["auc"]["difference_interval"] == (0, 0)


def test_a_planted_gain_is_found(split):
    arms = {"none": [scored(split, 0.2, 1)], "better": [scored(split, 2.5, 2)]}
    assert compare(named(split, "within"), arms, "fake", 0.1)["better"]["auc"]["difference_interval"][0] > 0


def test_an_image_without_a_score_is_an_error(split):
    with pytest.raises(ValueError, match="1 images have no score"):
        log_odds(scored(split, 1, 0)[1:], split, "fake")


def test_a_threshold_lets_the_share_through():
    assert (np.arange(100.0) >= threshold_for(np.arange(100.0), 0.1)).sum() == 10


def test_the_committed_comparison_has_every_way_start_and_three_seeds():
    comparison = read_comparison()
    ways = {
        "none",
        "class weights",
        "source-balanced",
        "RUS",
        "SMOTE",
        "SMOTE + RUS",
        "composite",
        "self-blend",
        "forge + SMOTE",
    }
    assert (set(comparison.arms), set(comparison.starts)) == (ways, {"random", "pretrained"})
    assert len(comparison.seeds) == 3


def test_the_committed_comparison_is_a_valid_study_whose_runs_differ_as_said():
    comparison = read_comparison()
    runs = runs_of(comparison)
    members = parse_params(study_of(comparison, runs)).members
    assert len(members) == len(runs) == 54
    without = dict.fromkeys(("seed", "resample", "loss", "architecture"))
    assert len({member.model_copy(update=without).model_dump_json() for member in members.values()}) == 1


def test_an_unknown_key_is_named(tmp_path):
    page = tmp_path / "comparison.yaml"
    page.write_text((ROOT / "conf/comparison.yaml").read_text() + "\nspeed: 3\n")
    with pytest.raises(FacesiftError, match="speed"):
        read_comparison(page)


def test_an_unknown_arm_is_named():
    with pytest.raises(FacesiftError, match="no such arm; there are none, "):
        compare_training.select_runs(read_comparison(), ["smoke"])


def test_the_page_shows_what_the_figures_say():
    written = json.loads((ROOT / "docs/training.json").read_text())
    table = markdown(compare_training.in_order(written["figures"], read_comparison()), written["failed"])
    assert table in (ROOT / "docs/training.md").read_text()


def figures(mean, difference=0.0):
    one = {"mean": mean, "interval": (mean - 0.1, mean + 0.1), "difference": difference}
    one["difference_interval"] = (difference - 0.01, difference + 0.01)
    return dict.fromkeys(("auc", "ap", "recall"), one)


def test_a_clear_difference_is_bold_and_an_unclear_one_is_not():
    found = {"none": figures(0.7), "a": figures(0.8, 0.1), "b": figures(0.7, 0.005)}
    table = markdown({"random": {"within": found, "pooled": found}}, {})
    assert "| a | 0.800 (0.70-0.90) | **+0.100** |" in table
    assert "| b | 0.700 (0.60-0.80) | +0.005 |" in table


def test_an_arm_that_failed_stays_in_the_table_with_its_reason():
    found = {"none": figures(0.7)}
    table = markdown({"random": {"within": found, "pooled": found}}, {"random": {"SMOTE": "seed 1: no fakes"}})
    assert "| SMOTE (failed: seed 1: no fakes) | - | - |" in table


def test_a_page_without_a_place_for_the_table_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(FacesiftError, match="no place for the table"):
        put_between(page, "figures", "table")


def test_the_chart_has_the_same_bytes_every_time(tmp_path):
    found = {"none": figures(0.7), "a": figures(0.8, 0.1)}
    tables = {"random": {"within": found, "pooled": found}, "pretrained": {"within": found, "pooled": found}}
    for name in ("one.svg", "two.svg"):
        draw(tables, tmp_path / name, "none")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.fixture
def small(tmp_path):
    """Two arms on generated faces, in a project folder of their own; the second cannot be re-sampled."""
    from bench.toy_images import write_study

    base = ["study=folders", "data.image_size=32", "split.fractions={train: 0.5, val: 0.25, test: 0.25}"]
    recipe = read_comparison().recipe | {
        "architecture": {"name": "timm:test_convnext"}, "epochs": 1, "resample": {"scope": "none"},
    }  # fmt: skip
    arms = {"none": {}, "RUS": {"resample": {"scope": "split", "undersample": 0.01}}}
    comparison = Comparison(base=base, seeds=[1], review_rate=0.1, recipe=recipe, starts={"random": {}}, arms=arms)
    tree = study_of(comparison, runs_of(comparison))
    write_study(tmp_path / "data/raw", tree)
    return SimpleNamespace(comparison=comparison, tree=tree, raw=tmp_path / "data/raw", folder=tmp_path / "run")


def test_runs_train_once_and_a_failure_is_told(small):
    params = prepare(small.tree, small.folder, small.raw)
    runs = runs_of(small.comparison)
    first, second = train_all(params, runs, small.folder, 2)
    assert first[1] == ""
    assert "resample.undersample: 0.01 is asked for" in second[1]
    scores = small.folder / "data/scores/none_random_1.parquet"
    written = scores.stat().st_mtime_ns
    list(train_all(prepare(small.tree, small.folder, small.raw), runs[:1], small.folder, 1))
    assert scores.stat().st_mtime_ns == written


def test_populations_keep_to_their_split(split):
    images: Population = named(split, "within")
    assert set(images.val["image_id"].str.slice(0, 3)) == {"val"}
    assert set(images.test["source"]) == {"rff"}
