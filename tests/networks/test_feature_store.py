"""The store of features: what is in it comes back, what is damaged is named or made anew, what is not needed goes."""

import numpy as np
import pytest

from facesift.core.errors import FacesiftError
from facesift.networks.feature_store import FeatureStore, remove_other_stores, write_block

IDS = [f"{number:032x}" for number in range(6)]
VALUES = np.random.default_rng(0).normal(size=(6, 2, 4)).astype(np.float16)


@pytest.fixture
def folder(tmp_path):
    for start in (0, 3):
        write_block(tmp_path / "store", IDS[start : start + 3], VALUES[start : start + 3])
    return tmp_path / "store"


def block_of(folder, image_id):
    return FeatureStore(folder)._places[image_id][0]


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("row", range(6))
def test_features_come_back(folder, row):
    assert np.array_equal(FeatureStore(folder).read(IDS[row]), VALUES[row])


def test_a_store_knows_what_it_has(folder):
    store = FeatureStore(folder)
    assert [one in store for one in (*IDS, "f" * 32)] == [True] * 6 + [False]


def test_a_store_without_a_folder_is_empty(tmp_path):
    assert IDS[0] not in FeatureStore(tmp_path / "nowhere")


def test_a_damaged_block_is_named(folder):
    path = block_of(folder, IDS[4])
    flip(path, -1)
    with pytest.raises(FacesiftError, match=f"{path.name}: damaged; delete it"):
        FeatureStore(folder).read(IDS[4])


def test_other_blocks_than_the_damaged_one_are_read(folder):
    flip(block_of(folder, IDS[4]), -1)
    assert np.array_equal(FeatureStore(folder).read(IDS[0]), VALUES[0])


def test_a_block_that_was_cut_off_is_removed(folder):
    path = block_of(folder, IDS[4])
    path.write_bytes(path.read_bytes()[:-3])
    assert IDS[4] not in FeatureStore(folder)
    assert not path.exists()


def test_a_block_whose_ids_are_damaged_is_not_overwritten_by_the_one_that_mends_it(folder):
    path = block_of(folder, IDS[3])
    flip(path, path.read_bytes().index(bytes.fromhex("".join(IDS[3:]))))  # another id in place of the first
    assert IDS[3] not in FeatureStore(folder)
    write_block(folder, IDS[3:4], VALUES[3:4])
    store = FeatureStore(folder)
    assert np.array_equal(store.read(IDS[3]), VALUES[3])
    with pytest.raises(FacesiftError, match=f"{path.name}: damaged; delete it"):
        store.read(IDS[4])


def test_blocks_of_images_that_left_are_removed(folder):
    gone = block_of(folder, IDS[4])
    FeatureStore(folder).remove_others(IDS[:3])
    assert not gone.exists()
    assert IDS[0] in FeatureStore(folder)


def test_a_block_stays_for_one_of_its_images(folder):
    FeatureStore(folder).remove_others([IDS[0], IDS[5]])
    assert all(one in FeatureStore(folder) for one in IDS)


def test_a_block_appears_whole(folder):
    assert not list(folder.glob(".*"))


def test_the_same_block_is_written_as_the_same_bytes(folder, tmp_path):
    write_block(tmp_path / "again", IDS[:3], VALUES[:3])
    path = block_of(folder, IDS[0])
    assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_stores_of_other_parameters_are_removed(folder):
    write_block(folder.parent / "other", IDS[:3], VALUES[:3])
    remove_other_stores([FeatureStore(folder)])
    assert [path.name for path in folder.parent.iterdir()] == ["store"]
