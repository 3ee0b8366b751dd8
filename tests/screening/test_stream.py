"""Every file becomes a row: scored as in the pipeline, or with the reason why not. Never a made-up score."""

import hashlib
import io
import zipfile

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.special import expit

from facesift.bundle.card_parts import ImageCard
from facesift.bundle.preprocessing import Preprocessor
from facesift.config.data import WHOLE
from facesift.images.decoding import BadImage, decode, to_square
from facesift.images.paths import InputFile, find_files
from facesift.images.quality import QUALITIES, measure_quality
from facesift.screening.columns import decisions_schema
from facesift.screening.stream import AHEAD, ReadOptions, screen_files
from tests.images.test_decoding import noise, stored
from tests.made import SIZE

LIMIT = 50_000_000  # pixels and bytes, of the default parameters
BAD = {
    **{
        f"torn {kind}": stored(noise(60, 60), kind)[:-300]
        for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
    },
    "empty": b"",
    "text": b"<html>404 not found</html>",
    "starts programs": stored(noise(), "EPS"),
    "floating point": stored(Image.new("F", (4, 4), 0.5), "TIFF"),
    "32 bits": stored(Image.new("I", (4, 4), 70_000), "TIFF"),
    "bomb": stored(Image.new("1", (20_000, 20_000))),
}


def table(committee, *paths, batch_size=4):
    return pl.concat(committee.screen(paths, batch_size))


@pytest.fixture
def faces(tmp_path):
    """Nine good images, loose and zipped, of several formats and sizes."""
    folder = tmp_path / "faces"
    folder.mkdir()
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"in/{number}.png", stored(noise(30 + number, 40)))
    for number, kind in enumerate(["JPEG", "PNG", "WEBP", "BMP"]):
        (folder / f"{number}.img").write_bytes(stored(noise(40, 30 + number), kind))
    return folder


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_image_has_its_reason_and_no_score(committee, tmp_path, kind):
    (tmp_path / "bad.jpg").write_bytes(BAD[kind])
    row = table(committee, tmp_path / "bad.jpg").row(0, named=True)
    with pytest.raises(BadImage) as caught:
        decode(BAD[kind], LIMIT)
    assert row["reason"] == caught.value.reason
    unknown = ("decision", "probability", "vote_one", "vote_two", "vote_stacker", *QUALITIES)
    assert [name for name in unknown if row[name] is not None] == []
    assert row["bytes"] == len(BAD[kind])
    assert row["image_id"] == hashlib.sha256(BAD[kind]).hexdigest()[:32]


