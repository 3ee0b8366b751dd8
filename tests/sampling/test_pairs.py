"""Paired batches: a fake comes with its own original, every row as often as without pairs."""

from collections import Counter
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.sampling.batches import Share, plan_batches
from facesift.sampling.pairs import PAIR, keep_together, with_pairs
from facesift.sampling.plans import make_plan
from tests.made_config import Forge, Resample

COUNTS = [(12, 4), (10, 5), (9, 3)]
ALONE = pl.DataFrame(schema={"image_id": pl.String, "group": pl.UInt32})
NONE = Resample(scope="none")
FAKE = 1


@pytest.fixture
def shards(make_shards):
    return make_shards(COUNTS)


def images(shards):
    """Every image with its id and label, in file order."""
    return pl.concat(
        pl.DataFrame(
            {"image_id": shards.image_ids(shard), "label": shards.labels(shard), "shard": shard}
        ).with_row_index("row")
        for shard in range(len(shards.sizes))
    )


def grouped(shards, *groups):
    """Groups of images: each of (reals, fakes) more, taken from all over the shards; all others are alone."""
    every = images(shards).sample(fraction=1, shuffle=True, seed=1)
    group = dict.fromkeys(every["image_id"], None)
    for label in (0, 1):
        free = every.filter(pl.col("label") == label)["image_id"].to_list()
        for number, sizes in enumerate(groups):
            for _ in range(sizes[label]):
                group[free.pop()] = number
    alone = iter(range(len(groups), len(group) + len(groups)))
    numbers = [next(alone) if number is None else number for number in group.values()]
    return pl.DataFrame({"image_id": list(group), "group": numbers}, schema_overrides={"group": pl.UInt32})


def sets_of(plan):
    """The labels of every set of several rows."""
    return sorted(
        tuple(sorted(labels)) for labels in plan.group_by(PAIR).agg("label")["label"].to_list() if len(labels) > 1
    )


def test_fakes_of_a_group_are_dealt_out_among_its_reals(shards):
    plan = with_pairs(make_plan(shards, NONE, 1), shards, grouped(shards, (1, 1), (1, 3), (2, 3), (2, 0), (0, 2)), FAKE)
    assert sets_of(plan) == [(0, 1), (0, 1), (0, 1, 1), (0, 1, 1, 1)]


def test_set_is_numbered_by_the_row_of_its_original(shards):
    plan = with_pairs(make_plan(shards, NONE, 1), shards, grouped(shards, (1, 2)), FAKE)
    (number,) = plan.filter(pl.col(PAIR).is_duplicated())[PAIR].unique()
    assert plan["label"][number] == 0


def test_order_of_the_plan_decides_no_partner(shards):
    groups, plan = grouped(shards, (2, 3)), make_plan(shards, NONE, 1)
    partners = []
    for shuffled in (plan, plan.sample(fraction=1, shuffle=True, seed=5)):
        found = with_pairs(shuffled, shards, groups, FAKE)
        places = found.select("shard", "row").rows()
        partners.append({place: places[number] for place, number in zip(places, found[PAIR], strict=True)})
    assert partners[0] == partners[1]


@pytest.mark.parametrize("kind", ["composite", "self_blend"])
def test_forged_image_is_paired_with_the_face_that_was_changed(make_shards, kind):
    shards = make_shards(COUNTS, size=24)
    other = {"composite": "self_blend", "self_blend": "composite"}[kind]
    plan = make_plan(shards, Resample(scope="split", forge=Forge(ratio=1.0, **{kind: 1, other: 0})), 1)
    found = with_pairs(plan, shards, ALONE, FAKE)
    for row in found.filter(pl.col("kind") == kind).iter_rows(named=True):
        original = found.row(row[PAIR], named=True)
        assert (original["shard"], original["row"], original["label"]) == (row["shard"], row["row"], 0)


def test_fake_whose_original_was_dropped_stays_alone(make_shards):
    shards = make_shards(COUNTS, size=24)
    plan = make_plan(shards, Resample(scope="split", forge=Forge(ratio=0.8, self_blend=0), undersample=1.0), 1)
    found = with_pairs(plan, shards, ALONE, FAKE)
    kept = set(plan.filter(pl.col("label") == 0).select("shard", "row").rows())
    for at, row in enumerate(found.iter_rows(named=True)):
        if row["kind"] == "composite":
            assert (row[PAIR] == at) == ((row["shard"], row["row"]) not in kept)


