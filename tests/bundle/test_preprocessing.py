import numpy as np
import polars as pl
import pytest

from facesift.bundle.card import CARD, FACES
from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json
from facesift.core.fingerprint import sha256
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.images.face_detector import read_detector
from facesift.images.formats import FORMATS
from facesift.screening.committee import Committee
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder
from tests.made import SIZE
from tests.made_bundle import change_card
from tests.made_config import Source
from tests.made_faces import crop, install, photo, png

LIMITS = Ingest(max_bad_fraction=1, max_unmatched=0, max_pixels=10**6, max_bytes=10**6, formats=[*FORMATS])
MIDDLES = [(60, 60), (180, 100), (30, 170), None]


@pytest.fixture
def photos(tmp_path):
    for number, middle in enumerate(MIDDLES):
        path = tmp_path / "raw" / ("fake" if number % 2 else "real") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(middle, seed=number)))
    return tmp_path / "raw"


@pytest.fixture
def graft(bundle, tmp_path, monkeypatch):
    """Give the bundle a detector and another crop."""

    def grafted(**changes):
        install(tmp_path / "site", monkeypatch)
        (bundle / FACES).write_bytes(read_detector())
        card = read_json(bundle / CARD, sealed=True)
        card["image"]["crop"] = crop(**changes).model_dump()
        card["files"][FACES] = {"bytes": (bundle / FACES).stat().st_size, "sha256": sha256(bundle / FACES)}
        write_json(bundle / CARD, card, sealed=True)
        return bundle

    return grafted


def rows_of(bundle, photos):
    return pl.concat(Committee.load(bundle).screen([photos], 3, 1)).sort("image")


def test_screening_sees_what_the_shards_hold(graft, photos, tmp_path):
    bundle, view = graft(margin=0.2), crop(margin=0.2)
    layouts = {"made": Layout(Source(layout="class_folders"))}
    images = build_manifest(examine_files(photos, layouts, LIMITS, ONE_PROCESS, lambda _: None, crop=view)).images
    build_split(tmp_path / "test", images, RawImageReader(photos, SIZE, 10**6, crop=view), Sharding(9, 0))
    preprocessor = Committee.load(bundle).preprocessor
    seen = [preprocessor.apply(photo(middle, seed=number)).pixels for number, middle in enumerate(MIDDLES)]
    in_shards = sorted(each.tobytes() for each in ShardFolder(tmp_path / "test").pixels(0))
    assert in_shards == sorted(each.tobytes() for each in seen)


def test_a_bundle_is_exported_with_its_detector(study, photos, tmp_path):
    data = study.params.data.model_copy(update={"crop": crop()})
    with pytest.MonkeyPatch.context() as patched:  # screening needs no detector but the bundle's
        install(tmp_path / "site", patched)
        study.export(tmp_path / "committee", study.params.model_copy(update={"data": data}))
    assert read_json(tmp_path / "committee" / CARD)["image"]["crop"] == crop().model_dump()
    assert rows_of(tmp_path / "committee", photos)["decision"].null_count() == 0


def test_a_committee_that_sees_the_whole_image_brings_none(exported):
    assert not (exported / FACES).exists()
    assert Committee.load(exported).preprocessor.finder is None


def test_a_damaged_detector_is_refused(graft):
    bundle = graft()
    data = bytearray((bundle / FACES).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / FACES).write_bytes(data)
    with pytest.raises(FacesiftError, match=r"faces\.onnx: damaged or foreign"):
        Committee.load(bundle)


def test_a_card_without_its_detector_is_refused(graft):
    bundle = graft()
    change_card(bundle, lambda card: card["files"].pop(FACES))
    with pytest.raises(FacesiftError, match=r"files: faces\.onnx is not listed"):
        Committee.load(bundle)


def test_an_image_without_a_face_goes_to_a_person_if_asked(graft, photos):
    rows = rows_of(graft(unfound="review"), photos)
    told = rows["reason"].to_list()
    assert [reason is not None for reason in told].count(True) == 1
    lacking = rows.filter(pl.col("reason").is_not_null()).row(0, named=True)
    assert (lacking["decision"], lacking["reason"]) == ("review", "no face found: a person decides")
    assert lacking["probability"] is not None
    assert lacking["vote_stacker"] in {"real", "fake"}


def test_an_image_without_a_face_is_not_scored_if_asked(graft, photos):
    rows = rows_of(graft(unfound="quarantine"), photos)
    lacking = rows.filter(pl.col("decision").is_null())
    assert lacking["reason"].to_list() == ["no face found"]


def test_an_image_without_a_face_is_decided_by_its_centre_otherwise(graft, photos):
    assert rows_of(graft(), photos)["reason"].null_count() == len(MIDDLES)


def test_the_part_that_is_seen_is_told(graft):
    seen = Committee.load(graft()).preprocessor.apply(photo((60, 60)))
    left, top, right, bottom = seen.box
    image = np.asarray(photo((60, 60)))[top:bottom, left:right]
    assert seen.pixels.mean() == pytest.approx(image.mean(), abs=1)
