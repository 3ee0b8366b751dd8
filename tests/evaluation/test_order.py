"""No order - of shards, of rows in them, of a loader's batches - changes a figure: all is joined on image_id."""

import numpy as np
import polars as pl
import pytest

from facesift.audit.cross_data_set import predict_shards, truth_of
from facesift.committee.stacking import Stacker
from facesift.core.classes import Classes
from facesift.networks import scoring
from facesift.networks.scoring import ShardScorer
from facesift.sampling.batches import shard_batches
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard
from tests.made import make_shards

CLASSES = Classes(("real", "fake"), "fake")
STACKER = Stacker(np.array([[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]]), np.array([0.1, 0.0]))


def bright(pixels):
    patch = pixels[:, 8:24, 8:24].mean(axis=(1, 2, 3)) - pixels.mean(axis=(1, 2, 3))
    return np.stack([45 - patch, patch], axis=1)


def corner(pixels):
    return pixels[:, 0, 0, :2]


def shard_scorer(shards, batch_size):
    return ShardScorer(
        {"bright": bright, "corner": corner}, {"bright": batch_size, "corner": batch_size}, shards, CLASSES
    )


def figures(shards, batch_size=8):
    ids = [one for shard in range(len(shards.sizes)) for one in shards.image_ids(shard)]
    truth = truth_of(shards, pl.DataFrame({"image_id": ids, "group": [int(one, 16) % 1000 for one in ids]}))
    found = predict_shards(shard_scorer(shards, batch_size), truth, STACKER)
    return (
        found.report_rules(),
        found.report_voters(),
        found.report_classes(),
        found.report_within(),
    )


def rewritten(shards, folder, cuts, seed):
    """The same images in other shards, cut after `cuts` of all rows, in an order drawn from the seed."""
    parts = range(len(shards.sizes))
    pixels = np.concatenate([shards.pixels(shard) for shard in parts])
    rows = pl.DataFrame(
        {
            "image_id": [one for shard in parts for one in shards.image_ids(shard)],
            "source": [one for shard in parts for one in shards.sources(shard)],
            "label": [CLASSES.names[one] for shard in parts for one in shards.labels(shard)],
        }
    )
    folder.mkdir()
    order = np.random.default_rng(seed).permutation(len(rows))
    entries = [
        write_shard(folder / f"{number:05d}.h5", rows[part], iter(pixels[part]), 4)
        for number, part in enumerate(np.split(order, cuts))
    ]
    write_index(folder, shards.image_size, entries)
    return ShardFolder(folder)


@pytest.mark.parametrize("cuts", [[30, 60], [7, 50], [89]])
def test_images_in_other_shards_and_order_give_the_same_metrics(tmp_path, cuts):
    shards = make_shards(tmp_path / "made", 45, 11)
    assert figures(rewritten(shards, tmp_path / "other", cuts, seed=sum(cuts))) == figures(shards)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batch_size_of_the_loader_gives_the_same_metrics(tmp_path, batch_size):
    shards = make_shards(tmp_path, 45, 11)
    assert figures(shards, batch_size) == figures(shards)


def test_loader_that_shuffles_gives_the_same_metrics(tmp_path, monkeypatch):
    shards = make_shards(tmp_path, 45, 11)
    expected, seeds = figures(shards), iter(range(2))  # of two shards, each read once for all members

    def shuffled(folder, batch_size, only):
        rng = np.random.default_rng(next(seeds))
        batches = list(shard_batches(folder, batch_size, only))
        for number in rng.permutation(len(batches)):
            ids, pixels, labels = batches[number]
            order = rng.permutation(len(ids))
            yield [ids[row] for row in order], pixels[order], labels[order]

    monkeypatch.setattr(scoring, "shard_batches", shuffled)
    assert figures(shards) == expected
    assert next(seeds, None) is None


def test_figures_depend_on_which_score_is_whose(tmp_path, monkeypatch):
    """What the tests above rest on: scores that change their images change the figures."""
    shards = make_shards(tmp_path, 45, 11)
    expected = figures(shards)

    def mismatched(folder, batch_size, only):
        for ids, pixels, labels in shard_batches(folder, batch_size, only):
            yield ids, np.roll(pixels, 1, axis=0), labels

    monkeypatch.setattr(scoring, "shard_batches", mismatched)
    assert figures(shards) != expected