def test_bad_images_do_not_change_the_scores_of_the_others(committee, faces):
    alone = table(committee, faces)
    for number, data in enumerate(BAD.values()):
        (faces / f"{number}_bad.jpg").write_bytes(data)
    together = table(committee, faces)
    assert len(together) == len(alone) + len(BAD)
    scored = together.filter(pl.col("decision").is_not_null())
    assert scored["image"].to_list() == alone["image"].to_list()
    np.testing.assert_allclose(scored["probability"], alone["probability"], atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_every_file_is_a_row_in_the_order_of_the_names(committee, faces, batch_size):
    found = table(committee, faces, batch_size=batch_size)
    assert found["image"].to_list() == [each.name for each in find_files([faces])]
    assert found["reason"].null_count() == len(found) == 9


def test_a_row_says_what_the_members_say_of_the_decoded_square(committee, faces):
    for row in table(committee, faces).to_dicts():
        path, _, inside = row["image"].partition("!")
        data = zipfile.ZipFile(path).read(inside) if inside else (faces / path).read_bytes()
        image = decode(data, LIMIT)
        pixels = to_square(image, SIZE)[None]
        expected = committee.decide(pixels)
        names = [*committee.ensemble.classes.names, "review"]
        assert row["decision"] == names[expected.decisions[0]]
        assert [row[f"vote_{voter}"] for voter in committee.ensemble.voters] == [
            names[vote] for vote in expected.votes[0]
        ]
        assert row["probability"] == pytest.approx(expit(expected.log_odds[0]), abs=1e-5)
        assert (row["width"], row["height"], row["bytes"]) == (*image.size, len(data))
        for name, values in measure_quality(pixels).items():
            assert row[name] == pytest.approx(values[0], abs=1e-3)


def test_columns_are_those_of_the_contract(committee, faces):
    assert table(committee, faces).columns == [
        "image", "image_id", "decision", "probability", "vote_one", "vote_two", "vote_stacker", "probability_one",
        "probability_two", "probability_stacker", "reason", "quality", "width", "height", "bytes", "brightness",
        "contrast", "sharpness", "time", "bundle", "rule", "lo", "hi", "prevalence", "facesift",
    ]  # fmt: skip


def test_a_batch_of_bad_images_alone_has_the_same_columns(committee, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert table(committee, tmp_path / "bad.jpg").schema == decisions_schema(committee.ensemble.voters)


def test_a_file_that_is_not_there_has_a_reason(committee, tmp_path):
    assert table(committee, tmp_path / "gone.jpg")["reason"].to_list() == ["cannot be read: No such file or directory"]


def test_a_larger_file_than_the_bundle_allows_is_not_read(committee, tmp_path):
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(LIMIT + 1)
    row = table(committee, tmp_path / "large.jpg").row(0, named=True)
    assert row["reason"] == f"{LIMIT + 1} bytes, more than {LIMIT}"
    assert row["image_id"] is None


def test_damage_inside_a_zip_is_that_images_alone(committee, tmp_path):
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for name in ("bad.png", "good.png"):
            archive.writestr(name, stored(noise()))
    data = bytearray((tmp_path / "some.zip").read_bytes())
    data[200] ^= 255
    (tmp_path / "some.zip").write_bytes(data)
    found = table(committee, tmp_path / "some.zip")
    assert found["reason"].is_null().to_list() == [False, True]
    assert "damaged in its zip file" in found["reason"][0]


def test_scores_that_are_no_numbers_are_a_reason(committee, faces):
    def score(pixels):
        logits = committee.logits(pixels)
        logits["two"][1] = np.nan
        return logits

    reading = ReadOptions(committee.preprocessor, 9, 2)
    (found,) = screen_files(find_files([faces]), committee.ensemble, score, reading)
    assert found["decision"].is_null().to_list() == [False, True, *[False] * 7]
    assert found["reason"][1] == "its scores are not finite numbers"
    assert found["probability"][1] is None


def test_files_are_listed_no_further_ahead_than_is_decoded(committee):
    listed = []

    def endless():
        while True:
            listed.append(len(listed))
            yield InputFile("gone.jpg", ".", "gone.jpg")

    tables = screen_files(endless(), committee.ensemble, committee.logits, ReadOptions(committee.preprocessor, 5, 2))
    for number in range(1, 4):
        next(tables)
        assert len(listed) <= (number + AHEAD) * 5


def test_a_run_that_is_given_up_ends_its_threads(committee, faces):
    import threading

    tables = committee.screen([faces], 1, 3)
    next(tables)
    tables.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")] == []


def test_memory_that_does_not_suffice_is_a_reason(committee, faces, monkeypatch):
    def hungry(*_):
        raise MemoryError

    monkeypatch.setattr("facesift.screening.stream.upright_rgb", hungry)
    assert set(table(committee, faces)["reason"]) == {"not enough memory to decode it"}


def test_the_bundle_crops_when_its_study_did(committee, tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    data = io.BytesIO()
    Image.fromarray(wide).save(data, "PNG")
    (tmp_path / "wide.png").write_bytes(data.getvalue())
    image = ImageCard(image_size=SIZE, resize="crop", crop=WHOLE, max_pixels=LIMIT, max_bytes=LIMIT)
    files = find_files([tmp_path / "wide.png"])
    (found,) = screen_files(files, committee.ensemble, committee.logits, ReadOptions(Preprocessor(image), 1, 1))
    assert found["brightness"].to_list() == [255.0]


def test_a_format_that_the_study_does_not_read_is_a_reason(committee, tmp_path):
    (tmp_path / "face.bmp").write_bytes(stored(noise(), "BMP"))
    limits = {"max_pixels": LIMIT, "max_bytes": LIMIT, "formats": ["JPEG", "PNG"]}
    image = ImageCard(image_size=SIZE, resize="crop", crop=WHOLE, **limits)
    reading = ReadOptions(Preprocessor(image), 1, 1)
    (found,) = screen_files(find_files([tmp_path]), committee.ensemble, committee.logits, reading)
    assert found["decision"].to_list() == [None]
    assert found["reason"][0].startswith("BMP, which is not one of ingest.formats")
