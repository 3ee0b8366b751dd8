"""Forged rows of a plan, and the batches made of them."""

import re
from collections import Counter

import numpy as np
import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_parquet
from facesift.sampling.batches import Share, plan_batches
from facesift.sampling.plan_columns import FORGING_SCHEMA, PLAN_SCHEMA
from facesift.sampling.plan_images import make_plan_images
from facesift.sampling.plans import count_plan, make_plan
from tests.made_config import Forge, Regions, Resample

SIZE = 24
COUNTS = [(30, 3), (26, 4)]
NO_PART = {"eyes": 0, "nose": 0, "mouth": 0, "face": 0}


@pytest.fixture
def shards(make_shards):
    return make_shards(COUNTS, size=SIZE)


def resample(ratio=0.5, scope="split", smote=None, undersample=None, **forge):
    return Resample(scope=scope, smote=smote, undersample=undersample, neighbours=2, forge=Forge(ratio=ratio, **forge))


def forged_rows(plan):
    return plan.filter(pl.col("kind").is_in(["composite", "self_blend"]))


def labels_at(shards, plan, shard, row):
    return [int(shards.labels(place)[at]) for place, at in plan.select(shard, row).iter_rows()]


@pytest.mark.parametrize(("ratio", "fakes"), [(0.2, 11), (0.5, 28), (1.0, 56)])
def test_fakes_are_the_ratio_of_the_reals(shards, ratio, fakes):
    plan = make_plan(shards, resample(ratio), 1)
    assert plan["label"].value_counts().sort("label")["count"].to_list() == [56, fakes]


def test_smote_makes_its_share_and_forging_the_rest(shards):
    counts = count_plan(make_plan(shards, resample(0.5, smote=0.25), 1))
    made = counts["fake"]["made"]
    assert (made["smote"], made["composite"] + made["self_blend"]) == (14 - 7, 28 - 14)


def test_undersampling_comes_last(shards):
    counts = count_plan(make_plan(shards, resample(0.5, undersample=1.0), 1))
    assert (counts["real"]["original"], counts["fake"]["original"], counts["fake"]["synthetic"]) == (28, 7, 21)


def test_bases_are_images_of_the_class(shards):
    counts = count_plan(make_plan(shards, resample(0.5), 1))
    assert (counts["real"]["bases"], counts["fake"]["bases"]) == (56, 7)


def test_a_scope_without_fakes_can_be_forged(make_shards):
    counts = count_plan(make_plan(make_shards([(20, 0)], size=SIZE), resample(0.5, "shard"), 1))
    assert (counts["fake"]["original"], counts["fake"]["synthetic"]) == (0, 10)


@pytest.mark.parametrize("scope", ["shard", "split"])
def test_targets_and_donors_are_real_training_images(shards, scope):
    plan = forged_rows(make_plan(shards, resample(0.9, scope), 1))
    assert set(labels_at(shards, plan, "shard", "row")) == {0}
    assert set(labels_at(shards, plan, "neighbour_shard", "neighbour")) == {0}
    assert plan["label"].unique().to_list() == [1]


def test_scope_shard_takes_donors_of_the_same_shard(shards):
    plan = forged_rows(make_plan(shards, resample(0.9, "shard"), 1))
    assert (plan["shard"] == plan["neighbour_shard"]).all()


def test_composites_have_another_donor_and_self_blends_none(shards):
    plan = forged_rows(make_plan(shards, resample(1.0), 1))
    own = (plan["shard"] == plan["neighbour_shard"]) & (plan["row"] == plan["neighbour"])
    assert (own == (plan["kind"] == "self_blend")).all()
    assert 0 < own.sum() < plan.height


@pytest.mark.parametrize("kind", ["composite", "self_blend"])
def test_a_weight_of_0_leaves_a_kind_out(shards, kind):
    plan = forged_rows(make_plan(shards, resample(1.0, **{kind: 0.0}), 1))
    assert kind not in plan["kind"]


def test_only_weighted_regions_are_forged(shards):
    plan = forged_rows(make_plan(shards, resample(1.0, regions=Regions(eyes=0, nose=0, mouth=1, face=3)), 1))
    assert set(plan["region"]) == {"mouth", "face"}


def test_every_real_is_forged_once_before_one_is_twice(make_shards):
    plan = forged_rows(make_plan(make_shards([(10, 0), (10, 0)], size=SIZE), resample(1.0), 1))
    assert Counter(plan.select("shard", "row").rows()).most_common(1)[0][1] == 1


def test_columns_are_those_documented(shards):
    plan = make_plan(shards, resample(), 1)
    assert dict(plan.schema) == dict(PLAN_SCHEMA) | FORGING_SCHEMA


