"""Plans against the real library: the same seed must give the same pixels, to the bit."""

import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray

from facesift.config import sampling as config
from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.sampling.plan_columns import PLAN_SCHEMA
from facesift.sampling.plans import count_plan, make_plan, scope_seed
from facesift.sampling.resamplers import interpolate
from facesift.shards.reading import ShardFolder
from tests.made_config import Resample

COUNTS = [(61, 8), (60, 7), (60, 8)]
RATIOS = [(1.0, None), (0.4, 0.5), (0.3, 0.3), (0.2, 1.0), (1.0, 1.0), (None, 0.5), (None, 1.0)]


def whole(shards: ShardFolder, numbers: list[int]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    pixels = np.concatenate([shards.pixels(shard) for shard in numbers])
    return pixels.reshape(len(pixels), -1).astype(np.float32), np.concatenate([shards.labels(s) for s in numbers])


def by_the_library(
    shards: ShardFolder, numbers: list[int], resample: config.Resample, random_state: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8], Any]:
    pixels, labels = whole(shards, numbers)
    kept = None
    if resample.smote:
        sampler = SMOTE(sampling_strategy=resample.smote, k_neighbors=resample.neighbours, random_state=random_state)
        pixels, labels = sampler.fit_resample(pixels, labels)
    if resample.undersample:
        under = RandomUnderSampler(sampling_strategy=resample.undersample, random_state=random_state)
        pixels, labels = under.fit_resample(pixels, labels)
        kept = under.sample_indices_
    return pixels, labels, kept


def by_the_plan(shards: ShardFolder, plan: pl.DataFrame) -> NDArray[np.float32]:
    def read(shard: str, row: str) -> NDArray[np.float32]:
        places = plan.sort("position").select(shard, row).iter_rows()
        return np.stack([shards.pixels(one)[at].ravel() for one, at in places]).astype(np.float32)

    steps = plan.sort("position")["step"].to_numpy()
    return interpolate(read("shard", "row"), read("neighbour_shard", "neighbour"), steps)


@pytest.mark.parametrize("seed", [0, 11, 2**32 - 1])
@pytest.mark.parametrize(("smote", "undersample"), RATIOS)
@pytest.mark.parametrize("scope", ["shard", "split"])
def test_a_plan_blends_into_what_imbalanced_learn_returns(
    make_shards: Any, scope: Any, smote: float | None, undersample: float | None, seed: int
) -> None:
    shards = make_shards(COUNTS)
    resample = Resample(scope=scope, smote=smote, undersample=undersample, neighbours=5)
    plan = make_plan(shards, resample, seed)
    for number, numbers in enumerate([[0, 1, 2]] if scope == "split" else [[0], [1], [2]]):
        part = plan.filter(pl.col("shard").is_in(numbers))
        pixels, labels, _ = by_the_library(shards, numbers, resample, scope_seed(seed, number))
        assert by_the_plan(shards, part).tobytes() == pixels.tobytes()
        assert part.sort("position")["label"].to_list() == labels.tolist()


@pytest.mark.parametrize("neighbours", [1, 3, 7])
def test_the_number_of_neighbours_reaches_smote(make_shards: Any, neighbours: int) -> None:
    shards = make_shards([(40, 8)])
    resample = Resample(scope="shard", smote=1.0, neighbours=neighbours)
    pixels, _, _ = by_the_library(shards, [0], resample, scope_seed(3, 0))
    assert by_the_plan(shards, make_plan(shards, resample, 3)).tobytes() == pixels.tobytes()


def test_reals_are_made_where_they_are_the_minority(make_shards: Any) -> None:
    shards = make_shards([(8, 30)])
    resample = Resample(scope="shard", smote=0.5, undersample=0.9)
    pixels, _, _ = by_the_library(shards, [0], resample, scope_seed(3, 0))
    assert by_the_plan(shards, make_plan(shards, resample, 3)).tobytes() == pixels.tobytes()


@pytest.mark.parametrize(("smote", "undersample"), [(None, 0.5), (0.4, 0.5)])
def test_rows_kept_are_the_librarys_sample_indices(make_shards: Any, smote: float | None, undersample: float) -> None:
    shards = make_shards([(60, 8)])
    resample = Resample(scope="shard", smote=smote, undersample=undersample)
    plan = make_plan(shards, resample, 5).sort("position")
    _, _, kept = by_the_library(shards, [0], resample, scope_seed(5, 0))
    originals = ~plan["synthetic"].to_numpy()
    assert plan["row"].to_numpy()[originals].tolist() == kept[originals].tolist()


def test_equal_shards_do_not_repeat_the_same_draws(make_shards: Any) -> None:
    shards = make_shards([(60, 8), (60, 8)])
    plan = make_plan(shards, Resample(scope="shard", smote=1.0), 1).filter(pl.col("synthetic"))
    first, second = (plan.filter(shard=shard).sort("position")["step"].to_list() for shard in (0, 1))
    assert not set(first) & set(second)


def test_scope_split_pairs_fakes_of_different_shards(make_shards: Any) -> None:
    plan = make_plan(make_shards(COUNTS), Resample(scope="split", smote=1.0), 1)
    assert (plan["shard"] != plan["neighbour_shard"]).any()


def test_scope_shard_pairs_fakes_of_one_shard(make_shards: Any) -> None:
    plan = make_plan(make_shards(COUNTS), Resample(scope="shard", smote=1.0), 1)
    assert (plan["shard"] == plan["neighbour_shard"]).all()