def test_smote_image_stays_alone(shards):
    groups = grouped(shards, *[(1, 1)] * 12)
    found = with_pairs(make_plan(shards, Resample(scope="split", smote=0.8), 1), shards, groups, FAKE)
    assert found.filter("synthetic").filter(pl.col(PAIR).is_duplicated()).height == 0
    assert len(sets_of(found)) == 12


SETS = st.lists(st.integers(1, 5), min_size=1, max_size=30)


@given(sizes=SETS, batch=st.integers(1, 8), seed=st.integers(0, 99))
def test_reordering_loses_no_row_and_doubles_none(sizes, batch, seed):
    pairs = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.random.default_rng(seed).permutation(len(pairs))
    assert sorted(keep_together(rows, pairs[rows], batch).tolist()) == list(range(len(pairs)))


@given(singles=st.integers(0, 20), couples=st.integers(1, 20), half=st.integers(1, 5), seed=st.integers(0, 99))
def test_pairs_are_never_divided_by_even_batches(singles, couples, half, seed):
    pairs = np.concatenate([np.arange(singles), np.repeat(np.arange(singles, singles + couples), 2)])
    rows = np.random.default_rng(seed).permutation(len(pairs))
    order = keep_together(rows, pairs[rows], 2 * half)
    batch_of = {row: place // (2 * half) for place, row in enumerate(order.tolist())}
    assert all(batch_of[first] == batch_of[first + 1] for first in range(singles, len(pairs), 2))


@given(sizes=SETS, batch=st.integers(5, 8), seed=st.integers(0, 99))
def test_at_most_one_set_is_divided_at_the_end_of_a_batch(sizes, batch, seed):
    pairs = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.random.default_rng(seed).permutation(len(pairs))
    order = keep_together(rows, pairs[rows], batch)
    parts = [set(pairs[order[start : start + batch]].tolist()) for start in range(0, len(order), batch)]
    assert all(len(one & other) <= 1 for one, other in pairwise(parts))


def bag(batches):
    return Counter(
        (image.tobytes(), int(label)) for pixels, labels in batches for image, label in zip(pixels, labels, strict=True)
    )


@pytest.mark.parametrize("window", [1, 2, 100])
def test_batches_hold_the_same_images_as_without_pairs(shards, window):
    plan = make_plan(shards, NONE, 1)
    paired = with_pairs(plan, shards, grouped(shards, *[(1, 1)] * 8), FAKE)
    assert bag(plan_batches(shards, paired, 8, window, 3)) == bag(plan_batches(shards, plan, 8, window, 3))


@pytest.mark.parametrize("window", [1, 2, 100])
@pytest.mark.parametrize("seed", range(3))
def test_fake_and_original_are_in_one_batch_whatever_their_shards(shards, window, seed):
    plan = with_pairs(make_plan(shards, NONE, 1), shards, grouped(shards, *[(1, 1)] * 8), FAKE)
    pixels = {
        shards.pixels(shard)[row].astype(np.float32).tobytes(): number
        for shard, row, number in plan.filter(pl.col(PAIR).is_duplicated()).select("shard", "row", PAIR).iter_rows()
    }
    batches = [
        Counter(pixels[image.tobytes()] for image in images if image.tobytes() in pixels)
        for images, _ in plan_batches(shards, plan, 8, window, seed)
    ]
    assert sum(2 in batch.values() for batch in batches)
    assert all(count == 2 for batch in batches for count in batch.values())


def test_processes_divide_the_same_paired_batches(shards):
    plan = with_pairs(make_plan(shards, NONE, 1), shards, grouped(shards, *[(1, 1)] * 8), FAKE)
    whole = list(plan_batches(shards, plan, 8, 1, 3))
    parts = [list(plan_batches(shards, plan, 8, 1, 3, Share(rank, 2))) for rank in range(2)]
    for (pixels, _), *halves in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(np.concatenate([half for half, _ in halves]), pixels)


def test_order_depends_on_the_seed_alone(shards):
    plan = with_pairs(make_plan(shards, NONE, 1), shards, grouped(shards, *[(1, 1)] * 8), FAKE)
    orders = [[labels.tolist() for _, labels in plan_batches(shards, plan, 8, 1, seed)] for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]
