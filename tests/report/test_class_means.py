"""Mean and deviation images in one pass, against numpy's in the memory of all images."""

import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facesift.report import class_means
from facesift.report.class_means import ClassStatistics, class_statistics
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard

CLASSES = ("real", "fake", "odd")


def write(folder, sizes, size=8, seed=0):
    """Shards of noise; three classes, of which the last has no image in the first shard."""
    rng, entries, pixels, labels = np.random.default_rng(seed), [], [], []
    for shard, images in enumerate(sizes):
        pixels.append(rng.integers(0, 256, (images, size, size, 3), np.uint8))
        labels.append(rng.integers(0, 2 if shard == 0 else 3, images))
        rows = pl.DataFrame(
            {
                "image_id": [f"{shard:016x}{row:016x}" for row in range(images)],
                "source": "made",
                "label": [CLASSES[number] for number in labels[-1]],
            }
        )
        folder.mkdir(exist_ok=True)
        entries.append(write_shard(folder / f"{shard:05d}.h5", rows, iter(pixels[-1]), 4, CLASSES))
    write_index(folder, size, entries, CLASSES)
    return ShardFolder(folder), np.concatenate(pixels), np.concatenate(labels)


@pytest.mark.parametrize("block", [1, 8 * 8 * 3 * 7, 1 << 22])
def test_mean_and_deviation_of_each_class_are_numpys(tmp_path, monkeypatch, block):
    monkeypatch.setattr(class_means, "BLOCK", block)  # one image, seven, a whole shard at a time
    shards, pixels, labels = write(tmp_path / "train", [20, 33, 5])
    for number, found in enumerate(class_statistics(shards)):
        mine = pixels[labels == number].astype(np.float64)
        assert found.images == len(mine)
        np.testing.assert_allclose(found.mean, mine.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.deviation, mine.std(axis=0), rtol=1e-12)


def test_class_without_an_image_has_statistics_of_none(tmp_path):
    shards, _, _ = write(tmp_path / "train", [12])
    odd = class_statistics(shards)[2]
    assert odd.images == 0
    assert not odd.deviation.any()


numbers = arrays(np.float64, st.tuples(st.integers(0, 6), st.just(2)), elements=st.floats(-1e3, 1e3))


@given(st.lists(numbers, min_size=1, max_size=5))
def test_statistics_do_not_depend_on_how_images_are_cut(parts):
    merged = sum(map(ClassStatistics.of, parts[1:]), ClassStatistics.of(parts[0]))
    whole = ClassStatistics.of(np.concatenate(parts))
    assert merged.images == whole.images
    np.testing.assert_allclose(merged.mean, whole.mean, atol=1e-9)
    np.testing.assert_allclose(merged.squares, whole.squares, rtol=1e-9, atol=1e-6)


def test_deviation_survives_a_large_mean():
    values = np.array([[1e9], [1e9 + 1], [1e9 + 2]])
    found = ClassStatistics.of(values[:1]) + ClassStatistics.of(values[1:])
    np.testing.assert_allclose(found.deviation, values.std(axis=0), rtol=1e-9)


def test_memory_does_not_grow_with_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(class_means, "BLOCK", 32 * 32 * 3 * 8)
    peaks = []
    for images in (40, 400):
        shards, _, _ = write(tmp_path / str(images), [images] * 2, size=32)
        class_statistics(shards)  # imports and opens
        tracemalloc.start()
        class_statistics(shards)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
