"""The zip of portraits: RFF's layout, bytes that depend on the parameters alone, one way of saving for both classes."""

import re
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
from PIL import Image

from facesift.config.data import Portraits
from facesift.core.parallel import ONE_PROCESS, Workers
from facesift.portraits import camera, dataset, drawing
from facesift.portraits.dataset import (
    PortraitCounts,
    image_seeds,
    make_image,
    plan_fake,
    plan_portraits,
    write_portraits,
)
from facesift.portraits.drawing import PARTS

TWO = Workers(backend="processes", jobs=2, address=None)
SMALL = Portraits(real=6, fake=5, size=48, seed=3)
NAME = re.compile(r"real_and_fake_face/(training_real/real_\d{5}|training_fake/(easy|mid|hard)_\d+_[01]{4})\.jpg")


@pytest.fixture(scope="module")
def small_zip(tmp_path_factory):
    path = tmp_path_factory.mktemp("portraits") / "portraits.zip"
    write_portraits(path, SMALL, parallel=ONE_PROCESS)
    return path


def names_of(path):
    with ZipFile(path) as archive:
        return archive.namelist()


def test_names_are_those_of_the_public_download(small_zip):
    assert [name for name in names_of(small_zip) if not NAME.fullmatch(name)] == []


def test_names_are_sorted(small_zip):
    assert names_of(small_zip) == sorted(names_of(small_zip))


def test_each_class_has_as_many_images_as_asked(small_zip):
    folders = [name.split("/")[1] for name in names_of(small_zip)]
    assert (folders.count("training_real"), folders.count("training_fake"), len(folders)) == (6, 5, 11)


def test_images_are_rgb_jpegs_of_the_asked_size(small_zip):
    with ZipFile(small_zip) as archive:
        images = [Image.open(BytesIO(archive.read(name))) for name in archive.namelist()]
    assert {(image.format, image.mode, image.size) for image in images} == {("JPEG", "RGB", (48, 48))}


def test_no_two_images_are_alike(small_zip):
    with ZipFile(small_zip) as archive:
        assert len({archive.read(name) for name in archive.namelist()}) == 11


def test_entries_are_stored_with_a_fixed_date(small_zip):
    with ZipFile(small_zip) as archive:
        kinds = {(info.compress_type, info.date_time) for info in archive.infolist()}
    assert kinds == {(ZIP_STORED, (1980, 1, 1, 0, 0, 0))}


def test_running_again_writes_the_same_bytes(small_zip, tmp_path):
    write_portraits(tmp_path / "again.zip", SMALL, parallel=ONE_PROCESS)
    assert (tmp_path / "again.zip").read_bytes() == small_zip.read_bytes()


def test_two_processes_write_the_same_bytes_as_one(small_zip, tmp_path):
    write_portraits(tmp_path / "two.zip", SMALL, parallel=TWO)
    assert (tmp_path / "two.zip").read_bytes() == small_zip.read_bytes()


def test_another_seed_writes_other_images(small_zip, tmp_path):
    write_portraits(tmp_path / "other.zip", SMALL.model_copy(update={"seed": 4}), parallel=ONE_PROCESS)
    with ZipFile(small_zip) as first, ZipFile(tmp_path / "other.zip") as second:
        common = {first.read(name) for name in first.namelist()} & {second.read(name) for name in second.namelist()}
    assert not common


def test_more_fakes_leave_the_other_images_as_they_were(small_zip, tmp_path):
    write_portraits(tmp_path / "more.zip", SMALL.model_copy(update={"fake": 6}), parallel=ONE_PROCESS)
    with ZipFile(small_zip) as few, ZipFile(tmp_path / "more.zip") as more:
        assert all(few.read(name) == more.read(name) for name in few.namelist())


def test_progress_is_told_once_an_image(tmp_path):
    calls = []
    written = write_portraits(
        tmp_path / "p.zip", Portraits(real=2, fake=1, size=48, seed=0), ONE_PROCESS, lambda: calls.append(1)
    )
    assert len(calls) == 3
    assert written == PortraitCounts(real=2, fake=1, size_bytes=(tmp_path / "p.zip").stat().st_size)


