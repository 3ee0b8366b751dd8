import pickle
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from facesift.config.members import Resample
from facesift.core.errors import FacesiftError
from facesift.sampling.batches import plan_batches, shard_batches
from facesift.sampling.plans import make_plan
from facesift.sampling.resamplers import interpolate

COUNTS = [(31, 7), (30, 8), (33, 7), (20, 7), (29, 7)]
BOTH = Resample(scope="shard", smote=0.5, undersample=0.6)


def epoch(shards: Any, plan: pl.DataFrame, batch: int = 8, window: int = 2, seed: int = 0) -> list[Any]:
    return list(plan_batches(shards, plan, batch, window, seed))


def as_bag(pixels: NDArray[np.float32], labels: Any) -> Counter[tuple[bytes, int]]:
    return Counter((image.tobytes(), int(label)) for image, label in zip(pixels, labels, strict=True))


def expected(shards: Any, plan: pl.DataFrame) -> Counter[tuple[bytes, int]]:
    pixels = []
    for row in plan.iter_rows(named=True):
        base, other = (
            shards.pixels(row[shard])[row[at]].astype(np.float32)
            for shard, at in (("shard", "row"), ("neighbour_shard", "neighbour"))
        )
        pixels.append(interpolate(base[None], other[None], np.array([row["step"]]))[0])
    return as_bag(np.stack(pixels), plan["label"])


@pytest.mark.parametrize("window", [1, 2, 5, 100])
@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize("scope", ["shard", "split"])
def test_an_epoch_has_every_plan_row_exactly_once(make_shards: Any, scope: Any, batch: int, window: int) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, Resample(scope=scope, smote=0.5, undersample=0.6), 1)
    got = sum((as_bag(*one) for one in epoch(shards, plan, batch, window)), Counter())
    assert got == expected(shards, plan)


@pytest.mark.parametrize("window", [1, 2, 100])
def test_only_the_last_batch_is_short(make_shards: Any, window: int) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, BOTH, 1)
    sizes = [len(labels) for _, labels in epoch(shards, plan, 8, window)]
    assert sizes[:-1] == [8] * (len(plan) // 8)


def test_batches_have_the_documented_types(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    pixels, labels = epoch(shards, make_plan(shards, BOTH, 1))[0]
    assert (pixels.dtype, pixels.shape, labels.dtype, labels.shape) == (np.float32, (8, 8, 8, 3), np.int64, (8,))


def test_the_same_seed_gives_the_same_batches(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, BOTH, 1)
    first, second = (np.concatenate([pixels for pixels, _ in epoch(shards, plan, seed=4)]) for _ in range(2))
    assert np.array_equal(first, second)


def test_another_seed_gives_another_order(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, BOTH, 1)
    first, second = (np.concatenate([pixels for pixels, _ in epoch(shards, plan, seed=seed)]) for seed in (4, 5))
    assert not np.array_equal(first, second)


def test_a_window_mixes_its_shards(make_shards: Any) -> None:
    shards = make_shards([(50, 7), (50, 7)])
    home = {shards.pixels(s)[r].astype(np.float32).tobytes(): s for s in (0, 1) for r in range(57)}
    pixels, _ = epoch(shards, make_plan(shards, Resample(scope="none"), 1), batch=30, window=2)[0]
    assert {home[image.tobytes()] for image in pixels} == {0, 1}


def test_few_files_are_mapped_at_once(make_shards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = make_shards([(12, 7)] * 12)
    plan, opened = make_plan(shards, Resample(scope="none"), 1), []
    original = type(shards).pixels
    monkeypatch.setattr(type(shards), "pixels", lambda self, shard: opened.append(shard) or original(self, shard))
    batches = plan_batches(shards, plan, 19, 3, 0)
    for _ in range(3):  # three batches of 19 are exactly the first window's rows
        next(batches)
    assert len(set(opened)) == 3


def test_a_reader_sent_to_another_process_carries_no_pixels(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    epoch(shards, make_plan(shards, BOTH, 1))
    assert len(pickle.dumps(shards)) < 500


@pytest.mark.parametrize(("column", "value"), [("shard", 9), ("row", 38), ("neighbour", -1), ("neighbour_shard", 5)])
def test_a_plan_for_other_shards_is_refused(make_shards: Any, column: str, value: int) -> None:
    shards = make_shards(COUNTS)
    plan = make_plan(shards, Resample(scope="none"), 1).with_columns(pl.lit(value, pl.Int32).alias(column))
    with pytest.raises(FacesiftError, match=rf"{value}.*made for other shards"):
        epoch(shards, plan)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_shard_batches_have_all_rows_in_file_order(make_shards: Any, batch: int) -> None:
    shards = make_shards(COUNTS)
    ids = [image_id for part, _, _ in shard_batches(shards, batch) for image_id in part]
    assert ids == [image_id for shard in range(5) for image_id in shards.image_ids(shard)]


def test_shard_batches_keep_pixels_and_labels_with_their_id(make_shards: Any) -> None:
    shards = make_shards(COUNTS)
    ids, pixels, labels = list(shard_batches(shards, 10))[5]  # the second of shard 1: shard 0 gave four
    assert ids == shards.image_ids(1)[10:20]
    assert np.array_equal(pixels, shards.pixels(1)[10:20])
    assert np.array_equal(labels, shards.labels(1)[10:20])
