"""Inspecting a folder: it says what ingest then finds, and the study that it prints is one."""

import csv
import io
import json
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from facesift.cli.inspect import _class_names, tell
from facesift.config.compose import compose
from facesift.config.params import load_params, parse_params
from facesift.core.errors import FacesiftError
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.source_files import count_files
from facesift.inspection import study_block
from facesift.inspection.contact_sheet import write_contact_sheet
from facesift.inspection.guesses import guess_aliases
from facesift.inspection.inspecting import Asked, as_json, inspected, sample_quotas, source_name, spread
from facesift.inspection.study_block import study_text
from tests.made import ROOT

PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def image(seed, size=(40, 40)):
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def put(folder, *names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image([number, len(name)]))
    return folder


def zipped(path, *names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, image([number, len(name)]))
    return path


def table(folder, rows, delimiter=",", name="labels.csv"):
    with (folder / name).open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return folder


def class_folders(folder):
    return put(folder, "real/1.png", "real/2.png", "fake/1.png")


def other_names(folder):
    return put(folder, "train/0_real/1.png", "test/0_real/2.png", "train/1_fake/1.png")


def manipulated(folder):
    return put(folder, "original_sequences/youtube/1.png", "manipulated_sequences/Deepfakes/1.png", "x/original/2.png")


def label_table(folder):
    rows = [["id", "label"], ["1", "real"], ["2", "fake"], ["3", "real"]]
    return table(put(folder, "images/1.png", "images/2.png", "images/3.png"), rows)


def table_of_other_columns(folder):
    rows = [["image_path", "split", "target"], ["images/1.png", "train", "0"], ["images/2.png", "test", "1"]]
    return table(put(folder, "images/1.png", "images/2.png"), rows, ";")


def zip_in_class_folder(folder):
    zipped(folder / "real/march.zip", "1.png", "2.png")
    zipped(folder / "fake/march.zip", "forged.png")
    return folder


def one_zip(folder):
    return zipped(folder / "all.zip", "set/training_real/1.png", "set/training_fake/easy_1_1110.png")


