"""Building shards: assignment, whole folders, and bytes that depend on nothing but the images and the seed."""

import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS, Workers
from facesift.images.decoding import decode, to_square
from facesift.images.faces import FACE_COLUMNS
from facesift.shards.building import RawImageReader, Sharding, assign_shards, build_split
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import SLICE, write_shard
from tests.made_faces import crop

TWO = Workers(backend="processes", jobs=2, address=None)
STRATA = [("celeba", "real"), ("rff", "fake"), ("rff", "real")]
counts = st.lists(st.integers(0, 40), min_size=3, max_size=3).filter(any)


def table(sizes: list[int]) -> pl.DataFrame:
    strata = [stratum for stratum, size in zip(STRATA, sizes, strict=True) for _ in range(size)]
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(len(strata))]
    return pl.DataFrame({"image_id": ids, "source": [s for s, _ in strata], "label": [label for _, label in strata]})


@given(sizes=counts, shards=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_every_shard_has_its_share_of_every_stratum(sizes: list[int], shards: int, seed: int) -> None:
    assigned = assign_shards(table(sizes), shards, seed, "train")
    for (source, label), size in zip(STRATA, sizes, strict=True):
        part = assigned.filter(source=source, label=label)["shard"].to_numpy()
        assert set(np.bincount(part, minlength=shards)) <= {size // shards, -(-size // shards)}


@given(sizes=counts, shards=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_shards_differ_by_at_most_one_image(sizes: list[int], shards: int, seed: int) -> None:
    of_shard = np.bincount(assign_shards(table(sizes), shards, seed, "val")["shard"].to_numpy(), minlength=shards)
    assert np.ptp(of_shard) <= 1


@given(sizes=counts, shards=st.integers(1, 9))
def test_every_image_is_assigned_once(sizes: list[int], shards: int) -> None:
    images = table(sizes)
    assert assign_shards(images, shards, 1, "test").drop("shard").sort("image_id").equals(images.sort("image_id"))


@given(order=st.permutations(range(12)))
def test_assignment_does_not_depend_on_the_order_of_the_table(order: list[int]) -> None:
    images = table([4, 4, 4])
    assert assign_shards(images[order], 3, 1, "train").equals(assign_shards(images, 3, 1, "train"))


@pytest.mark.parametrize("other", [(2, "train"), (1, "val")])
def test_another_seed_or_split_deals_otherwise(other: tuple[int, str]) -> None:
    images = table([30, 30, 30])
    assert not assign_shards(images, 3, *other).equals(assign_shards(images, 3, 1, "train"))


def test_rows_are_mixed_inside_a_shard() -> None:
    labels = assign_shards(table([0, 30, 30]), 1, 1, "train")["label"].to_list()
    assert labels != sorted(labels)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(25):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    return folder


def rows_of(raw: Path) -> pl.DataFrame:
    paths = sorted(raw.iterdir())
    return pl.DataFrame(
        {
            "image_id": [hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in paths],
            "source": ["rff" if number % 2 else "celeba" for number in range(len(paths))],
            "label": ["fake" if number % 5 == 0 else "real" for number in range(len(paths))],
            "container": ["."] * len(paths),
            "path": [path.name for path in paths],
        }
    )


def build(raw: Path, folder: Path, rows: pl.DataFrame | None = None, **sharding: Any) -> Path:
    rows = rows_of(raw) if rows is None else rows
    build_split(folder, rows, RawImageReader(raw, 12, 10_000), Sharding(**({"images": 10, "seed": 3} | sharding)))
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_fewest_shards_are_made_that_hold_all_images(raw: Path, tmp_path: Path) -> None:
    assert ShardFolder(build(raw, tmp_path / "train")).sizes == (9, 8, 8)


def test_a_split_smaller_than_a_shard_is_one_shard(raw: Path, tmp_path: Path) -> None:
    assert ShardFolder(build(raw, tmp_path / "val", images=100)).sizes == (25,)


def test_every_row_holds_its_images_pixels_label_and_source(raw: Path, tmp_path: Path) -> None:
    shards = ShardFolder(build(raw, tmp_path / "train"))
    known = {row["image_id"]: row for row in rows_of(raw).iter_rows(named=True)}
    for shard in range(3):
        columns = (shards.image_ids(shard), shards.pixels(shard), shards.labels(shard), shards.sources(shard))
        for image_id, pixels, label, source in zip(*columns, strict=True):
            row = known.pop(image_id)
            assert np.array_equal(pixels, to_square(decode((raw / row["path"]).read_bytes(), 10_000), 12))
            assert (label, source) == (row["label"] == "fake", row["source"])
    assert not known


def test_rebuilding_gives_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    assert bytes_of(build(raw, tmp_path / "a/train")) == bytes_of(build(raw, tmp_path / "b/train"))


def test_the_number_of_processes_does_not_change_the_bytes(raw: Path, tmp_path: Path) -> None:
    assert bytes_of(build(raw, tmp_path / "a/train")) == bytes_of(build(raw, tmp_path / "b/train", parallel=TWO))


def test_rebuilding_replaces_the_old_folder(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "train", images=5)
    build(raw, tmp_path / "train", images=25)
    assert sorted(bytes_of(tmp_path / "train")) == ["00000.h5", "index.json"]


def test_nothing_temporary_is_left(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "out/train")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]


def test_done_is_called_for_every_shard(raw: Path, tmp_path: Path) -> None:
    sizes: list[int] = []
    sharding = Sharding(images=10, seed=3)
    build_split(
        tmp_path / "train",
        rows_of(raw),
        RawImageReader(raw, 12, 10_000),
        sharding,
        lambda entry: sizes.append(entry.images),
    )
    assert sizes == [9, 8, 8]


def test_datasets_are_contiguous(raw: Path, tmp_path: Path) -> None:
    with h5py.File(build(raw, tmp_path / "train") / "00000.h5") as file:
        layouts = [dataset.id.get_create_plist().get_layout() for dataset in file.values()]
    assert layouts == [h5py.h5d.CONTIGUOUS] * 4


def test_datasets_carry_no_times(raw: Path, tmp_path: Path) -> None:
    with h5py.File(build(raw, tmp_path / "train") / "00000.h5") as file:
        assert [h5py.h5o.get_info(dataset.id).ctime for dataset in file.values()] == [0] * 4


@pytest.mark.parametrize("parallel", [ONE_PROCESS, TWO], ids=["one", "two"])
def test_an_image_changed_since_ingest_is_named(raw: Path, tmp_path: Path, parallel: Workers) -> None:
    rows = rows_of(raw)
    Image.new("RGB", (9, 9)).save(raw / "7.jpg")
    with pytest.raises(FacesiftError, match=r"7.jpg \(image [0-9a-f]{32}\): changed since ingest"):
        build(raw, tmp_path / "train", rows, parallel=parallel)


def test_an_image_gone_since_ingest_is_named(raw: Path, tmp_path: Path) -> None:
    rows = rows_of(raw)
    (raw / "7.jpg").unlink()
    with pytest.raises(FacesiftError, match=r"7.jpg .*but was usable at ingest"):
        build(raw, tmp_path / "train", rows)


def test_a_failed_build_leaves_the_old_folder_as_it_was(raw: Path, tmp_path: Path) -> None:
    before, rows = bytes_of(build(raw, tmp_path / "out/train")), rows_of(raw)
    (raw / "7.jpg").unlink()
    with pytest.raises(FacesiftError):
        build(raw, tmp_path / "out/train", rows)
    assert bytes_of(tmp_path / "out/train") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]


def test_what_a_killed_build_leaves_behind_does_not_disturb_the_next(raw: Path, tmp_path: Path) -> None:
    killed = tmp_path / ".train.0x1y2z.part"
    killed.mkdir()
    (killed / ".00000.h5.abc.part").write_bytes(b"half a shard")
    assert ShardFolder(build(raw, tmp_path / "train")).images == 25


def test_half_a_folder_is_no_folder(raw: Path, tmp_path: Path) -> None:
    rows = rows_of(raw)
    write_shard(tmp_path / "train/00000.h5", rows[:1], [np.zeros((8, 8, 3), np.uint8)], 6)
    with pytest.raises(FacesiftError, match="not a finished shard folder"):
        ShardFolder(tmp_path / "train")


def test_a_split_without_images_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(FacesiftError, match="split 'val' has no image"):
        build(raw, tmp_path / "val", rows_of(raw).clear())


@settings(max_examples=8)
@given(images=st.sampled_from([1, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE]))
def test_shards_of_any_number_of_slices_come_back(tmp_path_factory: Any, images: int) -> None:
    folder = tmp_path_factory.mktemp("slices")
    rows = pl.DataFrame({"image_id": [f"{row:032x}" for row in range(images)], "source": "rff", "label": "real"})
    pixels = np.random.default_rng(0).integers(0, 256, (images, 4, 4, 3), np.uint8)
    write_shard(folder / "00000.h5", rows, iter(pixels), 3)
    with h5py.File(folder / "00000.h5") as file:
        assert np.array_equal(file["images"], pixels)


@pytest.mark.parametrize("images", [1, 3])
def test_a_wrong_number_of_images_leaves_no_file(tmp_path: Path, images: int) -> None:
    rows = pl.DataFrame({"image_id": ["0" * 32, "1" * 32], "source": "rff", "label": "real"})
    with pytest.raises((ValueError, TypeError)):
        write_shard(tmp_path / "00000.h5", rows, [np.zeros((4, 4, 3), np.uint8)] * images, 3)
    assert not list(tmp_path.iterdir())


def test_building_uses_the_memory_of_a_slice(tmp_path: Path) -> None:
    import tracemalloc

    images, size = 8 * SLICE, 32
    rows = pl.DataFrame({"image_id": [f"{row:032x}" for row in range(images)], "source": "rff", "label": "real"})
    tracemalloc.start()
    write_shard(tmp_path / "00000.h5", rows, (np.zeros((size, size, 3), np.uint8) for _ in range(images)), 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images * size * size * 3 / 2


def faces_of(raw: Path, found: list[bool]) -> pl.DataFrame:
    """The rows with a face in the right half of each image of 40 x 20 pixels where one was found."""
    marks = [[21.0, 2.0], [39.0, 2.0], [30.0, 10.0], [21.0, 18.0], [39.0, 18.0]]
    return rows_of(raw).with_columns(
        width=pl.lit(40),
        height=pl.lit(20),
        face_box=pl.Series(
            [[20.0, 0.0, 40.0, 20.0] if each else None for each in found], dtype=FACE_COLUMNS["face_box"]
        ),
        face_landmarks=pl.Series([marks if each else None for each in found], dtype=FACE_COLUMNS["face_landmarks"]),
        face_score=pl.Series([0.9 if each else None for each in found], dtype=pl.Float64),
    )


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Images that are black at the left and white at the right."""
    folder = tmp_path / "halves"
    folder.mkdir()
    for number in range(7):
        pixels = np.zeros((20, 40, 3), np.uint8)
        pixels[:, 20:], pixels[0, number] = 255, 9
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_shards_of_faces_show_them_and_know_their_landmarks(halves: Path, tmp_path: Path):
    found = [number % 3 > 0 for number in range(7)]
    rows = faces_of(halves, found)
    build_split(tmp_path / "train", rows, RawImageReader(halves, 10, 10_000, crop=crop()), Sharding(4, 3))
    shards, faces = ShardFolder(tmp_path / "train"), dict(zip(rows["image_id"], found, strict=True))
    for shard in range(2):
        landmarks = shards.landmarks(shard)
        assert landmarks is not None
        for image_id, pixels, points in zip(shards.image_ids(shard), shards.pixels(shard), landmarks, strict=True):
            assert (pixels == 255).all() == faces[image_id]
            expected = [[0.5, 1], [9.5, 1], [5, 5], [0.5, 9], [9.5, 9]] if faces[image_id] else np.full((5, 2), np.nan)
            np.testing.assert_allclose(points, expected)


@pytest.mark.parametrize("method", ["none", "centre"])
def test_shards_of_other_views_have_no_landmarks(halves: Path, tmp_path: Path, method: str):
    decoder = RawImageReader(halves, 10, 10_000, crop=crop(method=method))
    build_split(tmp_path / "train", rows_of(halves), decoder, Sharding(9, 3))
    assert ShardFolder(tmp_path / "train").landmarks(0) is None
