import polars as pl
import pytest
from PIL import Image

from facesift.config.data import WHOLE, Ingest
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files, handle_bad_photos, handle_missing_faces
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest, summarise_manifest
from facesift.images.faces import FACE_COLUMNS, face_of_row
from facesift.images.formats import FORMATS
from facesift.quality.photo_reasons import referred_column
from tests.made_config import Quality, Source
from tests.made_faces import crop, install, photo, png

LIMITS = Ingest(max_bad_fraction=1, max_unmatched=0, max_pixels=10**6, max_bytes=10**6, formats=[*FORMATS])
LAYOUTS = {"made": Layout(Source(layout="class_folders"))}
# label, and where the face is
IMAGES = {"real/a.png": (60, 60), "real/b.png": (180, 100), "real/c.png": None, "fake/d.png": (60, 60)}


@pytest.fixture
def raw(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch)
    for number, (name, middle) in enumerate(IMAGES.items()):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(middle, seed=number)))
    return tmp_path / "raw"


def read(raw, view):
    return handle_missing_faces(
        build_manifest(examine_files(raw, LAYOUTS, LIMITS, ONE_PROCESS, lambda _: None, crop=view)), view
    )


def test_the_manifest_holds_the_face_that_is_found(raw):
    found = {row["path"]: face_of_row(row) for row in read(raw, crop()).images.to_dicts()}
    middles = {path: face and (face.box[0] + face.box[2]) / 2 for path, face in found.items()}
    assert {path: middle and round(middle / 10) for path, middle in middles.items()} == {
        "real/a.png": 6, "real/b.png": 18, "real/c.png": None, "fake/d.png": 6,
    }  # fmt: skip


def test_a_face_is_the_same_after_a_round_trip_through_a_file(raw, tmp_path):
    images = read(raw, crop()).images
    images.write_parquet(tmp_path / "manifest.parquet")
    again = pl.read_parquet(tmp_path / "manifest.parquet")
    assert [face_of_row(row) for row in again.to_dicts()] == [face_of_row(row) for row in images.to_dicts()]


@pytest.mark.parametrize("view", [WHOLE, crop(method="centre")], ids=["none", "centre"])
def test_nothing_is_looked_for_and_counted_unless_asked(raw, view, monkeypatch):
    monkeypatch.setattr("facesift.datasets.examination.installed_detector", None)
    manifest = read(raw, view)
    assert not set(FACE_COLUMNS) & set(manifest.images.columns)
    assert "faces" not in summarise_manifest(manifest)


def test_faces_are_counted_by_source_and_label(raw):
    assert summarise_manifest(read(raw, crop()))["faces"] == {
        "made": {"fake": {"found": 1, "unfound": 0}, "real": {"found": 2, "unfound": 1}}
    }


def test_images_without_a_face_are_left_out_with_a_reason_if_asked(raw):
    manifest = read(raw, crop(unfound="quarantine"))
    assert manifest.images.height == 3
    ((path, reason),) = manifest.quarantine.select("path", "reason").rows()
    assert path == "real/c.png"
    assert reason.startswith("no face found")


def test_images_that_are_left_out_are_counted(raw):
    assert read(raw, crop(unfound="quarantine")).faces["made"]["real"] == {"found": 2, "unfound": 1}


def test_images_without_a_face_are_referred(raw):
    images = read(raw, crop(unfound="review")).images
    good = images.with_columns(quality=pl.lit(None, pl.String))
    marked = referred_column(good, crop(unfound="review"), Quality())
    assert good.filter(marked)["path"].to_list() == ["real/c.png"]


@pytest.fixture
def photos(raw):
    """One good photo of a face, and one of three bad kinds each."""
    for path in raw.rglob("*.png"):
        path.unlink()
    (raw / "fake").mkdir(exist_ok=True)
    for number, name in enumerate(("real/good", "fake/good")):
        (raw / f"{name}.png").write_bytes(png(photo((128, 96), seed=number)))
    (raw / "real/dark.png").write_bytes(png(Image.new("RGB", (256, 192))))
    (raw / "fake/two.png").write_bytes(png(two_faces()))
    return raw


def two_faces():
    image = photo((60, 96), seed=7)
    image.paste(photo((128, 96), seed=8).crop((118, 86, 138, 106)), (190, 86))
    return image


def look(raw, **actions):
    quality = Quality(**actions)
    examined = examine_files(raw, LAYOUTS, LIMITS, ONE_PROCESS, lambda _: None, crop=crop(), quality=quality)
    return handle_bad_photos(handle_missing_faces(build_manifest(examined), crop()), quality)


def test_bad_photos_are_counted_by_source_label_and_reason(photos):
    manifest = look(photos)
    assert manifest.images.height == 4
    assert manifest.quality["made"]["fake"]["several faces"] == 1
    assert manifest.quality["made"]["real"] | {"blurred": 1} == {"no face found": 1, "underexposed": 1, "blurred": 1}
    assert summarise_manifest(manifest)["quality"] == manifest.quality


def test_bad_photos_are_left_out_with_their_reason_if_asked(photos):
    manifest = look(photos, several_faces="quarantine")
    assert manifest.quarantine.select("path", "reason").rows() == [
        ("fake/two.png", "several faces (quality: several_faces)")
    ]
    assert manifest.images.height == 3


def test_bad_photos_are_referred_if_asked(photos):
    quality = Quality(several_faces="review", dark="review")
    images = look(photos, several_faces="review", dark="review").images
    marked = images.filter(referred_column(images, crop(), quality))["path"]
    assert sorted(marked) == ["fake/two.png", "real/dark.png"]


def test_without_a_detector_there_are_statistics_alone(photos):
    examined = examine_files(photos, LAYOUTS, LIMITS, ONE_PROCESS, lambda _: None, quality=Quality())
    images = build_manifest(examined).images
    assert images["photo_faces"].null_count() == images["photo_turn"].null_count() == 4
    assert images.filter(pl.col("quality").str.contains("underexposed"))["path"].to_list() == ["real/dark.png"]