def samples_in_a_tar(folder):
    folder.mkdir()
    with tarfile.open(folder / "shard-0.tar", "w") as archive:
        for number in range(4):
            for ending, data in (("png", image(number)), ("cls", str(number % 2).encode())):
                info = tarfile.TarInfo(f"{number:04}.{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return folder / "shard-0.tar"


def parquet(folder):
    folder.mkdir()
    rows = {"image": [{"bytes": image(number), "path": f"{number}.png"} for number in range(4)], "label": [0, 1, 0, 0]}
    pl.DataFrame(rows).write_parquet(folder / "train-0.parquet")
    return folder


LAYOUTS = {
    class_folders: ("class_folders", {"real": 2, "fake": 1}),
    other_names: ("class_folders", {"real": 2, "fake": 1}),
    manipulated: ("class_folders", {"real": 2, "fake": 1}),
    label_table: ("csv", {"real": 2, "fake": 1}),
    table_of_other_columns: ("csv", {"real": 1, "fake": 1}),
    zip_in_class_folder: ("class_folders", {"real": 2, "fake": 1}),
    one_zip: ("rff", {"real": 1, "fake": 1}),
    samples_in_a_tar: ("webdataset", {"real": 2, "fake": 2}),
    parquet: ("parquet", {"real": 3, "fake": 1}),
}


def asked(path, **changes):
    return Asked(path, PARAMS, ("real", "fake"), **({"faces": False} | changes))


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_the_study_that_is_printed_finds_what_was_found(tmp_path, make):
    path = make(tmp_path / "made")
    layout, by_class = LAYOUTS[make]
    with inspected(asked(path)) as found:
        text = study_text(found)
    assert found.best.block["layout"] == layout
    assert found.manifest.images.height == sum(by_class.values())
    params = study(tmp_path, found.name, text)
    raw = tmp_path / "data/raw" / params.data.raw
    raw.parent.mkdir(parents=True)
    if found.as_entry:
        raw.mkdir()
        shutil.copy(path, raw)
    else:
        raw.symlink_to(path)
    layouts = make_layouts(raw, params.data.sources, params.class_names.names)
    assert count_files(raw, layouts).by_class == found.best.counts.by_class == by_class


def study(tmp_path, name, text):
    """The parameters that `make study NAME=...` writes with the printed file."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / f"conf/study/{name}.yaml").write_text(text)
    return parse_params(compose(name, conf=tmp_path / "conf"))


def test_images_without_labels_are_for_people_to_label(tmp_path):
    with inspected(asked(put(tmp_path / "inbox", "1.png", "2.png"))) as found:
        text = study_text(found)
    assert (found.best.block, found.best.several) == ({"layout": "reviewed", "folder": "inbox"}, False)
    assert study(tmp_path, found.name, text).data.sources["inbox"].layout == "reviewed"


def test_what_ingest_would_leave_out_and_why_it_would_stop_is_said(tmp_path):
    folder = class_folders(tmp_path / "made")
    (folder / "fake/2.png").write_bytes(b"no image")
    (folder / "notes.docx").write_bytes(b"x")
    put(folder / "__MACOSX", "real/1.png")
    shutil.copy(folder / "real/1.png", folder / "real/copy.png")
    with inspected(asked(folder)) as found:
        said = "\n".join(tell(found))
    assert "fake: 1 of 2 files left out (50.00 %)" in said
    assert "not an image of a known format: .:fake/2.png" in said
    assert "1 file in no source of data.sources, ignored: notes.docx" in said
    assert "passed over, as they are no images: 1 x __MACOSX" in said
    assert "1 further copy of the same bytes" in said
    assert "ingest would stop: 1 of 2 fake files are bad" in said
    assert as_json(found)["files"] == {"real": 3, "fake": 2}


def test_classes_that_differ_in_their_formats_are_told(tmp_path):
    folder = class_folders(tmp_path / "made")
    Image.new("RGB", (50, 40)).save(folder / "fake/9.jpg")
    with inspected(asked(folder)) as found:
        said = "\n".join(tell(found))
    assert "formats: fake: 1 JPEG, 1 PNG; real: 2 PNG" in said
    assert "the classes differ in their formats" in said
    assert "sizes: fake: 40x40 to 50x40" in said


def test_folders_of_clips_are_a_hint_to_group_them(tmp_path):
    names = [f"{label}/clip{clip}/{frame}.png" for label in ("real", "fake") for clip in range(3) for frame in "ab"]
    with inspected(asked(put(tmp_path / "made", *names))) as found:
        assert any("group: {by: folder}" in line for line in tell(found))


def test_a_sample_is_spread_over_all_files_and_keeps_the_rarer_class(tmp_path):
    names = [f"real/{number:03}.png" for number in range(60)] + [f"fake/{number}.png" for number in range(4)]
    with inspected(asked(put(tmp_path / "made", *names), sample=20)) as found:
        images = found.manifest.images
    assert dict(images.group_by("label").len().rows()) == {"real": 18, "fake": 3}
    numbers = sorted(int(path[5:8]) for path in images.filter(label="real")["path"])
    assert numbers[0] < 6
    assert numbers[-1] > 53


def test_quotas_never_ask_for_more_than_there_is():
    assert (
        sample_quotas({"real": 5, "fake": 1}, None)
        == sample_quotas({"real": 5, "fake": 1}, 6)
        == {"real": 5, "fake": 1}
    )
    assert list(spread(iter([]), {}, {})) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda room: room / "gone", "gone: no such file or folder"),
        (lambda room: put(room, "photo.png") / "photo.png", "neither a folder nor one of"),
        (lambda room: (room / "empty").mkdir(parents=True) or room / "empty", "empty: no image is found there"),
    ],
)
def test_a_mistake_is_named(tmp_path, make, message):
    with pytest.raises(FacesiftError, match=message), inspected(asked(make(tmp_path / "room"))):
        pass


def test_a_damaged_zip_is_named_as_the_user_wrote_it(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    with pytest.raises(FacesiftError, match=str(tmp_path / "bad.zip")), inspected(asked(tmp_path / "bad.zip")):
        pass


def test_an_archive_that_is_not_read_is_named_once_as_the_user_wrote_it(tmp_path):
    folder = class_folders(tmp_path / "made")
    (folder / "fake/more.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    with pytest.raises(FacesiftError) as caught, inspected(asked(folder)):
        pass
    assert str(caught.value).count("an archive of a kind that is not read") == 1
    assert f"{folder}/fake/more.7z: an archive" in str(caught.value)
    assert "no image is found" not in str(caught.value)


def test_nothing_that_is_said_names_a_temporary_folder(tmp_path):
    path = tmp_path / "set.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("real/1.png", image(1))
        archive.writestr("labels.csv", "id,label\n")
        archive.writestr("images.csv", "name,y\n1,2\n")
    with inspected(asked(path)) as found:
        said = "\n".join([*tell(found), *found.stops, *(other.why_not for other in found.others)])
    assert "no image of the class fake" in said
    assert f"{path}/labels.csv: a table without rows" in said
    assert "facesift-" not in said


def test_the_contact_sheet_is_private_and_escapes_names(tmp_path):
    folder = class_folders(tmp_path / "made")
    put(folder, "fake/<script>alert(1)<img src=x>.png")
    page = tmp_path / "sheets/made.html"
    with inspected(asked(folder)) as found:
        assert write_contact_sheet(page, found, PARAMS.ingest) >= 4
    text = page.read_text()
    assert text.count("data:image/jpeg") >= 4
    assert "<script>" not in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert [each.name for each in page.parent.iterdir()] == ["made.html"]


def test_git_never_takes_a_contact_sheet(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "clone"], check=True)
    (tmp_path / "clone/.gitignore").write_text(".work/\n")
    with inspected(asked(class_folders(tmp_path / "made"))) as found:
        with pytest.raises(FacesiftError, match="git would take this page"):
            write_contact_sheet(tmp_path / "clone/docs/sheet.html", found, PARAMS.ingest)
        write_contact_sheet(tmp_path / "clone/.work/sheet.html", found, PARAMS.ingest)
    assert not (tmp_path / "clone/docs").exists()


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        (["0_real", "1_Fake"], {"real": ["0_real"], "fake": ["1_fake"]}),
        (["0", "1"], {"real": ["0"], "fake": ["1"]}),
        ([str(number) for number in range(20)], {}),
        (["Real Images", "fake-faces"], {"real": ["real images"], "fake": ["fake-faces"]}),
        (["not_fake", "non-real", "un real"], {}),
        (["live", "spoof", "train"], {"real": ["live"], "fake": ["spoof"]}),
        (["real_and_fake_face", "real", "fake"], {}),
    ],
)
def test_what_others_call_the_classes_is_guessed(names, aliases):
    assert guess_aliases(names, ("real", "fake")) == aliases
    assert guess_aliases(names, ("cat", "dog")) == {}


def test_the_command_prints_the_study_and_says_whether_there_is_one(tmp_path):
    command = [sys.executable, "-m", "facesift.cli.main", "inspect", "--no-faces", "--sheet", tmp_path / "sheet.html"]
    done = subprocess.run([*command, class_folders(tmp_path / "made")], check=False, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    printed = done.stdout.partition("conf/study/made.yaml:\n\n")[2]
    assert yaml.safe_load(printed)["data"]["sources"] == {"made": {"layout": "class_folders"}}
    assert yaml.safe_load(printed)["study"] == "made"
    assert "override /members: heads" in printed
    assert f"{tmp_path / 'sheet.html'}: " in done.stderr


def test_a_folder_that_a_study_reads_as_it_is_needs_no_file_of_its_own(tmp_path):
    with inspected(asked(class_folders(tmp_path / "folders"))) as found:
        assert study_block.ready_study(found) == "folders_best"
        told = tell(found)[-1]
    assert told.startswith("Study folders_best reads this folder: move or link ")
    assert "make study NAME=folders_best" in told
    assert "save the following" not in told
    with inspected(asked(class_folders(tmp_path / "made"))) as found:
        assert study_block.ready_study(found) is None


@pytest.mark.parametrize("installed", [True, False])
def test_the_weights_come_first_if_they_are_not_installed(monkeypatch, installed):
    monkeypatch.setattr(study_block, "is_installed", lambda _: installed)
    rest = ["make study NAME=made", "dvc repro"]
    assert study_block.commands("made") == (rest if installed else ["facesift weights clip", *rest])


def test_the_study_is_written_for_the_user_but_never_over_another_one(tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    path = tmp_path / "conf/study/made.yaml"
    with inspected(asked(class_folders(tmp_path / "made"))) as found:
        assert study_block.write_study_file(found, tmp_path / "conf") == path
        study_block.write_study_file(found, tmp_path / "conf")
        assert path.read_text() == study_text(found)
        path.write_text(path.read_text() + "seed: 7\n")
        with pytest.raises(FacesiftError, match="is there already, with other content"):
            study_block.write_study_file(found, tmp_path / "conf")
    assert path.read_text().endswith("seed: 7\n")
    assert source_name(Path("made")) == "made"


def test_the_study_takes_no_name_of_another_one(tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf/study/made.yaml").write_text("another")
    with inspected(asked(class_folders(tmp_path / "made"))) as found:
        path = study_block.write_study_file(found, tmp_path / "conf")
        assert study_block.write_study_file(found, tmp_path / "conf") == path == tmp_path / "conf/study/made_2.yaml"
        values = yaml.safe_load(path.read_text())
    assert (values["study"], values["data"]["raw"]) == ("made_2", "made")
    assert (tmp_path / "conf/study/made.yaml").read_text() == "another"
    assert "make study NAME=made_2" in path.read_text()


@pytest.mark.parametrize(("rows", "few"), [([1, 1, None], False), ([1, None, None], True)])
def test_few_faces_are_told_and_the_study_is_one_all_the_same(tmp_path, rows, few):
    with inspected(asked(class_folders(tmp_path / "made"))) as found:
        images = found.manifest.images.with_columns(pl.Series("face_box", rows))
        faces = {"made": {"real": {"found": 1, "unfound": 2}}}
        looked = replace(found, no_faces="", manifest=replace(found.manifest, images=images, faces=faces))
        assert any("few images have a face" in line for line in tell(looked)) == few
        assert study(tmp_path, found.name, study_text(looked)).data.crop.unfound == "centre"


def test_the_number_of_files_to_decode_is_known_before_the_first_is_done(tmp_path):
    told = []
    with inspected(asked(class_folders(tmp_path / "made")), lambda *files: told.append(files)):
        pass
    assert told == [(0, 3), (3, 3)]


def test_a_label_table_that_cannot_be_read_is_no_image_to_review(tmp_path):
    folder = table(put(tmp_path / "made", "1.png", "2.png"), [["id", "label", "label"], ["1", "real", "x"]])
    with inspected(asked(folder)) as found:
        assert found.best.block == {"layout": "reviewed", "folder": "made", "exclude": ["*.csv"]}
        assert (found.files, found.stops) == (2, [])
        assert any("two columns" in line for line in tell(found))


DEEPFAKE_BENCH = {
    "FF-real": {"train": {"c23": {"0": {"label": "FF-real", "frames": ["made/1.png"]}}}},
    "FF-F2F": {"train": {"c23": {"1": {"label": "FF-F2F", "frames": ["made/2.png"]}}}},
}


@pytest.mark.parametrize(
    ("value", "aliases"),
    [
        ([{"path": "1.png", "label": 0}, {"path": "2.png", "label": 1}], {"real": ["0"], "fake": ["1"]}),
        ([{"img_path": "1.png", "target": "real"}, {"img_path": "2.png", "target": "fake"}], {}),
        (DEEPFAKE_BENCH, {"real": ["ff-real"], "fake": ["ff-f2f"]}),
    ],
)
def test_what_json_calls_names_and_classes_is_guessed(tmp_path, value, aliases):
    folder = put(tmp_path / "made", "1.png", "2.png")
    (folder / "t.json").write_text(json.dumps(value))
    with inspected(asked(folder)) as found:
        assert (found.best.several, found.best.block["csv"]) == (True, "t.json")
        assert found.best.block.get("aliases", {}) == aliases


def test_what_parquet_tables_call_names_and_classes_is_guessed(tmp_path):
    folder = put(tmp_path / "made", "1.png", "2.png")
    pl.DataFrame({"image": ["1.png", "2.png"], "target": [0, 1]}).write_parquet(folder / "t.parquet")
    with inspected(asked(folder)) as found:
        assert found.best.several
        assert found.best.block["columns"] == {"id": "image", "label": "target"}


@pytest.mark.parametrize(
    ("classes", "positive"), [(("fake", "real"), None), (("cat", "dog"), "dog"), (("a", "b", "c"), "c")]
)
def test_the_study_of_other_classes_is_one(tmp_path, classes, positive):
    folder = put(tmp_path / "made", *(f"{label}/{number}.png" for label in classes for number in range(2)))
    with inspected(Asked(folder, PARAMS, classes, faces=False)) as found:
        text = study_text(found)
    params = study(tmp_path, found.name, text)
    assert (tuple(params.classes), params.positive) == (classes, positive or "fake")
    assert ("positive" in text) == (positive is not None)


@pytest.mark.parametrize("text", ["", "real", "real,real", "real,,fake", "real,review", "a b,c"])
def test_names_of_classes_that_no_study_can_have_are_refused(text):
    with pytest.raises(FacesiftError, match="write two names or more, each once"):
        _class_names(text)


def test_blanks_between_names_of_classes_do_not_matter():
    assert _class_names("real, fake") == ("real", "fake")


def test_splits_that_leave_images_out_are_told(tmp_path):
    with inspected(asked(put(tmp_path / "made", "train/real/1.png", "test/fake/1.png"))) as found:
        assert any("(fake: 1 test; real: 1 train): split.predefined: true keeps them" in line for line in tell(found))
    with inspected(asked(put(tmp_path / "made", "train/real/1.png", "test/fake/1.png", "fake/2.png"))) as found:
        assert any("1 in none" in line and "since some are in none" in line for line in tell(found))


def test_a_table_with_a_folder_of_its_name_is_for_the_images_in_it(tmp_path):
    folder = put(tmp_path / "made", "train/1.png", "train/2.png", "test/1.png", "test/2.png")
    with inspected(asked(table(folder, [["id", "label"], ["1", "real"], ["2", "fake"]], name="train.csv"))) as found:
        assert found.best.several
        assert found.best.block == {"layout": "csv", "csv": "train.csv", "folder": "train"}


def test_several_tables_are_read_together_where_that_finds_more(tmp_path):
    folder = put(tmp_path / "made", *(f"{number}.png" for number in range(4)))
    for name, numbers in {"train.csv": "01", "val.csv": "23"}.items():
        table(folder, [["id", "label"], [numbers[0], "real"], [numbers[1], "fake"]], name=name)
    with inspected(asked(folder)) as found:
        assert (found.best.block["csv"], found.files) == ("*.csv", 4)


def test_samples_with_labels_in_json_are_recognised_and_sidecars_are_no_tables(tmp_path):
    with tarfile.open(tmp_path / "made.tar", "w") as archive:
        for name, data in (
            ("1.png", image(1)),
            ("1.json", b'{"label": 0}'),
            ("2.png", image(2)),
            ("2.json", b'{"label": 1}'),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with inspected(asked(tmp_path / "made.tar")) as found:
        assert (found.best.several, found.best.block["layout"]) == (True, "webdataset")
        assert {other.block["layout"] for other in found.others} == {"webdataset"}


def test_a_crowd_of_near_duplicates_is_a_hint_to_look_at_it(tmp_path):
    base = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for number in range(14):
        path = tmp_path / ("real" if number % 2 else "fake") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = base.copy()
        pixels[0, number] = 255
        Image.fromarray(pixels).save(path)
    with inspected(asked(tmp_path)) as found:
        assert any("raise split.near_duplicate_agreement" in line for line in tell(found))
