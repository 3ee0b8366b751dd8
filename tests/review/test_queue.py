"""The queue out of the three kinds of decisions tables and out of the pipeline's, and the files it names."""

import hashlib
import zipfile

import polars as pl
import pytest
import yaml

from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.review.app import keyboard_keys
from facesift.review.images import ImageNotAvailableError, read_image_file
from facesift.review.queue import read_queue
from tests.made import ROOT
from tests.review.planted import decisions_of, id_of, in_order, plant_bundle, plant_images, plant_queue

WRITERS = {
    ".csv": pl.DataFrame.write_csv, ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": lambda table, path: write_parquet(path, table),
}  # fmt: skip


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_most_suspicious_comes_first_whatever_the_format(tmp_path, suffix):
    decisions = plant_queue(tmp_path)
    path = tmp_path / f"table{suffix}"
    WRITERS[suffix](pl.read_csv(decisions), path)
    queue = read_queue(path, tmp_path / "none")
    assert queue.image_ids == in_order(decisions)
    assert queue.row(0)["votes"] == {"convnext1": "fake", "convnext2": "real", "stacker": "real"}


def test_only_reviews_are_asked_for_unless_all_are(tmp_path):
    paths = plant_images(tmp_path / "in", 3)
    table = decisions_of(paths).with_columns(decision=pl.Series(["real", "review", ""]))
    table.write_csv(tmp_path / "decisions.csv")
    assert read_queue(tmp_path / "decisions.csv", tmp_path).image_ids == [id_of(paths[1])]
    assert len(read_queue(tmp_path / "decisions.csv", tmp_path, everything=True)) == 3


def test_unknown_probabilities_come_last(tmp_path):
    paths = plant_images(tmp_path / "in", 3)
    decisions_of(paths, (None, 0.1, 0.2)).write_csv(tmp_path / "decisions.csv")
    queue = read_queue(tmp_path / "decisions.csv", tmp_path)
    assert queue.image_ids == [id_of(paths[2]), id_of(paths[1]), id_of(paths[0])]
    assert queue.row(2)["probability"] is None


def test_copies_of_an_image_are_asked_once(tmp_path):
    paths = plant_images(tmp_path / "in", 1)
    decisions_of([*paths, *paths]).write_csv(tmp_path / "decisions.csv")
    queue = read_queue(tmp_path / "decisions.csv", tmp_path)
    assert len(queue) == 1
    assert queue.row(0)["copies"] == 1


def test_a_torn_last_line_of_a_table_is_left_out_and_said(tmp_path):
    decisions = plant_queue(tmp_path)
    with decisions.open("a") as file:
        file.write("in/face9.png,0123")
    queue = read_queue(decisions, tmp_path, everything=True)
    assert len(queue) == 5
    assert "its last line is incomplete and left out" in queue.notes[0]


def mistakes(room):
    decisions = plant_queue(room)
    table = pl.read_csv(decisions)
    table.drop("image_id").write_csv(room / "lacking.csv")
    table.with_columns(decision=pl.lit("real")).write_csv(room / "decided.csv")
    table.with_columns(vote_convnext1=pl.lit("swap")).write_csv(room / "foreign.csv")
    table.head(0).write_csv(room / "nothing.csv")
    (room / "empty.csv").write_text("")
    (room / "torn.jsonl").write_text('{"image": "a", "ima')
    (room / "wrong.parquet").write_bytes(b"PAR1 no")
    (room / "table.xlsx").write_text("")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone.csv", "no such file"), ("lacking.csv", "lacks image_id"), ("decided.csv", "--all"),
        ("foreign.csv", "positive"), ("nothing.csv", "no image"), ("empty.csv", "empty.csv: empty"),
        ("torn.jsonl", "not a readable"), ("wrong.parquet", "not a whole Parquet"), ("table.xlsx", "ends in .csv"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path, name, says):
    mistakes(tmp_path)
    with pytest.raises(FacesiftError, match=says) as raised:
        read_queue(tmp_path / name, tmp_path / "none")
    assert name in str(raised.value)


