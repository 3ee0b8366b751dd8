"""Reading: what was written comes back, and a folder that is not as its index says is refused by name."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.core.files import SEAL, write_json
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard

SIZE = 8
COUNTS = (7, 6)
READERS = ["pixels", "labels", "image_ids", "sources"]


def content(shard: int) -> tuple[pl.DataFrame, np.ndarray]:
    images = COUNTS[shard]
    ids = [f"{shard:016x}{row:016x}" for row in range(images)]
    labels = ["fake" if row % 3 == 0 else "real" for row in range(images)]
    pixels = np.random.default_rng(shard).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8)
    return pl.DataFrame({"image_id": ids, "source": ["rff"] * (images - 1) + ["celeba"], "label": labels}), pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    entries = [write_shard(folder / f"{shard:05d}.h5", *content(shard), 6) for shard in range(len(COUNTS))]
    write_index(folder, SIZE, entries)
    return folder


def edit_index(folder: Path, **changes: Any) -> None:
    """Write an index that nobody has damaged, but that does not fit."""
    path = folder / "index.json"
    tree = json.loads(path.read_text()) | changes
    write_json(path, {key: value for key, value in tree.items() if key != SEAL}, exact=True, sealed=True)


def refused(folder: Path, shard: int = 1) -> str:
    with pytest.raises(FacesiftError) as caught:
        ShardFolder(folder).pixels(shard)
    return str(caught.value)


def test_sizes_come_from_the_index(folder: Path) -> None:
    shards = ShardFolder(folder)
    assert (shards.image_size, shards.sizes, shards.images) == (SIZE, COUNTS, sum(COUNTS))


def test_pixels_come_back(folder: Path) -> None:
    assert np.array_equal(ShardFolder(folder).pixels(1), content(1)[1])


def test_labels_come_back_with_fake_as_1(folder: Path) -> None:
    assert ShardFolder(folder).labels(0).tolist() == [1, 0, 0, 1, 0, 0, 1]


def test_image_ids_come_back(folder: Path) -> None:
    assert ShardFolder(folder).image_ids(1) == content(1)[0]["image_id"].to_list()


def test_sources_come_back(folder: Path) -> None:
    assert ShardFolder(folder).sources(1) == ["rff"] * 5 + ["celeba"]


def test_what_a_shard_does_not_hold_is_named(folder: Path) -> None:
    with pytest.raises(FacesiftError, match=r"00001\.h5: holds images, and no features"):
        ShardFolder(folder).copies(1)


def test_pixels_are_mapped_and_not_loaded(folder: Path) -> None:
    assert isinstance(ShardFolder(folder).pixels(0), np.memmap)


def test_pixels_cannot_be_written(folder: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        ShardFolder(folder).pixels(0)[0] = 0


def _sum(shards: ShardFolder, results: Any) -> None:
    results.put(int(shards.pixels(1).sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_opened_folder_works_in_another_process(folder: Path, method: str) -> None:
    shards = ShardFolder(folder)
    shards.pixels(1)
    context = multiprocessing.get_context(method)
    results = context.Queue()
    process = context.Process(target=_sum, args=(shards, results))
    process.start()
    assert results.get(timeout=60) == content(1)[1].sum()
    process.join()


@pytest.mark.parametrize("reader", READERS)
def test_one_flipped_byte_is_refused(folder: Path, reader: str) -> None:
    path = folder / "00001.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FacesiftError, match=r"00001.h5: shard is damaged .* `dvc checkout`"):
        getattr(ShardFolder(folder), reader)(1)


def test_damage_in_one_shard_leaves_the_others_readable(folder: Path) -> None:
    (folder / "00001.h5").write_bytes(b"")
    assert ShardFolder(folder).labels(0).shape == (7,)


def test_a_truncated_shard_is_refused(folder: Path) -> None:
    path = folder / "00001.h5"
    path.write_bytes(path.read_bytes()[:-100])
    assert "00001.h5: shard is incomplete" in refused(folder)


def test_a_missing_shard_is_refused(folder: Path) -> None:
    (folder / "00001.h5").unlink()
    assert "00001.h5: shard listed in index.json is not there" in refused(folder)


def test_a_shard_of_another_build_is_refused(folder: Path) -> None:
    rows, pixels = content(1)
    write_shard(folder / "00001.h5", rows, 255 - pixels, 6)
    assert "00001.h5: shard is damaged or foreign" in refused(folder)


@pytest.mark.parametrize("chunks", [(2, SIZE, SIZE, 3), None])
def test_another_hdf5_layout_is_refused_even_with_the_right_checksum(folder: Path, chunks: Any) -> None:
    from facesift.core.fingerprint import sha256

    path = folder / "00001.h5"
    with h5py.File(path, "w") as file:
        shape = (6, SIZE, SIZE, 3) if chunks else (6, SIZE, SIZE)
        file.create_dataset("images", data=np.zeros(shape, np.uint8), chunks=chunks)
        for name, kind in (("labels", "u1"), ("image_id", "S32"), ("source", "S6")):
            file.create_dataset(name, data=np.zeros(6, kind))
    tree = json.loads((folder / "index.json").read_text())
    tree["shards"][1] |= {"sha256": sha256(path), "bytes": path.stat().st_size}
    edit_index(folder, **tree)
    assert "dataset 'images' is" in refused(folder)


def test_a_file_that_is_not_hdf5_is_refused_even_with_the_right_checksum(folder: Path) -> None:
    from facesift.core.fingerprint import sha256

    path = folder / "00001.h5"
    path.write_bytes(b"something else")
    tree = json.loads((folder / "index.json").read_text())
    tree["shards"][1] |= {"sha256": sha256(path), "bytes": path.stat().st_size}
    edit_index(folder, **tree)
    assert "00001.h5: not a shard" in refused(folder)


def test_a_folder_without_index_is_refused(folder: Path) -> None:
    (folder / "index.json").unlink()
    with pytest.raises(FacesiftError, match=r"index.json: not found, so this is not a finished shard folder"):
        ShardFolder(folder)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_index_of_another_version_is_refused(folder: Path, version: Any) -> None:
    edit_index(folder, version=version)
    with pytest.raises(FacesiftError, match=rf"index.json: format version is {version!r}, this program reads 1"):
        ShardFolder(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1', "null", '{"version": 1}', '{"version": true}'])
def test_a_damaged_index_is_refused(folder: Path, text: str) -> None:
    (folder / "index.json").write_text(text)
    with pytest.raises(FacesiftError, match=r"index.json"):
        ShardFolder(folder)


@pytest.mark.parametrize("change", [{"file": "../evil.h5"}, {"real": 3}, {"images": -1}, {"extra": 1}])
def test_an_impossible_index_entry_is_refused(folder: Path, change: dict[str, Any]) -> None:
    tree = json.loads((folder / "index.json").read_text())
    tree["shards"][1] |= change
    edit_index(folder, **tree)
    with pytest.raises(FacesiftError, match=r"index.json: damaged at shards.1"):
        ShardFolder(folder)
