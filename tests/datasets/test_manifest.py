import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS, Workers
from facesift.datasets import examination as examining
from facesift.datasets.examination import examine_files
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import IMAGES, Manifest, build_manifest, summarise_manifest
from facesift.datasets.source_files import NO_SOURCE, count_files
from facesift.images.formats import FORMATS
from tests.made_config import Source

TWO = Workers(backend="processes", jobs=2, address=None)
LIMITS = Ingest(max_bad_fraction=0.5, max_unmatched=0, max_pixels=10_000, max_bytes=100_000, formats=[*FORMATS])
SOURCES = {"rff": Layout(Source(layout="rff")), "folders": Layout(Source(layout="class_folders"))}
GENEROUS = Ingest(max_bad_fraction=0, max_unmatched=0, max_pixels=10**8, max_bytes=10**8, formats=[*FORMATS])
SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def picture(seed: int, kind: str = "PNG", width: int = 24) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (20, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def lay(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def zipped(root: Path, name: str, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(root / name, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)


def read(
    raw: Path, sources: dict[str, Source] = SOURCES, parallel: Workers = ONE_PROCESS, limits: Ingest = LIMITS
) -> Manifest:
    return build_manifest(examine_files(raw, sources, limits, parallel, lambda _: None))


FACES = {
    "training_fake/easy_1_1100.jpg": picture(1, "JPEG"),
    "training_fake/hard_2_0001.jpg": picture(2, "JPEG"),
    "training_real/real_1.png": picture(3),
    "test/REAL/9.webp": picture(4, "WEBP"),
}


def test_a_zip_gives_the_rows_of_its_unpacked_folder(tmp_path: Path):
    (tmp_path / "zips").mkdir()
    zipped(tmp_path / "zips", "a.zip", FACES)
    lay(tmp_path / "loose", FACES)
    packed, loose = read(tmp_path / "zips").images, read(tmp_path / "loose").images
    assert packed.drop("container").equals(loose.drop("container"))


def test_the_container_says_which_zip(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    zipped(tmp_path / "sub", "a.zip", FACES)
    assert set(read(tmp_path).images["container"]) == {"sub/a.zip"}


def test_the_container_of_loose_files_is_a_dot(tmp_path: Path):
    lay(tmp_path, FACES)
    assert set(read(tmp_path).images["container"]) == {"."}


def test_rows_have_the_documented_columns(tmp_path: Path):
    lay(tmp_path, FACES)
    assert read(tmp_path).images.schema == IMAGES


def test_rows_are_sorted_by_image_id(tmp_path: Path):
    lay(tmp_path, FACES)
    assert read(tmp_path).images["image_id"].is_sorted()


def test_a_row_tells_how_its_file_is_stored(tmp_path: Path):
    data = picture(1, "JPEG")
    lay(tmp_path, {"real/1.jpg": data})
    row = read(tmp_path).images.row(0, named=True)
    assert [row[key] for key in ("width", "height", "format", "mode", "bytes")] == [24, 20, "JPEG", "RGB", len(data)]


def test_a_row_tells_how_its_jpeg_was_compressed(tmp_path: Path):
    lay(tmp_path, {"real/1.jpg": picture(1, "JPEG"), "real/2.jpg": picture(2, "JPEG"), "fake/3.png": picture(3)})
    by_path = dict(read(tmp_path).images.select("path", "quantisation").rows())
    assert by_path["real/1.jpg"] == by_path["real/2.jpg"] != by_path["fake/3.png"] == ""


def test_what_the_name_says_becomes_columns(tmp_path: Path):
    lay(tmp_path, {"training_fake/mid_3_1010.png": picture(1)})
    row = read(tmp_path).images.select("label", "difficulty", "left_eye", "right_eye", "nose", "mouth").row(0)
    assert row == ("fake", "mid", True, False, True, False)


def test_the_size_is_that_of_the_upright_image(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "real").mkdir()
    Image.new("RGB", (30, 10)).save(tmp_path / "real" / "1.jpg", exif=exif)
    assert read(tmp_path).images.select("width", "height").row(0) == (10, 30)


def test_the_same_bytes_twice_are_one_image(tmp_path: Path):
    lay(tmp_path, {"real/a.png": picture(1), "copy/real/a.png": picture(1), "real/b.png": picture(2)})
    assert read(tmp_path).images.height == 2


def test_dropped_copies_are_counted(tmp_path: Path):
    lay(tmp_path, {"real/a.png": picture(1), "copy/real/a.png": picture(1), "more/real/a.png": picture(1)})
    assert read(tmp_path).exact_duplicates == 2


def test_the_same_bytes_under_both_labels_go_to_quarantine(tmp_path: Path):
    lay(tmp_path, {"real/a.png": picture(1), "fake/b.png": picture(1), "real/c.png": picture(2)})
    assert read(tmp_path).quarantine.select("path", "reason").rows() == [
        ("fake/b.png", "the same bytes are labelled real at .:real/a.png"),
        ("real/a.png", "the same bytes are labelled fake at .:fake/b.png"),
    ]


def test_images_with_contradicting_labels_are_not_in_the_manifest(tmp_path: Path):
    lay(tmp_path, {"real/a.png": picture(1), "fake/b.png": picture(1), "real/c.png": picture(2)})
    assert read(tmp_path).images["path"].to_list() == ["real/c.png"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"not an image", "not an image of a known format"),
        (picture(1)[:-200], "damaged image: "),
        (picture(1, width=600), "600 x 20 pixels, more than 10000"),
        (bytes(100_001), "100001 bytes, more than 100000"),
    ],
)
def test_a_bad_file_goes_to_quarantine_with_its_reason(tmp_path: Path, data: bytes, reason: str):
    lay(tmp_path, {"real/a.jpg": data, "real/b.png": picture(2)})
    bad = read(tmp_path).quarantine.row(0, named=True)
    assert (bad["source"], bad["container"], bad["path"]) == ("folders", ".", "real/a.jpg")
    assert bad["reason"].startswith(reason)


def test_a_name_that_is_not_utf8_goes_to_quarantine(tmp_path: Path):
    lay(tmp_path, {"real/caf\udce9.png": picture(1)})
    assert read(tmp_path).quarantine["path"].to_list() == ["real/caf\\udce9.png"]


def test_quarantine_is_sorted(tmp_path: Path):
    lay(tmp_path, {f"{folder}/{name}.png": b"" for folder in ("real", "training_real") for name in "ba"})
    bad = read(tmp_path).quarantine
    assert bad.equals(bad.sort("source", "container", "path"))


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(examining, "CHUNK", 5)
    files = {f"{'real' if number % 3 else 'fake'}/{number}.png": picture(number % 18) for number in range(20)}
    lay(tmp_path, files | {"real/bad.png": b"", "fake/bad.png": b"x"})
    return tmp_path


def test_the_number_of_processes_changes_nothing(many: Path):
    alone, together = read(many), read(many, parallel=TWO)
    assert alone.images.equals(together.images)
    assert alone.quarantine.equals(together.quarantine)


def test_progress_counts_every_file(many: Path):
    heard: list[int] = []
    build_manifest(examine_files(many, SOURCES, LIMITS, ONE_PROCESS, heard.append))
    assert sum(heard) == 22


def test_files_of_no_source_are_counted(tmp_path: Path):
    lay(tmp_path, FACES | {"list.csv": b"", "readme.txt": b""})
    found = count_files(tmp_path, SOURCES)
    assert (found.recognised, found.named(NO_SOURCE)) == (4, ["list.csv", "readme.txt"])


def test_a_missing_raw_folder_is_named(tmp_path: Path):
    with pytest.raises(FacesiftError, match="faces: no such folder"):
        count_files(tmp_path / "faces", SOURCES)


def test_a_folder_without_images_says_what_was_looked_for(tmp_path: Path):
    lay(tmp_path, {"list.csv": b""})
    with pytest.raises(FacesiftError, match=r"no image found.*list\.csv.*training_real.*data\.sources\.rff.*real and"):
        count_files(tmp_path, SOURCES)


def test_the_summary_counts_by_source_and_label(tmp_path: Path):
    lay(tmp_path, FACES | {"real/copy.webp": FACES["test/REAL/9.webp"], "real/bad.png": b""})
    assert summarise_manifest(read(tmp_path)) == {
        "images": {"folders": {"real": 1}, "rff": {"fake": 2, "real": 1}},
        "exact_duplicates": 1,
        "quarantined": 1,
        "warnings": {},
    }


@pytest.fixture
def shared_zip(tmp_path: Path) -> Callable[[str], Path]:
    def link(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"needs {name}")
        (tmp_path / name).symlink_to(SHARED / name)
        return tmp_path

    return link


def test_the_public_rff_archive_is_read_in_full(shared_zip: Callable[[str], Path]):
    found = read(shared_zip("real-and-fake-face-detection.zip"), {"rff": Layout(Source(layout="rff"))}, limits=GENEROUS)
    counts = dict(found.images.group_by("label").len().rows())
    assert (counts, found.quarantine.height) == ({"real": 873, "fake": 763}, 0)
    assert found.images.filter(label="fake")["nose"].null_count() == 1


def test_the_public_cifake_archive_has_folds(shared_zip: Callable[[str], Path]):
    found = read(shared_zip("cifake.zip"), {"cifake": Layout(Source(layout="class_folders"))}, limits=GENEROUS)
    assert found.images.height + found.exact_duplicates == 8000
    assert set(found.images["fold"]) == {"train", "test"}
