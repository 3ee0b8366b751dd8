import hashlib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.config.data import Fractions
from facesift.core.errors import FacesiftError
from facesift.datasets.splitting import split_images, summarise_split
from tests.made_config import Split


def rules(train: float = 0.8, val: float = 0.1, *, predefined: bool = False, bits: int = 8) -> Split:
    fractions = Fractions(train=train, val=val, test=round(1 - train - val, 6))
    return Split(fractions=fractions, near_duplicate_bits=bits, predefined=predefined)


def digest(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def image(
    name: object, source: str = "s", label: str = "real", fold: str | None = None, *, looks: object = None
) -> tuple:
    """One row of a manifest; images that look alike have the same `looks`."""
    return digest(name)[:32], source, label, digest(name if looks is None else looks), fold


def manifest(*images: tuple) -> pl.DataFrame:
    columns = ["image_id", "source", "label", "phash", "fold"]
    rows = pl.DataFrame(list(images), dict.fromkeys(columns, pl.String), orient="row").sort("image_id")
    return rows.with_columns(thumbnail=pl.lit(None, pl.Binary), known_group=pl.lit(None, pl.String))


def faces(real: int, fake: int, source: str = "s", fold: str | None = None) -> list[tuple]:
    numbers = [("real", n) for n in range(real)] + [("fake", n) for n in range(fake)]
    return [image((source, fold, *number), source, number[0], fold) for number in numbers]


def side(table: pl.DataFrame, name: object) -> str | None:
    found = table.filter(image_id=digest(name)[:32])["split"].to_list()
    return found[0] if found else None


@given(st.integers(10, 200), st.integers(10, 100), st.integers(0, 2**32 - 1))
def test_every_image_is_in_exactly_one_split(real: int, fake: int, seed: int):
    images = manifest(*faces(real, fake))
    assert split_images(images, rules(), seed).table["image_id"].to_list() == images["image_id"].to_list()


@given(st.integers(10, 200), st.integers(10, 100), st.lists(st.integers(0, 9), max_size=30))
def test_images_that_look_alike_are_in_one_split(real: int, fake: int, looks: list[int]):
    alike = [image(("twin", n), label=["real", "fake"][n % 2], looks=("look", look)) for n, look in enumerate(looks)]
    table = split_images(manifest(*faces(real, fake), *alike), rules(0.6, 0.2), 1).table
    assert table.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1


@given(st.integers(10, 300), st.integers(10, 300), st.integers(10, 300))
def test_fractions_hold_within_every_source_and_label(real: int, fake: int, other: int):
    table = split_images(manifest(*faces(real, fake, "a"), *faces(other, 0, "b")), rules(), 1).table
    for (source, label), rows in table.group_by("source", "label"):
        size = {("a", "real"): real, ("a", "fake"): fake, ("b", "real"): other}[source, label]
        counts = dict(rows.group_by("split").len().rows())
        assert all(abs(counts.get(split, 0) - share * size) <= 1 for split, share in [("train", 0.8), ("val", 0.1)])


def test_the_table_has_the_documented_columns():
    table = split_images(manifest(*faces(20, 20)), rules(), 1).table
    assert table.columns == ["image_id", "source", "label", "group", "split"]


def test_the_order_of_the_manifest_changes_nothing():
    images = manifest(*faces(50, 20))
    assert split_images(images, rules(), 1).table.equals(split_images(images.reverse(), rules(), 1).table)


def test_another_seed_divides_otherwise():
    images = manifest(*faces(50, 20))
    assert not split_images(images, rules(), 1).table.equals(split_images(images, rules(), 2).table)


def test_five_fakes_are_enough_for_one_in_every_split():
    table = split_images(manifest(*faces(100, 5)), rules(), 1).table
    assert dict(table.filter(label="fake").group_by("split").len().rows()) == {"train": 3, "val": 1, "test": 1}


def test_a_split_without_a_fake_is_refused_with_the_counts():
    with pytest.raises(FacesiftError, match=r"train: 80 real, 2 fake; val: 10 real, 0 fake; test: 10 real, 0 fake"):
        split_images(manifest(*faces(100, 2)), rules(), 1)


def test_a_split_without_a_real_is_refused():
    with pytest.raises(FacesiftError, match="needs images of each class"):
        split_images(manifest(*faces(0, 100)), rules(), 1)


def test_near_duplicates_are_counted():
    twins = [image(("twin", n), looks="same") for n in range(3)]
    division = split_images(manifest(*faces(50, 20), *twins), rules(), 1)
    near = division.groups["near_duplicates"]
    assert [near[key] for key in ("groups", "images", "largest", "largest_bits")] == [1, 3, 3, 0]


def test_the_summary_counts_by_split_source_and_label():
    assert summarise_split(split_images(manifest(*faces(10, 10)), rules(), 1)) == {
        "images": {
            "train": {"s": {"real": 8, "fake": 8}},
            "val": {"s": {"real": 1, "fake": 1}},
            "test": {"s": {"real": 1, "fake": 1}},
        },
        "near_duplicates": {
            "groups": 0, "images": 0, "largest": 1, "largest_bits": 0, "look_alikes": 0,
            "refused": {"thumbnail": 0, "diameter": 0},
        },
        "known_groups": {"groups": 0, "images": 0},
        "removed_leaks": 0,
    }  # fmt: skip


FOLDERS = [*faces(40, 40, fold="train"), *faces(10, 10, fold="test")]


def test_predefined_folders_are_respected():
    images = manifest(*FOLDERS, *faces(5, 5, fold="val"))
    joined = split_images(images, rules(predefined=True), 1).table.join(images, on="image_id")
    assert joined.filter(pl.col("split") != pl.col("fold")).is_empty()


def test_without_a_val_folder_val_is_carved_from_train():
    table = split_images(manifest(*FOLDERS), rules(0.6, 0.2, predefined=True), 1).table
    assert dict(table.group_by("split").len().rows()) == {"train": 60, "val": 20, "test": 20}


def test_carving_leaves_the_test_folder_alone():
    images = manifest(*FOLDERS)
    joined = split_images(images, rules(predefined=True), 1).table.join(images, on="image_id")
    assert set(joined.filter(fold="test")["split"]) == {"test"}


def test_carving_keeps_near_duplicates_together():
    twins = [image(("twin", n), fold="train", looks=n // 2) for n in range(40)]
    table = split_images(manifest(*FOLDERS, *twins), rules(predefined=True), 1).table
    assert all(side(table, ("twin", n)) == side(table, ("twin", n + 1)) for n in range(0, 40, 2))


def test_carving_does_not_part_near_duplicates_of_a_source_that_has_a_val_folder():
    other = [*faces(10, 10, "b", "train"), *faces(5, 5, "b", "val"), *faces(5, 5, "b", "test")]
    twins = [image((src, n), src, fold="train", looks=("twin", n)) for src in ("s", "b") for n in range(30)]
    table = split_images(manifest(*FOLDERS, *other, *twins), rules(0.4, 0.4, predefined=True), 1).table
    assert {side(table, (src, n)) for src in ("s", "b") for n in range(30)} == {"train"}


@pytest.mark.parametrize(
    ("folds", "kept"),
    [
        (("train", "test"), "test"),
        (("train", "val"), "val"),
        (("val", "test"), "test"),
        (("train", "val", "test"), "test"),
    ],
)
def test_of_near_duplicates_across_folders_only_the_latest_folder_keeps_its_images(folds: tuple, kept: str):
    twins = [image(("twin", fold), fold=fold, looks="same") for fold in folds]
    table = split_images(manifest(*FOLDERS, *faces(5, 5, fold="val"), *twins), rules(predefined=True), 1).table
    assert {fold for fold in folds if side(table, ("twin", fold))} == {kept}


def test_images_left_out_are_counted_as_leaks():
    twins = [image(("twin", n), fold=["train", "train", "test"][n], looks="same") for n in range(3)]
    assert split_images(manifest(*FOLDERS, *twins), rules(predefined=True), 1).removed_leaks == 2


def test_predefined_without_folders_is_refused():
    with pytest.raises(FacesiftError, match=r"split\.predefined is true, but 40 of 40 images \(sources: s\)"):
        split_images(manifest(*faces(20, 20)), rules(predefined=True), 1)


def test_predefined_with_some_images_outside_the_folders_is_refused():
    with pytest.raises(FacesiftError, match=r"4 of 104 images \(sources: b\)"):
        split_images(manifest(*FOLDERS, *faces(2, 2, "b")), rules(predefined=True), 1)


def clips(number: int, frames: int) -> pl.DataFrame:
    """Frames of clips that look all different; every fourth clip is fake."""
    rows = manifest(
        *(image((clip, n), label="fake" if clip % 4 == 0 else "real") for clip in range(number) for n in range(frames))
    )
    names = {digest((clip, n))[:32]: f"s/clip{clip}" for clip in range(number) for n in range(frames)}
    return rows.with_columns(known_group=pl.col("image_id").replace_strict(names))


def test_no_clip_lies_on_several_sides():
    images = clips(40, 12)
    joined = split_images(images, rules(), 1).table.join(images.select("image_id", "known_group"), on="image_id")
    assert joined.group_by("known_group").agg(pl.col("split", "group").n_unique()).select(
        "split", "group"
    ).unique().rows() == [(1, 1)]
    assert joined["group"].n_unique() == 40
    assert sorted(set(joined["split"])) == ["test", "train", "val"]


def test_without_a_known_group_clips_are_torn():
    images = clips(40, 12)
    bare = images.with_columns(known_group=pl.lit(None, pl.String))
    joined = split_images(bare, rules(), 1).table.join(images.select("image_id", "known_group"), on="image_id")
    assert joined.group_by("known_group").agg(pl.col("split").n_unique())["split"].max() == 3


def test_a_near_duplicate_brings_two_known_groups_together():
    images = clips(12, 4)
    copied = images.filter(known_group="s/clip1")["phash"][0]
    first = images.filter(known_group="s/clip2")["image_id"][0]
    images = images.with_columns(phash=pl.when(image_id=first).then(pl.lit(copied)).otherwise("phash"))
    division = split_images(images, rules(0.4, 0.3), 1)
    joined = division.table.join(images.select("image_id", "known_group"), on="image_id")
    assert joined.filter(pl.col("known_group").is_in(["s/clip1", "s/clip2"]))["group"].n_unique() == 1
    assert division.groups["known_groups"] == {"groups": 12, "images": 48}


def test_a_group_of_near_duplicates_that_blocks_the_split_is_named_with_its_parameters():
    alike = [image(("twin", n), label="fake", looks="same") for n in range(9)]
    with pytest.raises(
        FacesiftError, match=r"9 of the 9 fake images stay together: near-duplicates \(lower split\.near_dup"
    ):
        split_images(manifest(*faces(50, 0), *alike), rules(), 1)


def test_a_known_group_that_blocks_the_split_is_named_with_its_parameter():
    images = manifest(*faces(50, 9)).with_columns(
        known_group=pl.when(label="fake").then(pl.lit("s/one")).otherwise(pl.lit(None, pl.String))
    )
    with pytest.raises(FacesiftError, match=r"9 of the 9 fake images stay together: data\.sources\.X\.group\. "):
        split_images(images, rules(), 1)