def test_a_bundle_of_other_classes_is_refused(tmp_path):
    mistakes(tmp_path)
    bundle = plant_bundle(tmp_path / "bundle")
    with pytest.raises(FacesiftError, match=r"\['swap'\].*--bundle"):
        read_queue(tmp_path / "foreign.csv", bundle)


@pytest.fixture(name="pipeline")
def pipeline_fixture(tmp_path):
    """The tables of a pipeline whose two images lie in a zip and in a folder."""
    paths = plant_images(tmp_path / "data/raw/portraits", 2)
    with zipfile.ZipFile(tmp_path / "data/raw/portraits/faces.zip", "w") as file:
        file.write(paths[1], "training_fake/1.png")
    ids = [id_of(path) for path in paths]
    paths[1].unlink()
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    tables = {
        "decisions": {"image_id": ids, "split": "test", "label": "real", "vote_stacker": "fake", "decision": "review"},
        "calibrated": {"image_id": ids[::-1], "split": "test", "probability": [0.9, 0.1]},
        "manifest": {"image_id": ids, "container": [".", "faces.zip"], "path": ["face0.png", "training_fake/1.png"]},
    }  # fmt: skip
    for name, table in tables.items():
        write_parquet(tmp_path / f"data/{name}.parquet", pl.DataFrame(table))
    return tmp_path / "data/decisions.parquet", ids


def test_the_pipelines_decisions_are_joined_on_image_id(pipeline, tmp_path):
    path, ids = pipeline
    queue = read_queue(path, tmp_path / "none")
    assert queue.image_ids == [ids[1], ids[0]]
    assert [queue.row(each)["probability"] for each in (0, 1)] == [0.9, 0.1]
    assert queue.hide_names
    for position, image_id in enumerate(queue.image_ids):
        data = read_image_file(queue.row(position)["image"], image_id, queue.roots, 10**6)
        assert hashlib.sha256(data).hexdigest()[:32] == image_id


def test_a_missing_table_of_the_pipeline_is_named(pipeline, tmp_path):
    (tmp_path / "data/calibrated.parquet").unlink()
    with pytest.raises(FacesiftError, match=r"calibrated\.parquet.*dvc repro operate"):
        read_queue(pipeline[0], tmp_path / "none")


def test_relative_names_start_from_the_folder_of_the_table_or_the_one_named(tmp_path, monkeypatch):
    plant_queue(tmp_path)
    name, image_id = "in/face0.png", id_of(tmp_path / "in/face0.png")
    path = tmp_path / "relative.csv"
    pl.DataFrame({"image": [name], "image_id": [image_id], "decision": ["review"], "probability": [0.5]}).write_csv(
        path
    )
    monkeypatch.chdir("/")
    for images in (None, tmp_path):
        assert read_image_file(name, image_id, read_queue(path, tmp_path, images).roots, 10**6)
    with pytest.raises(ImageNotAvailableError, match="not there"):
        read_image_file(name, image_id, read_queue(path, tmp_path, tmp_path / "reviews").roots, 10**6)


def test_a_changed_file_is_not_shown(tmp_path):
    path = plant_images(tmp_path, 1)[0]
    image_id = id_of(path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ImageNotAvailableError, match="changed"):
        read_image_file(str(path), image_id, (tmp_path,), 10**6)


def test_a_file_of_the_same_name_in_another_root_is_found_by_its_hash(tmp_path):
    right, wrong = plant_images(tmp_path / "a", 1)[0], plant_images(tmp_path / "b", 2)[1]
    wrong = wrong.rename(wrong.with_name(right.name))
    data = read_image_file(right.name, id_of(right), (wrong.parent, right.parent), 10**6)
    assert data == right.read_bytes()


def test_more_than_two_classes_have_number_keys():
    assert keyboard_keys(("real", "swap", "gan")) == {"real": "1", "swap": "2", "gan": "3"}


@pytest.mark.parametrize("names", [("real", "retouched"), ("real", "synthetic"), ("real", "untrue")])
def test_initials_that_clash_give_way_to_numbers(names):
    assert list(keyboard_keys(names).values()) == ["1", "2"]
