"""Which rows make an epoch: each once, or drawn so that classes and sources are balanced."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.core.classes import BINARY, Classes
from facesift.sampling.plans import make_plan
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard
from facesift.training.data_module import MemberDataModule
from facesift.training.sampler import balanced_probabilities, row_probabilities, sample_epoch
from tests.made import default_params, make_shards
from tests.made_config import Resample

PARAMS = default_params()
CLASSES = PARAMS.class_names
RECIPE = PARAMS.members["convnext1"]
SIZE = 4


def way(draw="plan", **more):
    return Resample(scope="none", draw=draw, **more)


def plan_of(labels):
    return pl.DataFrame({"label": labels, "shard": 0, "row": range(len(labels))})


def mixed_shards(folder, *shards):
    """Write shards of rows (source, label)."""
    folder.mkdir()
    entries = []
    for number, rows in enumerate(shards):
        table = pl.DataFrame(
            {
                "image_id": [f"{number:016x}{row:016x}" for row in range(len(rows))],
                "source": [source for source, _ in rows],
                "label": [label for _, label in rows],
            }
        )
        pixels = iter(np.zeros((len(rows), SIZE, SIZE, 3), np.uint8))
        entries.append(write_shard(folder / f"{number:05d}.h5", table, pixels, 5, BINARY))
    write_index(folder, SIZE, entries, BINARY)
    return ShardFolder(folder)


def test_classes_come_up_equally_often():
    plan = plan_of([0] * 9000 + [1] * 900 + [2] * 100)
    drawn = sample_epoch(plan, way("classes"), row_probabilities(way("classes"), plan, None, CLASSES), seed=1)
    counts = drawn["label"].value_counts().sort("label")["count"].to_numpy()
    np.testing.assert_allclose(counts / 10000, [1 / 3] * 3, atol=0.02)


ROWS = [("faces", "real")] * 40 + [("both", "real")] * 5 + [("both", "fake")] * 4 + [("more", "real")] * 11


@pytest.mark.parametrize("split", [0, 20, 47])
def test_half_of_the_reals_come_from_where_the_fakes_are(tmp_path, split):
    shards = mixed_shards(tmp_path / "s", *(part for part in (ROWS[:split], ROWS[split:]) if part))
    plan = make_plan(shards, way(), 1)
    chances = row_probabilities(way("sources"), plan, shards, CLASSES)
    sources = np.concatenate([shards.sources(shard) for shard in range(len(shards.sizes))])
    starts = np.cumsum([0, *shards.sizes])
    source = sources[starts[plan["shard"].to_numpy()] + plan["row"].to_numpy()]
    given_to = {
        (name, label): chances[(source == name) & (plan["label"] == label).to_numpy()].sum()
        for name in ("faces", "both", "more")
        for label in (0, 1)
    }
    assert given_to == {
        ("faces", 0): pytest.approx(0.25 * 40 / 51),
        ("more", 0): pytest.approx(0.25 * 11 / 51),
        ("both", 0): pytest.approx(0.25),
        ("both", 1): pytest.approx(0.5),
        ("faces", 1): 0,
        ("more", 1): 0,
    }


def test_one_source_is_balanced_by_class_alone(tmp_path):
    shards = make_shards(tmp_path, 20, 4)
    plan = make_plan(shards, way(), 1)
    by = [row_probabilities(way(draw), plan, shards, CLASSES) for draw in ("sources", "classes")]
    np.testing.assert_array_equal(*by)


def test_positive_class_is_the_one_that_is_named(tmp_path):
    shards = mixed_shards(tmp_path / "s", [("a", "real"), ("a", "fake"), ("b", "fake"), ("b", "fake")])
    plan = make_plan(shards, way(), 1).sort("row")
    chances = row_probabilities(way("sources"), plan, shards, Classes(BINARY, "real"))
    assert chances.tolist() == [0.5, 0.25, 0.125, 0.125]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=50))
def test_chances_add_up_to_one_and_leave_no_row_out(rows):
    chances = balanced_probabilities(pl.DataFrame(rows, schema=["label", "beside"], orient="row"))
    assert chances.sum() == pytest.approx(1)
    assert (chances > 0).all()


def test_plan_without_a_length_is_the_plan():
    plan = plan_of([0, 1, 0])
    assert sample_epoch(plan, way(), None, 1) is plan


@pytest.mark.parametrize(("wanted", "times"), [(4, {0, 1}), (10, {1}), (25, {2, 3})])
def test_rows_come_equally_often_in_an_epoch_of_any_length(wanted, times):
    drawn = sample_epoch(plan_of([0] * 10), way(epoch_images=wanted), None, 1)
    counts = np.bincount(drawn["row"].to_numpy(), minlength=10)
    assert counts.sum() == wanted
    assert set(counts.tolist()) == times


def test_epochs_have_rows_of_their_own():
    plan = plan_of([0] * 100)
    epochs = [sample_epoch(plan, way(epoch_images=10), None, seed)["row"].to_list() for seed in (1, 2, 1)]
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2]


@pytest.mark.parametrize(("wanted", "times"), [(4, {0, 1}), (10, {1}), (25, {2, 3})])
def test_whole_sets_make_an_epoch_of_any_length(wanted, times):
    plan = plan_of([0, 1] * 5).with_columns(pair=pl.Series([0, 0, 2, 2, 4, 4, 6, 7, 8, 9]))
    drawn = sample_epoch(plan, way("pairs", epoch_images=wanted), None, 1)
    counts = np.bincount(drawn["row"].to_numpy(), minlength=10)
    assert counts.sum() == wanted
    assert set(counts.tolist()) == times
    divided = drawn.filter(pl.col("row") < 6).group_by("pair").len().filter(pl.col("len") != 2)
    assert divided.height <= 1  # the last one


@pytest.mark.parametrize("draw", ["plan", "classes", "sources", "pairs"])
@pytest.mark.parametrize("wanted", [24, 70])
def test_feed_gives_as_many_images_as_asked_for(tmp_path, draw, wanted):
    shards = make_shards(tmp_path, 20, 4)
    recipe = RECIPE.model_copy(update={"resample": way(draw, epoch_images=wanted), "batch_size": 8})
    data_module = MemberDataModule(shards, shards, make_plan(shards, recipe.resample, 1), recipe, CLASSES, window=1)
    sizes = [len(labels) for _, labels in data_module.train_dataloader()]
    assert sum(sizes) == wanted
    assert len(sizes) == data_module.steps_per_epoch