def test_scope_none_has_every_row_once(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, Resample(scope="none"), 1)
    rows = [(shard, row) for shard, size in enumerate(shards.sizes) for row in range(size)]
    assert sorted(plan.select("shard", "row").iter_rows()) == rows


@pytest.mark.parametrize("resample", [Resample(scope="none"), Resample(scope="split", smote=0.5, undersample=0.7)])
def test_originals_are_their_own_neighbours(make_shards: Any, resample: config.Resample) -> None:
    plan = make_plan(make_shards(COUNTS), resample, 1).filter(~pl.col("synthetic"))
    own = (plan["shard"] == plan["neighbour_shard"]) & (plan["row"] == plan["neighbour"]) & (plan["step"] == 0)
    assert own.all()


def test_rows_stand_in_shuffled_order(make_shards: Any) -> None:
    plan = make_plan(make_shards([(60, 8)]), Resample(scope="none"), 1)
    assert plan["row"].to_list() != sorted(plan["row"])


def test_another_seed_gives_another_order(make_shards: Any) -> None:
    shards = make_shards([(60, 8)])
    assert not make_plan(shards, Resample(scope="none"), 1).equals(make_plan(shards, Resample(scope="none"), 2))


def test_a_plan_has_the_documented_columns(make_shards: Any) -> None:
    plan = make_plan(make_shards(COUNTS), Resample(scope="shard", smote=0.5), 1)
    assert dict(plan.schema) == PLAN_SCHEMA


def test_a_plan_written_twice_has_the_same_bytes(make_shards: Any, tmp_path: Any) -> None:
    shards = make_shards(COUNTS)
    for name in ("a", "b"):
        write_parquet(tmp_path / name, make_plan(shards, Resample(scope="shard", smote=0.5, undersample=0.6), 1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_counts_are_those_of_the_ratios(make_shards: Any) -> None:
    plan = make_plan(make_shards([(100, 10), (100, 10)]), Resample(scope="shard", smote=0.4, undersample=0.5), 1)
    assert count_plan(plan) == {
        "real": {"original": 160, "synthetic": 0, "bases": 160},
        "fake": {"original": 20, "synthetic": 60, "bases": 20},
        "total": 240,
    }  # fmt: skip


def test_too_few_fakes_for_the_neighbours_says_what_to_set(make_shards: Any) -> None:
    shards = make_shards([(60, 8), (60, 5)])
    with pytest.raises(FacesiftError) as caught:
        make_plan(shards, Resample(scope="shard", smote=1.0, neighbours=5), 1, "convnext1")
    for words in ("00001.h5", "5 fake", "members.convnext1.resample.neighbours to at most 4", "scope: split"):
        assert words in str(caught.value)


def test_a_single_fake_is_not_told_to_use_0_neighbours(make_shards: Any) -> None:
    with pytest.raises(FacesiftError, match=r"set members.a.resample.scope: split, or a larger shard.images") as caught:
        make_plan(make_shards([(60, 1)]), Resample(scope="shard", smote=1.0), 1, "a")
    assert "at most 0" not in str(caught.value)


def test_a_scope_without_fakes_is_named(make_shards: Any) -> None:
    with pytest.raises(FacesiftError, match=r"00001.h5 has 60 real and 0 fake"):
        make_plan(make_shards([(60, 8), (60, 0)]), Resample(scope="shard", undersample=0.5), 1, "a")


@pytest.mark.parametrize(("method", "ratio"), [("smote", 0.3), ("undersample", 0.3)])
def test_a_ratio_already_exceeded_names_key_and_present_ratio(make_shards: Any, method: str, ratio: float) -> None:
    resample = Resample(**{"scope": "split", method: ratio})
    with pytest.raises(FacesiftError, match=rf"members.a.resample.{method}: 0.3 .* at 0.4 already"):
        make_plan(make_shards([(20, 8)]), resample, 1, "a")


@pytest.mark.parametrize(
    ("real", "fake", "method", "asked", "said"),
    [
        (100, 28, "smote", 0.29, 0.2901),  # 100 * 0.29 is less than 29 in floating point
        (20, 8, "smote", 0.3, 0.45),
        (30, 10, "undersample", 0.3, 0.3334),
    ],
)
def test_the_ratio_that_the_message_names_works(  # noqa: PLR0917
    make_shards: Any, real: int, fake: int, method: str, asked: float, said: float
) -> None:
    shards = make_shards([(real, fake)])
    with pytest.raises(FacesiftError, match=rf"set it to {said:g} or more, or to null"):
        make_plan(shards, Resample(**{"scope": "split", method: asked}), 1, "a")
    assert make_plan(shards, Resample(**{"scope": "split", method: said}), 1, "a") is not None


def test_memory_does_not_grow_with_the_reals(make_shards: Any) -> None:
    import imblearn.over_sampling  # noqa: F401  # its import would be counted

    def peak(reals: int) -> int:
        shards = make_shards([(reals, 20)], size=48, folder=str(reals))
        make_plan(shards, Resample(scope="shard", smote=0.9), 1)
        tracemalloc.start()
        make_plan(shards, Resample(scope="shard", smote=0.9), 1)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    as_pixels = 1000 * 48 * 48 * 3  # uint8; float32 would be four times as much
    assert peak(1100) - peak(100) < as_pixels / 10
