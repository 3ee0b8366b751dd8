import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.audit.leakage import find_leakage
from facesift.datasets.near_duplicates import LinkRule
from facesift.datasets.splitting import split_images
from facesift.images.likeness import SIDE
from tests.made import default_params
from tests.made_config import Split

BITS = 48
RULE = LinkRule(BITS, 0.6)


def flipped(base: np.ndarray, bits: int, seed: int = 0) -> np.ndarray:
    copy = base.copy()
    copy[np.random.default_rng(seed).permutation(256)[:bits]] ^= 1
    return copy


def hexed(bits: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


def table(bits: list[np.ndarray], splits: list[str], labels: list[str] | None = None) -> pl.DataFrame:
    """Lay out images of these hashes; every image is its own group."""
    return pl.DataFrame(
        {
            "image_id": [f"{number:03d}" for number in range(len(bits))],
            "label": labels or ["real"] * len(bits),
            "phash": hexed(np.array(bits)),
            "thumbnail": pl.Series([None] * len(bits), dtype=pl.Binary),
            "group": range(len(bits)),
            "split": splits,
        }
    )


def random_hashes(images: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 2, (images, 256), dtype=np.uint8))


def test_a_pair_on_both_sides_is_found():
    first, *others = random_hashes(10)
    found = find_leakage(table([first, flipped(first, 40), *others], ["train", "test"] + ["train"] * 9), RULE)
    assert (found.near.across_splits, found.clean) == (1, False)


def test_the_pair_is_named_with_its_distance():
    first = random_hashes(1)[0]
    found = find_leakage(table([first, flipped(first, 40)], ["train", "test"]), RULE)
    assert [[*sorted(pair[:2]), pair[2]] for pair in found.near.examples] == [["000", "001", 40]]


def test_pairs_are_counted_by_where_they_lie():
    first = random_hashes(1)[0]
    copies = [flipped(first, 5, seed) for seed in range(4)]
    found = find_leakage(table(copies, ["train", "val", "val", "test"]), RULE)
    assert found.near.between == {"train-val": 2, "train-test": 1, "val-test": 2}


def test_a_pair_on_one_side_is_no_leak():
    first = random_hashes(1)[0]
    found = find_leakage(table([first, flipped(first, 40)], ["test", "test"]), RULE)
    assert found.clean


@pytest.mark.parametrize(("apart", "near"), [(BITS, 1), (BITS + 1, 0)])
def test_the_limit_is_that_of_the_split(apart: int, near: int):
    first = random_hashes(1)[0]
    assert find_leakage(table([first, flipped(first, apart)], ["train", "val"]), RULE).near.across_splits == near


def test_the_looser_look_counts_more_and_faults_nothing():
    first = random_hashes(1)[0]
    found = find_leakage(table([first, flipped(first, 60)], ["train", "val"]), RULE)
    assert (found.report()["looser"]["more_across_splits"], found.clean) == (1, True)


@pytest.mark.parametrize(("bits", "looser"), [(0, 0), (3, 5), (40, 60), (48, 64), (64, 64)])
def test_the_looser_limit_is_half_as_much_again_within_reason(bits: int, looser: int):
    assert find_leakage(table(random_hashes(3), ["train"] * 3), LinkRule(bits, 0.6)).looser.bits == looser


def test_equal_hashes_count_as_pairs_of_images():
    first = random_hashes(1)[0]
    found = find_leakage(table([first] * 5, ["train", "train", "train", "test", "test"]), RULE)
    assert found.near.across_splits == 6


def test_pairs_of_two_classes_are_counted():
    first = random_hashes(1)[0]
    found = find_leakage(table([first, flipped(first, 9)], ["train", "train"], ["real", "fake"]), RULE)
    assert (found.near.across_classes, found.clean) == (1, True)


def test_a_file_in_two_splits_is_found():
    images = table(random_hashes(4), ["train"] * 4)
    found = find_leakage(pl.concat([images, images[:1].with_columns(split=pl.lit("test"))]), RULE)
    assert (found.copies_across_splits, found.near.across_splits, found.clean) == (1, 1, False)


def test_a_group_in_two_splits_is_found():
    images = table(random_hashes(2), ["train", "test"]).with_columns(group=pl.lit(0))
    assert (find_leakage(images, RULE).groups_across_splits, find_leakage(images, RULE).clean) == (1, False)


def test_images_kept_together_are_counted():
    images = table(random_hashes(5), ["train"] * 5).with_columns(group=pl.Series([0, 0, 0, 1, 2]))
    assert find_leakage(images, RULE).report()["kept_together"] == {"groups": 1, "images": 3}


def divided(images: int, seed: int) -> pl.DataFrame:
    """Some images and near-duplicates of them, divided by the real split."""
    rng = np.random.default_rng(seed)
    bases = random_hashes(images, seed)
    bits = bases + [flipped(bases[number], int(rng.integers(0, BITS + 1)), number) for number in range(images // 3)]
    labels = ["fake" if number % 4 == 0 else "real" for number in range(len(bits))]
    manifest = table(bits, ["-"] * len(bits), labels).with_columns(source=pl.lit("x"), fold=pl.lit(None, pl.String))
    manifest = manifest.with_columns(known_group=pl.lit(None, pl.String))
    split = Split(**default_params().split.model_dump() | {"near_duplicate_bits": BITS})
    division = split_images(manifest.drop("group", "split"), split, seed)
    return division.table.join(manifest.select("image_id", "phash", "thumbnail"), on="image_id")


@given(st.integers(0, 20))
def test_the_real_split_is_clean(seed: int):
    assert find_leakage(divided(120, seed), RULE).clean


def test_an_image_moved_to_another_split_is_found():
    images = divided(120, 0)
    pair = images.filter(pl.col("group").is_duplicated())[0]
    moved = pl.when(image_id=pair["image_id"][0]).then(pl.lit("test" if pair["split"][0] != "test" else "val"))
    assert find_leakage(images.with_columns(split=moved.otherwise("split")), RULE).near.across_splits == 1


def test_no_group_column_is_needed_to_be_right():
    images = divided(120, 0)
    pair = images.filter(pl.col("group").is_duplicated())[0]
    moved = pl.when(image_id=pair["image_id"][0]).then(pl.lit("test" if pair["split"][0] != "test" else "val"))
    hidden = images.with_columns(split=moved.otherwise("split")).with_columns(group=pl.int_range(pl.len()))
    assert (find_leakage(hidden, RULE).groups_across_splits, find_leakage(hidden, RULE).clean) == (0, False)


def test_close_hashes_with_thumbnails_that_disagree_are_no_pair():
    first = random_hashes(1)[0]
    rng = np.random.default_rng(0)
    thumbnails = pl.Series([rng.integers(0, 256, SIDE * SIDE, dtype=np.uint8).tobytes() for _ in range(2)])
    images = table([first, flipped(first, 40)], ["train", "test"]).with_columns(thumbnail=thumbnails)
    assert find_leakage(images, RULE).clean
    assert not find_leakage(images, LinkRule(BITS, 0)).clean


def test_a_pair_that_the_groups_diameter_parted_is_counted_apart_and_is_no_fault():
    first = random_hashes(1)[0]
    steps = [first.copy() for _ in range(4)]
    for number, step in enumerate(steps):
        step[: 40 * number] ^= 1
    images = table(steps, ["train", "train", "train", "test"]).with_columns(group=pl.Series([0, 0, 0, 1]))
    found = find_leakage(images, RULE)
    assert (found.clean, found.near.across_splits, found.parted) == (True, 0, 1)
