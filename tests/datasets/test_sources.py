"""Folders, zips, tars and tables as people have them, each as one source: what is read, and what is named."""

import io
import json
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.config.data import ByColumn, Columns, Ingest
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.left_out import check_rows, report_left_out, tell_left_out
from facesift.datasets.manifest import Manifest, build_manifest
from facesift.datasets.source_files import FileCounts, count_files
from facesift.images.formats import FORMATS
from tests.made_config import Source

LIMITS = Ingest(max_bad_fraction=1, max_unmatched=0, max_pixels=10_000, max_bytes=100_000, formats=[*FORMATS])
CSV = {"layout": "csv", "folder": "images", "csv": "train.csv"}
ALIASES = {"real": ["0_real", "original*", "0"], "fake": ["1_fake", "manipulated*", "1"]}


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def lay(root: Path, files: dict[str, bytes | str | int]) -> None:
    """Write files; a number stands for a picture."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data_of(data))


def data_of(data: bytes | str | int) -> bytes:
    return picture(data) if isinstance(data, int) else data.encode() if isinstance(data, str) else data


def zipped(files: dict[str, bytes | str | int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data_of(data))
    return buffer.getvalue()


def tarred(files: dict[str, bytes | str | int]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data_of(data))
            archive.addfile(info, io.BytesIO(data_of(data)))
    return buffer.getvalue()


def read(raw: Path, **source: Any) -> tuple[Manifest, FileCounts]:
    layouts = make_layouts(raw, {"s": Source(**({"layout": "class_folders"} | source))}, ("real", "fake"))
    found = count_files(raw, layouts)
    return build_manifest(examine_files(raw, layouts, LIMITS, ONE_PROCESS, lambda _: None)), found


def labels(raw: Path, **source: Any) -> dict[str, str]:
    images = read(raw, **source)[0].images
    return {"/".join(place): label for *place, label in images.select("container", "path", "label").sort("path").rows()}


def test_zips_in_class_folders_have_the_class_of_the_folder(tmp_path: Path):
    march = {"real/march.zip": zipped({"a.png": 1}), "fake/march.zip": zipped({"x/a.png": 2}), "fake/loose.png": 3}
    lay(tmp_path, march)
    assert labels(tmp_path) == {
        "real/march.zip/a.png": "real", "fake/march.zip/x/a.png": "fake", "./fake/loose.png": "fake",
    }  # fmt: skip


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_named_for_classes_are_class_folders(tmp_path: Path, pack):
    ending = "zip" if pack is zipped else "tar"
    lay(tmp_path, {f"Real.{ending}": pack({"a.png": 1}), f"sub/fake.{ending}": pack({"x/b.png": 2})})
    assert sorted(labels(tmp_path).values()) == ["fake", "real"]


def test_zips_in_a_zip_are_class_folders_too(tmp_path: Path):
    inner = {"real.zip": zipped({"a.png": 1}), "fake.zip": zipped({"b.png": 2}), "real/c.png": 3}
    lay(tmp_path, {"all.zip": zipped(inner)})
    assert labels(tmp_path) == {
        "all.zip/real.zip/a.png": "real", "all.zip/fake.zip/b.png": "fake", "all.zip/real/c.png": "real",
    }  # fmt: skip


def test_other_names_of_class_folders_and_their_folds(tmp_path: Path):
    lay(tmp_path, {"train/progan/0_real/1.png": 1, "val/1_FAKE/2.png": 2, "test/manipulated_sequences/x/c23/3.png": 3})
    images = read(tmp_path, aliases=ALIASES)[0].images
    assert images.select("path", "label", "fold").sort("path").rows() == [
        ("test/manipulated_sequences/x/c23/3.png", "fake", "test"),
        ("train/progan/0_real/1.png", "real", "train"), ("val/1_FAKE/2.png", "fake", "val"),
    ]  # fmt: skip


def test_folders_of_no_class_are_named_with_the_parameter_that_says_what_they_are(tmp_path: Path):
    lay(tmp_path, {"0_real/1.png": 1, "1_fake/2.png": 2})
    with pytest.raises(FacesiftError, match=r"The folders are 0_real, 1_fake: data\.sources\.NAME\.aliases says"):
        read(tmp_path)


def test_what_is_excluded_is_counted_and_no_fake(tmp_path: Path):
    lay(
        tmp_path, {"fake/1.png": 1, "fake/masks/1.png": 2, "a.zip": zipped({"real\\2.png": 3, "real\\Masks\\2.png": 4})}
    )
    manifest, found = read(tmp_path, exclude=["**/masks/**"])
    assert dict(manifest.images.select("path", "label").rows()) == {"fake/1.png": "fake", "real\\2.png": "real"}
    assert report_left_out(found)["passed_over"] == {"exclude: **/masks/**": 2}


def test_files_of_no_source_are_named_and_in_the_quarantine_list(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fakes/2.png": 2, **{f"more/{n:02}.png": n for n in range(12)}})
    _, found = read(tmp_path)
    said = report_left_out(found)
    assert (said["ignored"], said["ignored_first"][:2]) == (13, ["fakes/2.png", "more/00.png"])
    assert len(said["ignored_first"]) == 10
    assert found.left_out()["path"].to_list()[:2] == ["fakes/2.png", "more/00.png"]
    assert tell_left_out(found)[0].startswith("13 files in no source of data.sources, ignored: fakes/2.png")


@pytest.mark.parametrize("name", ["fake.7z", "fake.rar", "fake.tar.gz", "more/fake.TGZ"])
def test_an_archive_that_is_not_read_stops(tmp_path: Path, name: str):
    lay(tmp_path, {"real/1.png": 1, "fake/2.png": 2, name: b"7z\xbc\xaf"})
    with pytest.raises(FacesiftError, match=rf"{name}: an archive of a kind that is not read: unpack it"):
        read(tmp_path)


def test_rows_without_an_image_stop_and_are_named_by_class(tmp_path: Path):
    rows = "".join(f"{number}.png,{('real', 'fake')[number % 2]}\n" for number in range(30))
    lay(tmp_path, {"train.csv": f"id,label\n{rows}", **{f"images/{number}.png": number for number in range(6)}})
    _, found = read(tmp_path, **CSV)
    with pytest.raises(
        FacesiftError,
        match=r"s: 24 of 30 rows of train\.csv have no image: 12 x fake \(7\.png, .* 25\.png \.\.\.\), 12 x real \(6",
    ):
        check_rows(found, LIMITS)
    check_rows(found, LIMITS.model_copy(update={"max_unmatched": 24}))
    table = report_left_out(found)["tables"]["s"]
    assert (table["rows"], table["without_image"]) == ({"real": 15, "fake": 15}, {"fake": 12, "real": 12})
    assert table["without_image_first"]["real"] == [f"{number}.png" for number in range(6, 26, 2)]
    assert found.left_out().height == 24


def test_files_that_no_row_names_are_counted_and_named(tmp_path: Path):
    lay(tmp_path, {"train.csv": "id,label\n1,real\n", "images/1.png": 1, "images/2.png": 2, "images/2.txt": "x"})
    said = report_left_out(read(tmp_path, **CSV)[1])
    assert (said["unlisted"], said["unlisted_first"], said["passed_over"]) == (1, ["images/2.png"], {"*.txt": 1})


@pytest.mark.parametrize("names", [("1.png", "1.png"), ("1", "1.png"), ("./images/1.png", "images\\1.png")])
def test_an_image_with_two_labels_goes_to_quarantine_with_both(tmp_path: Path, names: tuple[str, str]):
    table = f"id,label\n{names[0]},real\n{names[1]},fake\n2,real\n3,real\n"
    lay(tmp_path, {"train.csv": table, **{f"images/{number}.png": number for number in (1, 2, 3)}})
    manifest, found = read(tmp_path, **CSV)
    (row,) = manifest.quarantine.to_dicts()
    assert (row["path"], row["label"]) == ("images/1.png", "fake")  # the rarer class
    assert row["reason"] == f"labelled several ways: real (train.csv: {names[0]}) and fake (train.csv: {names[1]})"
    assert manifest.images.height == 2
    assert report_left_out(found)["tables"]["s"]["again"] == 1


def test_an_image_that_is_named_twice_with_one_label_is_told(tmp_path: Path):
    lay(tmp_path, {"train.csv": "id,label\n1,real\n1.png,real\n", "images/1.png": 1})
    manifest, found = read(tmp_path, **CSV)
    assert (manifest.images.height, manifest.quarantine.height) == (1, 0)
    assert tell_left_out(found) == ["s: 1 rows name an image that a row before them names: 1.png"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_of_a_mac_and_of_a_zip_without_utf8_are_found(tmp_path: Path, form: str):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images/zXX.png", picture(1))
        archive.writestr("train.csv", f"id,label\n{unicodedata.normalize(form, 'zé.png')},fake\n")
    data = buffer.getvalue().replace(b"images/zXX.png", "images/zé.png".encode())  # the flag for UTF-8 is not set
    lay(tmp_path, {"a.zip": data})
    assert list(labels(tmp_path, **CSV).values()) == ["fake"]


def test_labels_of_numbers_have_the_class_that_the_parameters_say(tmp_path: Path):
    lay(tmp_path, {"t.csv": "Datei;Klasse;wer\na/1.jpg;1.0;ann\na/2.jpg;0;\n", "a/1.png": 1, "a/2.png": 2})
    columns, group = Columns(id="Datei", label="Klasse"), ByColumn(by="column", column="wer")
    manifest, _ = read(tmp_path, layout="csv", csv="t.csv", columns=columns, aliases=ALIASES, group=group)
    rows = manifest.images.select("path", "label", "known_group").sort("path").rows()
    assert rows == [("a/1.png", "fake", "s/ann"), ("a/2.png", "real", None)]


def test_an_unknown_label_is_named_with_the_parameter(tmp_path: Path):
    lay(tmp_path, {"train.csv": "id,label\n1,0\n", "images/1.png": 1})
    with pytest.raises(FacesiftError, match=r"train\.csv: 1 has the label '0', .*data\.sources\.s\.aliases says what"):
        read(tmp_path, **CSV)


def test_the_json_of_deepfakebench_gives_labels_and_splits(tmp_path: Path):
    video = {"000": {"label": "FF-real", "frames": ["FaceForensics++\\original\\frames\\000\\000.png"]}}
    fake = {"000_003": {"label": "FF-DF", "frames": ["FaceForensics++/manipulated/frames/000_003/000.png"]}}
    listed = {"FF-DF": {"FF-real": {"train": {"c23": video}}, "FF-DF": {"test": {"c23": fake}}}}
    lay(tmp_path, {
        "dataset_json/FF-DF.json": json.dumps(listed), "set/original/frames/000/000.png": 1,
        "set/manipulated/frames/000_003/000.png": 2, "set/manipulated/masks/000_003/000.png": 3,
    })  # fmt: skip
    manifest, found = read(
        tmp_path, layout="csv", csv="FF-DF.json", aliases={"real": ["FF-real"], "fake": ["FF-*"]}, exclude=["masks"]
    )
    assert manifest.images.select("path", "label", "fold").sort("path").rows() == [
        ("set/manipulated/frames/000_003/000.png", "fake", "test"),
        ("set/original/frames/000/000.png", "real", "train"),
    ]  # fmt: skip
    assert found.left_out().is_empty()


def test_a_list_of_forensichub_is_read(tmp_path: Path):
    listed = [{"path": "/mnt/data/x/1.png", "label": 1}, {"path": "/mnt/data/y/1.png", "label": 0}]
    lay(tmp_path, {"train.json": json.dumps(listed), "x/1.png": 1, "y/1.png": 2})
    assert labels(tmp_path, layout="csv", csv="train.json", aliases=ALIASES) == {
        "./x/1.png": "fake",
        "./y/1.png": "real",
    }


def test_an_imagefolder_of_hugging_face_is_read(tmp_path: Path):
    lay(tmp_path, {
        "train/metadata.jsonl": '{"file_name": "1.png", "label": 0}\n', "train/1.png": 1,
        "test/metadata.jsonl": '{"file_name": "1.png", "label": 1}\n', "test/1.png": 2,
    })  # fmt: skip
    manifest, _ = read(tmp_path, layout="csv", csv="metadata.jsonl", aliases=ALIASES)
    assert manifest.images.select("path", "label", "fold").sort("path").rows() == [
        ("test/1.png", "fake", "test"), ("train/1.png", "real", "train"),
    ]  # fmt: skip


def test_tars_of_webdataset_are_read(tmp_path: Path):
    samples = {
        "a.png": 1, "a.cls": "0", "b.png": 2, "b.json": '{"label": 1}', "b.txt": "a caption", "c.png": 3, "d.cls": "1",
        "x/a.left.png": 4, "x/a.cls": "fake\n",
    }  # fmt: skip
    lay(tmp_path, {"train-0000.tar": tarred(samples)})
    manifest, found = read(tmp_path, layout="webdataset", aliases=ALIASES)
    assert dict(manifest.images.select("path", "label").rows()) == {
        "a.png": "real",
        "b.png": "fake",
        "x/a.left.png": "fake",
    }
    said = report_left_out(found)
    assert (said["unlisted_first"], said["tables"]["s"]["without_image_first"]) == (
        ["train-0000.tar/c.png"],
        {"fake": ["d"]},
    )


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({"i.001.png": 1, "i.001.cls": "0", "i.002.png": 2, "i.002.cls": "1"}, "has the labels i.001.cls, i.002.cls"),
        ({"a.jpg": 1, "a.mask.png": 2, "a.cls": "1"}, "a.cls is the label of several images: a.jpg, a.mask.png"),
    ],
)
def test_a_sample_whose_label_could_mean_several_images_is_refused(tmp_path: Path, samples: Any, message: str):
    lay(tmp_path, {"train-0000.tar": tarred(samples)})
    with pytest.raises(FacesiftError, match=message):
        read(tmp_path, layout="webdataset", aliases=ALIASES)


def test_a_table_with_file_names_and_numbers_goes_by_the_names(tmp_path: Path):
    table = b"id,file_name,label\n1,0.png,real\n0,1.png,fake\n"
    lay(tmp_path, {"0.png": 1, "1.png": 2, "t.csv": table})
    manifest, _ = read(tmp_path, layout="csv", csv="t.csv")
    assert dict(manifest.images.select("path", "label").rows()) == {"0.png": "real", "1.png": "fake"}


def parquet(path: Path, labelled: list[Any], **metadata: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    images = [{"bytes": picture(number), "path": f"{number}.png"} for number in range(len(labelled))]
    table = pl.DataFrame({"label": labelled}).with_columns(image=pl.Series(images, dtype=kind))
    table.write_parquet(path, metadata=metadata)


def test_parquet_files_of_hugging_face_are_read(tmp_path: Path):
    names = json.dumps({"info": {"features": {"label": {"names": ["real", "fake"], "_type": "ClassLabel"}}}})
    parquet(tmp_path / "data/test-00000-of-00001.parquet", [0, 1, 1], huggingface=names)
    images = read(tmp_path, layout="parquet")[0].images
    assert set(images["container"]) == {"data/test-00000-of-00001.parquet"}
    assert images.select("path", "label", "fold").sort("path").rows() == [
        ("0", "real", "test"), ("1", "fake", "test"), ("2", "fake", "test"),
    ]  # fmt: skip


def test_parquet_files_without_a_column_of_labels_are_named(tmp_path: Path):
    parquet(tmp_path / "a.parquet", [0, 1])
    with pytest.raises(FacesiftError, match=r"a\.parquet: columns are .*labels must be in 'target'; data\.sources"):
        read(tmp_path, layout="parquet", columns=Columns(id="image", label="target"))


def with_masks(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    columns = {"mask": [picture(1), picture(2)], "image": [picture(3), picture(4)], "label": [0, 1]}
    pl.DataFrame(columns).write_parquet(path)


def test_a_parquet_file_with_photos_and_masks_is_refused_until_one_is_named(tmp_path: Path):
    with_masks(tmp_path / "a.parquet")
    source = {"layout": "parquet", "aliases": ALIASES}
    with pytest.raises(FacesiftError, match=r"several columns may hold images: mask, image.*data\.sources\.s\.columns"):
        read(tmp_path, **source)
    with pytest.raises(FacesiftError, match=r"the first such column is read: write the file without 'mask'"):
        read(tmp_path, columns=Columns(id="image", label="label"), **source)
    assert read(tmp_path, columns=Columns(id="mask", label="label"), **source)[0].images.height == 2


def test_a_parquet_column_of_several_labels_is_refused(tmp_path: Path):
    pl.DataFrame({"image": [picture(1)], "label": [[0, 1]]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(FacesiftError, match=r"column 'label' holds List\(Int64\), and must hold texts or numbers"):
        read(tmp_path, layout="parquet", aliases=ALIASES)


def test_a_parquet_file_with_photos_and_masks_in_a_class_folder_is_refused(tmp_path: Path):
    with_masks(tmp_path / "real/a.parquet")
    with pytest.raises(
        FacesiftError, match=r"real/a\.parquet: several columns may.*write the file with the photos alone"
    ):
        read(tmp_path)


@pytest.mark.parametrize("glob", ["fake/masks/", "/fake/masks/**", "./fake/masks/*", "Fake\\masks\\"])
def test_a_folder_is_excluded_however_its_glob_is_written(tmp_path: Path, glob):
    lay(tmp_path, {"real/1.png": 1, "fake/1.png": 2, "fake/masks/m.png": 3})
    assert sorted(labels(tmp_path, exclude=[glob])) == ["./fake/1.png", "./real/1.png"]


def test_an_archive_without_a_file_that_is_excluded_is_counted(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake/1.png": 2, "fake/old.zip": zipped({})})
    assert dict(read(tmp_path, exclude=["old.zip"])[1].passed) == {"exclude: old.zip": 1}


def test_a_glob_that_excludes_nothing_is_told(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake/1.png": 2, "fake/masks/m.png": 3})
    found = read(tmp_path, exclude=["data/raw/x/fake/masks/**", "masks"])[1]
    assert dict(found.passed) == {"exclude: data/raw/x/fake/masks/**": 0, "exclude: masks": 1}
    assert tell_left_out(found) == [
        "passed over, as they are no images: 1 x exclude: masks",
        "data.sources.NAME.exclude leaves out no file by data/raw/x/fake/masks/**: look how it is written",
    ]


@pytest.mark.parametrize(
    "source", [{"folder": "data/imgs"}, {"csv": "data/t.csv"}, {"folder": "Imgs/", "csv": "./t.csv"}]
)
def test_a_table_and_its_folder_may_be_named_with_the_folder_above(tmp_path: Path, source):
    lay(tmp_path, {"data/t.csv": "id,label\n1,real\n2,fake\n", "data/imgs/1.png": 1, "data/imgs/2.png": 2})
    lay(tmp_path, {"x/imgs/1.jpg": 3} if source.get("folder") == "data/imgs" else {})
    assert labels(tmp_path, **({"layout": "csv", "csv": "t.csv"} | source)) == {
        "./data/imgs/1.png": "real", "./data/imgs/2.png": "fake",
    }  # fmt: skip


def test_a_folder_of_one_class_may_be_named_with_the_folder_above(tmp_path: Path):
    lay(tmp_path, {"a/b/1.png": 1, "b/2.png": 2})
    assert labels(tmp_path, layout="one_class", folder="a/b", label="real") == {"./a/b/1.png": "real"}


def test_an_alias_that_is_a_path_is_refused():
    with pytest.raises(ValueError, match=r"names of single folders, not paths; given: manipulated/Deepfakes"):
        Source(layout="class_folders", aliases={"fake": ["manipulated/Deepfakes"]})


def test_where_no_zip_has_the_name_that_is_looked_for_those_there_are_are_named(tmp_path: Path):
    lay(tmp_path, {"april.zip": zipped({"real/1.png": 1}), "x/fake/1.png": 2})
    with pytest.raises(FacesiftError, match=r"none where data\.sources\.NAME\.within looks: there are april\.zip, x$"):
        read(tmp_path, within="march.zip")


def test_a_table_without_any_image_is_told(tmp_path: Path):
    lay(tmp_path, {"t.csv": "id,label\n1,real\n"})
    with pytest.raises(FacesiftError, match=r"no image found, but no files; none of the 1 rows of t\.csv names one"):
        read(tmp_path, layout="csv", csv="t.csv")


@pytest.mark.parametrize("pack", [None, zipped, tarred])
def test_an_image_that_is_called_like_a_sidecar_is_an_image(tmp_path: Path, pack):
    files = {
        "real/1.png": 1,
        "real/1.png.txt": "a caption",
        "fake/2.jpg.txt": 2,
        "fake/3.npy": b"\x93NUMPY",
        "fake/4.md": 4,
    }
    lay(tmp_path, files if pack is None else {f"all.{'zip' if pack is zipped else 'tar'}": pack(files)})
    manifest, found = read(tmp_path)
    assert manifest.images.sort("path")["path"].to_list() == ["fake/2.jpg.txt", "fake/4.md", "real/1.png"]
    assert (found.by_class, dict(found.passed)) == ({"fake": 2, "real": 1}, {"*.npy": 1, "*.txt": 1})


def test_folders_are_called_classes_only_where_folders_say_the_class(tmp_path: Path):
    lay(tmp_path, {"t.csv": "id,label\nx,real\n", "clips/1.png": 1})
    with pytest.raises(FacesiftError) as error:
        read(tmp_path, layout="csv", csv="t.csv")
    assert "aliases" not in str(error.value)


def test_an_archive_in_a_tar_stops(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "all.tar": tarred({"fake.zip": zipped({"2.png": 2})})})
    with pytest.raises(FacesiftError, match=r"all\.tar/fake\.zip: an archive of a kind that is not read"):
        read(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import os

    lay(tmp_path, {"real/1.png": 1, "fake/2.png": 2})
    scan = os.scandir

    def refuse(folder: Path):
        if Path(folder).name == "fake":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FacesiftError, match=r"fake: the folder cannot be read: Permission denied"):
        read(tmp_path)


def test_a_zip_whose_name_is_not_utf8_is_quarantined_with_its_images(tmp_path: Path):
    lay(tmp_path, {"real/1.png": 1, "fake/caf\udce9.zip": zipped({"2.png": 2}), "fake\udce9/3.png": 3})
    manifest, found = read(tmp_path)
    assert manifest.quarantine.select("container", "reason").rows() == [
        ("fake/caf\\udce9.zip", "its name is not valid UTF-8: rename it"),
    ]  # fmt: skip
    assert report_left_out(found)["ignored_first"] == ["fake\\udce9/3.png"]
