import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesift.datasets import near_duplicates
from facesift.datasets.manifest import contradicting_labels, drop_exact_copies
from facesift.datasets.near_duplicates import HASH_BITS, hash_words, near_duplicate_groups, perceptual_hash, plan_tables


def face(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((90, 90), Image.Resampling.BICUBIC)


def apart(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def hexed(bits: np.ndarray) -> pl.Series:
    return pl.Series([row.tobytes().hex() for row in np.packbits(bits, axis=1)])


def linked_by_hand(bits: np.ndarray, limit: int) -> list[int]:
    """Grow groups image by image, comparing all pairs."""
    group = list(range(len(bits)))
    for a in range(len(bits)):
        for b in range(a):
            if (bits[a] != bits[b]).sum() <= limit and group[a] != group[b]:
                old, new = group[a], group[b]
                group = [new if number == old else number for number in group]
    names = {}
    return [names.setdefault(number, len(names)) for number in group]


def random_bits(seed: int, images: int, flips: float) -> np.ndarray:
    """Bits of some hashes, several of them noisy copies of one another."""
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 2, (max(1, images // 3), 64), dtype=np.uint8)
    return bases[rng.integers(len(bases), size=images)] ^ (rng.random((images, 64)) < flips)


def test_a_hash_has_64_hexadecimal_digits():
    assert len(bytes.fromhex(perceptual_hash(face(0)))) * 8 == HASH_BITS


def test_an_edited_and_re_encoded_copy_is_near():
    edited = face(0).resize((64, 64))
    edited.paste(face(1).resize((14, 8)), (18, 40))
    assert apart(perceptual_hash(face(0)), perceptual_hash(edited)) <= 32


def test_another_image_is_far():
    assert apart(perceptual_hash(face(0)), perceptual_hash(face(1))) > 80


def test_words_hold_the_digits_in_order():
    words = hash_words(pl.Series(["0123456789abcdef" + "fedcba9876543210"]))
    assert words.tolist() == [[0x0123456789ABCDEF, 0xFEDCBA9876543210]]


@given(st.integers(0, 1000), st.integers(1, 40), st.sampled_from([0.0, 0.03, 0.1]), st.integers(0, 12))
def test_groups_are_the_connected_components(seed: int, images: int, flips: float, limit: int):
    bits = random_bits(seed, images, flips)
    assert near_duplicate_groups(hexed(bits), limit).tolist() == linked_by_hand(bits, limit)


def test_hashes_in_a_chain_are_one_group():
    steps = ["0000000000000000", "0000000000000003", "000000000000000f", "000000000000003f"]
    assert near_duplicate_groups(pl.Series(steps), 2).tolist() == [0, 0, 0, 0]


def test_groups_are_numbered_as_they_appear():
    hashes = ["ffffffffffffffff", "0000000000000000", "ffffffffffffffff", "00000000ffffffff"]
    assert near_duplicate_groups(pl.Series(hashes), 4).tolist() == [0, 1, 0, 2]


def test_no_images_make_no_groups():
    assert near_duplicate_groups(pl.Series([], dtype=pl.String), 4).tolist() == []


@pytest.mark.parametrize("images", [30_000, 10_000_000])
def test_many_images_are_searched_in_buckets(images: int):
    width, tables = plan_tables(images, 256, 48)
    assert images / 2**width < 300 and tables < 1000  # noqa: PT018 - one plan


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search in buckets, in small slabs, with few links kept, even for few images."""
    monkeypatch.setattr(near_duplicates, "ALL_PAIRS", 0)
    monkeypatch.setattr(near_duplicates, "SLAB", 97)
    monkeypatch.setattr(near_duplicates, "PENDING", 50)


@pytest.mark.usefixtures("buckets")
def test_buckets_find_nearly_all_pairs_at_the_limit():
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 2, (3000, 256), dtype=np.uint8)
    copies = originals[:1000].copy()
    for row in copies:
        row[rng.choice(256, 48, replace=False)] ^= 1
    groups = near_duplicate_groups(hexed(np.concatenate([originals, copies])), 48)
    assert (groups[:1000] == groups[3000:]).mean() > 0.97


@pytest.mark.usefixtures("buckets")
def test_buckets_link_nothing_beyond_the_limit():
    bits = np.random.default_rng(1).integers(0, 2, (2000, 256), dtype=np.uint8)
    assert len(set(near_duplicate_groups(hexed(bits), 48))) == 2000


@pytest.mark.usefixtures("buckets")
def test_a_crowd_of_near_duplicates_is_one_group():
    rng = np.random.default_rng(2)
    crowd = (rng.random((1500, 256)) < 0.04).astype(np.uint8)
    assert set(near_duplicate_groups(hexed(crowd), 48)) == {0}


def test_all_hashes_alike_are_one_group_at_once():
    assert set(near_duplicate_groups(pl.Series(["ab" * 32] * 200_000), 48)) == {0}


def rows(*entries: tuple) -> pl.DataFrame:
    columns = ["image_id", "label", "fold", "source", "container", "path"]
    return pl.DataFrame(entries, dict.fromkeys(columns, pl.String), orient="row")


@pytest.mark.parametrize(
    ("folds", "kept"),
    [(("train", "val", "test"), "test"), (("train", "val"), "val"), ((None, "train"), "train")],
)
def test_of_copies_the_one_in_the_later_fold_is_kept(folds: tuple, kept: str):
    copies = rows(*(("1", "real", fold, "s", ".", f"{number}") for number, fold in enumerate(folds)))
    assert drop_exact_copies(copies)["fold"].to_list() == [kept]


@pytest.mark.parametrize("first", [("a", "z", "z"), ("b", "a", "z"), ("b", "b", "a")])
def test_of_copies_in_one_fold_the_first_source_container_and_path_is_kept(first: tuple):
    copies = rows(("1", "real", None, "b", "b", "b"), ("1", "real", None, *first), ("2", "real", None, "a", "a", "a"))
    assert drop_exact_copies(copies)["source", "container", "path"].rows()[0] == first


def test_which_copy_is_kept_does_not_depend_on_their_order():
    copies = rows(*(("1", "real", None, "s", c, p) for c in "ab" for p in "xy"))
    assert drop_exact_copies(copies).equals(drop_exact_copies(copies.reverse()))


def test_bytes_under_both_labels_name_each_other():
    both = rows(("1", "real", None, "s", ".", "r"), ("1", "fake", None, "s", "z.zip", "f"), ("2", "fake", None, *"sss"))
    assert contradicting_labels(both).sort("path").select("path", "other").rows() == [
        ("f", "real at .:r"),
        ("r", "fake at z.zip:f"),
    ]


def test_copies_under_one_label_contradict_nothing():
    assert contradicting_labels(rows(("1", "real", None, *"sab"), ("1", "real", None, *"sac"))).is_empty()


def test_a_copy_without_a_label_contradicts_nothing_and_gives_way():
    copies = rows(("1", None, "test", *"saa"), ("1", "real", None, *"sab"))
    assert contradicting_labels(copies).is_empty()
    assert drop_exact_copies(copies)["label"].to_list() == ["real"]


def test_a_copy_without_a_label_of_contradicting_ones_goes_with_them():
    torn = contradicting_labels(
        rows(("1", "real", None, *"saa"), ("1", "fake", None, *"sab"), ("1", None, None, *"sac"))
    )
    assert len(torn) == 3
    assert torn["other"].null_count() == 0


def test_each_of_three_contradicting_copies_names_another_one():
    torn = contradicting_labels(rows(("1", "a", None, *"sab"), ("1", "b", None, *"sac"), ("1", "c", None, *"sad")))
    assert len(torn) == 3
    assert all(other.split(" ")[0] != label for label, other in torn.select("label", "other").rows())
