import io
import zipfile

import pytest
from PIL import Image

from facesift.config.data import ByColumn, Ingest
from facesift.core.errors import FacesiftError
from facesift.datasets.examination import examine_files
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.manifest import build_manifest
from facesift.datasets.source_files import NO_ROW, count_files
from facesift.images.formats import FORMATS
from tests.made_config import Source

CLASSES = ("a", "b", "c")
SOURCES = {"flat": Source(layout="csv", folder="images", csv="train.csv")}
LIMITS = Ingest(max_bad_fraction=0.0, max_unmatched=0, max_pixels=10_000, max_bytes=10_000, formats=[*FORMATS])


def picture(value):
    data = io.BytesIO()
    Image.new("RGB", (20, 20), (value, value, value)).save(data, "PNG")
    return data.getvalue()


def write(folder, table="id,label\n1,a\n2.png,b\n3,c\n"):
    (folder / "images").mkdir(parents=True)
    for number in range(1, 5):
        (folder / f"images/{number}.png").write_bytes(picture(number))
    (folder / "train.csv").write_text(table)


def labels(raw):
    found = build_manifest(examine_files(raw, make_layouts(raw, SOURCES, CLASSES), LIMITS, 1, lambda _: None))
    return dict(found.images.select("path", "label").sort("path").rows())


def test_labels_come_from_the_table_by_name_with_or_without_ending(tmp_path):
    write(tmp_path)
    assert labels(tmp_path) == {"images/1.png": "a", "images/2.png": "b", "images/3.png": "c"}


def test_image_that_is_not_in_the_table_is_ignored_and_counted(tmp_path):
    write(tmp_path)
    found = count_files(tmp_path, make_layouts(tmp_path, SOURCES, CLASSES))
    assert (found.recognised, found.named(NO_ROW)) == (3, ["images/4.png"])  # the table itself is none


def test_table_and_images_may_be_in_a_zip(tmp_path):
    write(tmp_path / "loose")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted((tmp_path / "loose").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "loose").as_posix())
    (tmp_path / "raw").mkdir()
    (tmp_path / "set.zip").rename(tmp_path / "raw/set.zip")
    assert labels(tmp_path / "raw") == {"images/1.png": "a", "images/2.png": "b", "images/3.png": "c"}


def test_unknown_label_is_named(tmp_path):
    write(tmp_path, "id,label\n1,z\n")
    with pytest.raises(FacesiftError, match=r"train\.csv: 1 has the label 'z', which is not one of"):
        make_layouts(tmp_path, SOURCES, CLASSES)


def test_table_with_other_columns_is_named(tmp_path):
    write(tmp_path, "name,class\n1,a\n")
    with pytest.raises(FacesiftError, match=r"columns are \['name', 'class'\], but must include \['id', 'label'\]"):
        make_layouts(tmp_path, SOURCES, CLASSES)


def test_missing_table_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "train.csv").unlink()
    with pytest.raises(FacesiftError, match=r"no file train\.csv .*data\.sources\.flat\.csv"):
        make_layouts(tmp_path, SOURCES, CLASSES)


PEOPLE = "id,label,person\n1,a,ann\n2.png,b,ben\n3,c,\n"


def groups(raw, column="person"):
    sources = {"flat": SOURCES["flat"].model_copy(update={"group": ByColumn(by="column", column=column)})}
    found = build_manifest(examine_files(raw, make_layouts(raw, sources, CLASSES), LIMITS, 1, lambda _: None))
    return dict(found.images.select("path", "known_group").sort("path").rows())


def test_groups_come_from_a_column_of_the_table_and_nothing_in_it_is_no_group(tmp_path):
    write(tmp_path, PEOPLE)
    assert groups(tmp_path) == {"images/1.png": "flat/ann", "images/2.png": "flat/ben", "images/3.png": None}


def test_a_missing_column_of_groups_is_named_with_the_file(tmp_path):
    write(tmp_path, PEOPLE)
    with pytest.raises(
        FacesiftError, match=r"train\.csv: columns are .*'persona' \(data\.sources\.flat\.group\.column\)"
    ):
        groups(tmp_path, "persona")