def test_a_plan_without_forging_has_no_columns_for_it(shards):
    assert dict(make_plan(shards, Resample(scope="none"), 1).schema) == dict(PLAN_SCHEMA)


def test_originals_have_nothing_to_forge(shards):
    plan = make_plan(shards, resample(), 1).filter(~pl.col("synthetic"))
    assert plan.select(*FORGING_SCHEMA).unique().rows() == [("original", "none", False, 0.0, 0.0, 0, False)]


def test_a_plan_survives_its_file(shards, tmp_path):
    plan = make_plan(shards, resample(), 1)
    write_parquet(tmp_path / "plan", plan)
    assert read_parquet(tmp_path / "plan").equals(plan)


def test_the_same_seed_gives_the_same_plan(shards):
    first, again, other = (make_plan(shards, resample(), seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("counts", "asked", "words"),
    [
        ([(1, 1)], {"ratio": 1.0}, r"has 1 real image, and members.a.resample.forge makes fakes of at least 2"),
        ([(0, 4)], {"ratio": 1.0, "composite": 0.0}, r"has 0 real images, .* at least 1: .*scope: split"),
        (
            [(20, 8)],
            {"ratio": 0.3},
            r"forge.ratio: 0.3 is asked for, but .* has 8 fakes to 20 reals .*: set it to 0.45",
        ),
    ],
)
def test_scopes_that_cannot_be_forged_are_named(make_shards, counts, asked, words):
    with pytest.raises(FacesiftError, match=words):
        make_plan(make_shards(counts, size=SIZE), resample(scope="shard", **asked), 1, "a")


def test_ratio_that_an_error_names_is_enough(make_shards):
    shards = make_shards([(21, 6)], size=SIZE)
    with pytest.raises(FacesiftError) as caught:
        make_plan(shards, resample(0.1), 1)
    named = float(re.search(r"set it to ([\d.]+) or more", str(caught.value))[1])
    assert count_plan(make_plan(shards, resample(named), 1))["fake"]["synthetic"] == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scope": "none", "forge": {"ratio": 0.5}}, "`scope: none` goes without"),
        ({"scope": "split", "smote": 0.5, "forge": {"ratio": 0.5}}, r"`forge.ratio` \(0.5\) goes on where"),
        ({"scope": "split", "undersample": 0.4, "forge": {"ratio": 0.5}}, "may not be below `forge.ratio`"),
        ({"scope": "split", "forge": {"ratio": 0.5, "composite": 0, "self_blend": 0}}, "both 0"),
        ({"scope": "split", "forge": {"ratio": 0.5, "regions": NO_PART}}, "all 0"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        Resample(**values | ({"forge": Forge(**values["forge"])} if "forge" in values else {}))


def by_row(shards, plan, *, batch=8, window=1, seed=3, ranks=1):
    """Bag of labelled images of an epoch."""
    bag = Counter()
    for rank in range(ranks):
        for pixels, labels in plan_batches(shards, plan, batch, window, seed, Share(rank, ranks)):
            bag.update((image.tobytes(), int(label)) for image, label in zip(pixels, labels, strict=True))
    return bag


@pytest.mark.parametrize(("batch", "window", "ranks"), [(1, 1, 1), (7, 2, 1), (1000, 100, 1), (16, 1, 3)])
def test_images_are_the_same_whatever_the_batches(shards, batch, window, ranks):
    plan = make_plan(shards, resample(0.6, smote=0.2), 1)
    assert by_row(shards, plan, batch=batch, window=window, ranks=ranks) == by_row(shards, plan)


@pytest.mark.parametrize(("fresh", "same"), [(True, 0), (False, 56 - 7)])
def test_fresh_forgeries_differ_from_epoch_to_epoch(shards, fresh, same):
    plan = forged_rows(make_plan(shards, resample(1.0, fresh=fresh), 1))
    first, second = by_row(shards, plan, seed=3), by_row(shards, plan, seed=4)
    assert (first & second).total() == same


def test_forged_images_have_whole_grey_levels(shards):
    plan = forged_rows(make_plan(shards, resample(), 1))
    pixels = make_plan_images(shards, plan, 1)
    assert np.array_equal(pixels, np.rint(pixels))


def test_images_of_a_plan_come_in_its_order(shards):
    plan = make_plan(shards, resample(), 1)
    pixels = make_plan_images(shards, plan, 3)
    for place in (0, 9, 30):
        assert np.array_equal(pixels[place], make_plan_images(shards, plan[[place]], 3)[0])


def test_forgeries_differ_from_their_targets(shards):
    plan = forged_rows(make_plan(shards, resample(), 1))
    targets = [shards.pixels(shard)[row] for shard, row in plan.select("shard", "row").iter_rows()]
    assert (make_plan_images(shards, plan, 1) != np.stack(targets)).any(axis=(1, 2, 3)).all()