def test_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("pen broken")

    monkeypatch.setattr(dataset, "paste_parts", fail)
    with pytest.raises(RuntimeError, match="pen broken"):
        write_portraits(tmp_path / "p.zip", SMALL, parallel=ONE_PROCESS)
    assert list(tmp_path.iterdir()) == []


def test_all_four_parts_occur_among_sixty_fakes():
    digits = [plan_fake(11, index).name.split("_")[-1][:4] for index in range(60)]
    assert all(10 < sum(code[place] == "1" for code in digits) < 60 for place in range(4))


def test_digits_in_the_name_say_which_parts_are_pasted():
    for entry in (plan_fake(11, index) for index in range(60)):
        digits = entry.name.removesuffix(".jpg").split("_")[-1]
        assert entry.parts == tuple(part for part, digit in zip(PARTS, digits, strict=True) if digit == "1")


def test_levels_have_the_public_sets_shares():
    levels = [plan_fake(11, index).level for index in range(60)]
    assert (levels.count("easy"), levels.count("mid"), levels.count("hard")) == (15, 30, 15)


def test_numbers_count_up_within_each_level():
    numbers = {}
    for entry in sorted((plan_fake(11, index) for index in range(41)), key=lambda entry: entry.index):
        numbers.setdefault(entry.level, []).append(int(entry.name.split("_")[-2]))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_planned_names_stay_sorted_beyond_five_digits():
    names = [entry.name for entry in plan_portraits(Portraits(real=100_001, fake=1, size=48, seed=0))]
    assert names == sorted(names)


def test_no_portrait_serves_two_images():
    keys = [
        tuple(child.entropy) + tuple(child.spawn_key)
        for fake in (False, True)
        for index in range(50)
        for child in image_seeds(3, index, fake=fake)
    ]
    assert len(set(keys)) == len(keys)


def test_both_classes_are_encoded_equally_often(monkeypatch):
    """A real photo is stored by its camera and saved again; so are target and fake: one encoding more would tell."""
    calls = []
    original = camera.encode_jpeg

    def counting(pixels, rng):
        calls.append(pixels.shape)
        return original(pixels, rng)

    monkeypatch.setattr(drawing, "encode_jpeg", counting)
    monkeypatch.setattr(dataset, "encode_jpeg", counting)
    monkeypatch.setattr(dataset, "choose_donor", lambda target, *_: target)  # draws no donor
    make_image(next(iter(plan_portraits(Portraits(real=1, fake=1, size=48, seed=0)))), 0, 48)
    fake, calls[:] = len(calls), []
    make_image(dataset.PlannedPortrait("real.jpg", 0), 0, 48)
    assert fake == len(calls) == 2


def test_quantisation_and_subsampling_do_not_depend_on_the_class():
    """Saving is drawn from a seed of its own: over many seeds both classes meet the same tables equally often."""
    grey = np.full((16, 16, 3), 128, np.uint8)

    def tables(*, fake):
        rngs = (np.random.default_rng(image_seeds(5, index, fake=fake)[1]) for index in range(600))
        images = [Image.open(BytesIO(camera.encode_jpeg(grey, rng))) for rng in rngs]
        return np.array([sum(image.quantization[0]) for image in images]), {image.layer[0][1:3] for image in images}

    (real_sums, real_layers), (fake_sums, fake_layers) = tables(fake=False), tables(fake=True)
    assert real_layers == fake_layers == {(1, 1), (2, 2)}
    assert set(real_sums) == set(fake_sums)
    assert abs(real_sums.mean() - fake_sums.mean()) < 0.1 * real_sums.mean()


def test_memory_holds_no_plan_of_the_real_images():
    entries = plan_portraits(Portraits(real=10**12, fake=1, size=48, seed=0))
    assert [next(entries).level, next(entries).name[-17:]] == ["mid", "0000000000001.jpg"]
