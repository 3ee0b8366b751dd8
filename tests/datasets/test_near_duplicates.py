import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facesift.datasets import hash_search
from facesift.datasets.hash_search import close_pairs, hash_words
from facesift.datasets.manifest import contradicting_labels, drop_exact_copies
from facesift.datasets.near_duplicates import LinkRule, near_duplicate_groups
from facesift.images.likeness import HASH_BITS, perceptual_hash


def face(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((90, 90), Image.Resampling.BICUBIC)


def apart(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def hexed(bits: np.ndarray) -> pl.Series:
    return pl.Series([row.tobytes().hex() for row in np.packbits(bits, axis=1)])


def looks(hashes: pl.Series, thumbnails: list[bytes | None] | None = None) -> pl.DataFrame:
    """Columns of a manifest; without thumbnails, the hashes alone decide."""
    blank = pl.Series([None] * len(hashes) if thumbnails is None else thumbnails, dtype=pl.Binary)
    return pl.DataFrame({"phash": hashes, "thumbnail": blank})


def grouped(hashes: pl.Series, limit: int) -> np.ndarray:
    return near_duplicate_groups(looks(hashes), LinkRule(limit, 0.6)).groups


def linked_by_hand(bits: np.ndarray, limit: int) -> list[int]:
    """Grow groups pair by pair, the closest first, as long as none is wider than twice the limit."""
    apart = (bits[:, None] != bits[None]).sum(axis=2)
    group = list(range(len(bits)))
    texts = hexed(bits).to_list()
    pairs = sorted((apart[a, b], *sorted((texts[a], texts[b])), a, b) for a in range(len(bits)) for b in range(a))
    for distance, _, _, a, b in pairs:
        joined = [row for row, number in enumerate(group) if number in (group[a], group[b])]
        if distance <= limit and apart[np.ix_(joined, joined)].max() <= 2 * limit:
            group = [group[a] if row in joined else number for row, number in enumerate(group)]
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
def test_groups_grow_from_the_closest_pair_up_to_twice_the_limit(seed: int, images: int, flips: float, limit: int):
    bits = random_bits(seed, images, flips)
    assert grouped(hexed(bits), limit).tolist() == linked_by_hand(bits, limit)


@given(st.integers(0, 1000), st.integers(2, 40), st.sampled_from([0.03, 0.1]), st.integers(1, 12))
def test_the_order_of_the_images_changes_no_group(seed: int, images: int, flips: float, limit: int):
    hashes = hexed(random_bits(seed, images, flips))
    order = np.random.default_rng(seed).permutation(images)
    together, shuffled = grouped(hashes, limit), grouped(hashes[order], limit)
    assert ((together[order][:, None] == together[order]) == (shuffled[:, None] == shuffled)).all()


STEPS = pl.Series(["0000000000000000", "0000000000000003", "000000000000000f", "000000000000003f"])


def test_a_photo_and_the_copies_around_it_are_one_group():
    assert grouped(STEPS[:3], 2).tolist() == [0, 0, 0]


def test_a_chain_does_not_grow_beyond_twice_the_limit():
    found = near_duplicate_groups(looks(STEPS), LinkRule(2, 0.6))
    assert (found.largest, found.largest_bits, found.refused_by_diameter) == (3, 4, 1)
    assert found.groups.tolist() == [0, 0, 0, 1]


def test_groups_are_numbered_as_they_appear():
    hashes = ["ffffffffffffffff", "0000000000000000", "ffffffffffffffff", "00000000ffffffff"]
    assert grouped(pl.Series(hashes), 4).tolist() == [0, 1, 0, 2]


def test_no_images_make_no_groups():
    assert grouped(pl.Series([], dtype=pl.String), 4).tolist() == []


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search few hashes at a time, even of few images."""
    monkeypatch.setattr(hash_search, "BLOCK", 97)


@pytest.mark.usefixtures("small_blocks")
@given(st.integers(0, 1000), st.integers(0, 300), st.sampled_from([0.0, 0.03, 0.1]), st.integers(0, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_search_finds_the_pairs_that_comparing_all_finds(seed: int, images: int, flips: float, limit: int):
    bits = random_bits(seed, images, flips)
    apart = (bits[:, None] != bits[None]).sum(axis=2)
    left, right = np.nonzero(np.triu(apart <= limit, 1))
    found = close_pairs(np.packbits(bits, axis=1).view(np.uint64), limit)
    assert [each.tolist() for each in found] == [left.tolist(), right.tolist(), apart[left, right].tolist()]


@pytest.mark.usefixtures("small_blocks")
def test_all_pairs_at_the_limit_are_found():
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 2, (3000, 256), dtype=np.uint8)
    copies = originals[:1000].copy()
    for row in copies:
        row[rng.choice(256, 48, replace=False)] ^= 1
    groups = grouped(hexed(np.concatenate([originals, copies])), 48)
    assert (groups[:1000] == groups[3000:]).all()


@pytest.mark.usefixtures("small_blocks")
def test_nothing_beyond_the_limit_is_linked():
    bits = np.random.default_rng(1).integers(0, 2, (2000, 256), dtype=np.uint8)
    assert len(set(grouped(hexed(bits), 48))) == 2000


@pytest.mark.usefixtures("small_blocks")
def test_a_crowd_of_near_duplicates_is_one_group():
    rng = np.random.default_rng(2)
    crowd = (rng.random((1500, 256)) < 0.04).astype(np.uint8)  # 48 bits apart at most
    assert set(grouped(hexed(crowd), 48)) == {0}


def test_all_hashes_alike_are_one_group_at_once():
    assert set(grouped(pl.Series(["ab" * 32] * 200_000), 48)) == {0}


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
