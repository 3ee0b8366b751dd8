import unicodedata

import pytest

from facesift.core.errors import FacesiftError
from facesift.images.archives import LOOSE, RawFile
from facesift.labels.row_matching import Matches, TableRow, match_rows


def match(images: list[str], paths: list[str], folder: str | None = "images", table: str = "train.csv") -> Matches:
    files = [RawFile(*path.split("!")) if "!" in path else RawFile(LOOSE, path) for path in paths]
    return match_rows([TableRow(image, "real", None, None, table) for image in images], files, folder)


def found(images: list[str], paths: list[str], folder: str | None = "images", table: str = "train.csv") -> dict:
    matches = match(images, paths, folder, table)
    pairs = {row.image: file.path for file, rows in matches.rows.items() for row in rows}
    return pairs | {row.image: None for row in matches.lost}


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")


@pytest.mark.parametrize(
    "image",
    [
        "images/1.png", "./images/1.png", "images\\1.png", ".\\images\\1.png", "/home/me/data/images/1.png",
        "C:\\Users\\me\\images\\1.png", "\\\\server\\share\\images\\1.png", "1.png", "1", "1.jpg", "1.JPEG", "1.PNG",
        "IMAGES/1.png", "../images/1.png", "images//1.png", " 1.png ", "set/images/1.png", "images/x/../1.png",
        "/kaggle/input/other/1.png",
    ],
)  # fmt: skip
def test_a_row_finds_its_image_however_its_path_is_written(image: str):
    assert found([image], ["images/1.png", "images/2.png", "images/11.png"]) == {image: "images/1.png"}


@pytest.mark.parametrize(
    ("image", "path"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), ("STRASSE.png", "straße.png")]
)
def test_composed_and_decomposed_accents_and_other_case_are_the_same_name(image: str, path: str):
    assert found([image], [f"images/{path}"]) == {image: f"images/{path}"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "cp1252", "cp866", "cp932"])
def test_names_that_a_zip_garbled_are_found(encoding: str):
    name = {"cp866": "лицо.png", "cp932": "顔.png"}.get(encoding, "zoë é.png")
    garbled = name.encode(encoding).decode("cp437")
    assert found([name], [f"a.zip!images/{garbled}"]) == {name: f"images/{garbled}"}


def test_a_name_that_was_unpacked_in_another_encoding_is_found():
    garbled = "zoë.png".encode().decode("cp1252")
    assert found(["zoë.png"], [f"images/{garbled}"]) == {"zoë.png": f"images/{garbled}"}


def test_a_name_on_the_disk_that_is_not_utf8_is_found():
    assert found(["café.png"], ["images/caf\udce9.png"]) == {"café.png": "images/caf\udce9.png"}


def test_a_dot_in_a_name_begins_no_ending():
    assert found(["anna.smith", "anna.jones"], ["images/anna.smith.png", "images/anna.jones.png"]) == {
        "anna.smith": "images/anna.smith.png", "anna.jones": "images/anna.jones.png",
    }  # fmt: skip


def test_files_without_an_ending_are_found():
    assert found(["anna.smith.jpg"], ["images/anna.smith"]) == {"anna.smith.jpg": "images/anna.smith"}


def test_of_two_files_the_one_whose_path_agrees_is_taken():
    paths = ["train/images/1.png", "test/images/1.png"]
    assert found(["/data/test/images/1.png", "train/images/1.png"], paths) == {
        "/data/test/images/1.png": "test/images/1.png", "train/images/1.png": "train/images/1.png",
    }  # fmt: skip


def test_a_name_alone_means_the_file_directly_in_the_folder():
    assert found(["1.png"], ["images/1.png", "images/old/1.png"]) == {"1.png": "images/1.png"}


def test_paths_are_relative_to_the_tables_own_folder_first():
    rows = [TableRow("1.png", label, None, None, f"{fold}/metadata.csv") for fold, label in (("a", "x"), ("b", "y"))]
    matches = match_rows(rows, [RawFile(LOOSE, "a/1.png"), RawFile(LOOSE, "b/1.png")], None)
    assert {file.path: [row.label for row in named] for file, named in matches.rows.items()} == {
        "a/1.png": ["x"], "b/1.png": ["y"],
    }  # fmt: skip


def test_an_exact_name_goes_before_one_in_other_case():
    assert found(["a.png", "A.png"], ["images/A.png", "images/a.png"]) == {
        "a.png": "images/a.png",
        "A.png": "images/A.png",
    }


def test_a_row_that_fits_two_files_equally_well_is_refused_with_both():
    with pytest.raises(FacesiftError, match=r"train\.csv: 1 rows fit several files.*\n  1: images/1\.jpg, images/1\.p"):
        match(["1"], ["images/1.jpg", "images/1.png"])


def test_two_rows_that_fit_one_file_equally_badly_are_refused_with_both():
    with pytest.raises(FacesiftError, match=r"rows '1\.jpg', '1\.bmp' all seem to mean images/1\.png"):
        match(["1.jpg", "1.bmp"], ["images/1.png"])


def test_the_image_of_another_row_is_not_taken():
    assert found(["1.png", "1.jpg"], ["images/1.png"]) == {"1.png": "images/1.png", "1.jpg": None}


def test_a_file_of_that_name_in_another_folder_is_not_taken():
    assert found(["train/1.png", "test/2.png"], ["images/1.png", "images/test/2.png"]) == {
        "train/1.png": None, "test/2.png": "images/test/2.png",
    }  # fmt: skip


def test_two_names_of_one_image_belong_to_it():
    matches = match(["1", "1.png", "images/1.png"], ["images/1.png"])
    assert [[row.image for row in rows] for rows in matches.rows.values()] == [["1", "1.png", "images/1.png"]]


def test_rows_without_an_image_are_lost():
    assert [row.image for row in match(["1.png", "9.png"], ["images/1.png"]).lost] == ["9.png"]


def test_many_folders_with_the_same_frames_are_matched_in_a_moment():
    paths = [f"frames/{video:04}/{frame:03}.png" for video in range(800) for frame in range(5)]
    rows = [f"data\\{path.replace('/', chr(92))}" for path in paths]
    matches = match(rows, paths, None)
    assert len(matches.rows) == 4000
    assert not matches.lost


def test_blanks_that_a_program_wrote_as_in_an_address_are_found():
    images = ["/data/upload/my%20face.png", "/data/upload/100%.png", "/data/upload/a%2Bb.png"]
    paths = ["upload/my face.png", "upload/100%.png", "upload/a%2Bb.png", "upload/a+b.png"]
    assert found(images, paths, None) == dict(zip(images, paths[:3], strict=True))


def test_a_row_may_name_the_zip_of_its_image():
    assert found(["march.zip/x/1.png", "april.zip/x/1.png"], ["march.zip!x/1.png", "april.zip!x/1.png"], None) == {
        "march.zip/x/1.png": "x/1.png", "april.zip/x/1.png": "x/1.png",
    }  # fmt: skip
