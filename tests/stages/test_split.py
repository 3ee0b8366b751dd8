import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.images.faces import FACE_COLUMNS
from stages import split
from tests.made_config import parse_params
from tests.made_faces import crop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["split"]["fractions"] = {"train": 0.8, "val": 0.1, "test": 0.1}
    return parse_params(tree)


@pytest.fixture
def manifest(params: Params) -> pl.DataFrame:  # noqa: ARG001 - goes to the folder of the test
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(120)]
    rows = pl.DataFrame(
        {
            "image_id": [digest[:32] for digest in digests],
            "source": "made",
            "label": ["fake" if number < 20 else "real" for number in range(120)],
            "phash": digests,
            "thumbnail": pl.Series([None] * 120, dtype=pl.Binary),
            "known_group": pl.Series([None] * 120, dtype=pl.String),
            "fold": pl.Series([None] * 120, dtype=pl.String),
        }
    ).sort("image_id")
    write_parquet(split.MANIFEST, rows)
    return rows


def test_the_split_is_sorted_by_image_id(params: Params, manifest: pl.DataFrame):
    split.main(params)
    assert pl.read_parquet(split.SPLIT)["image_id"].to_list() == manifest["image_id"].to_list()


@pytest.mark.usefixtures("manifest")
def test_all_outputs_are_the_same_bytes_on_a_rerun(params: Params):
    split.main(params)
    first = split.SPLIT.read_bytes(), split.METRICS.read_bytes()
    split.main(params)
    assert (split.SPLIT.read_bytes(), split.METRICS.read_bytes()) == first


@pytest.mark.usefixtures("manifest")
def test_metrics_hold_the_counts(params: Params):
    split.main(params)
    assert json.loads(split.METRICS.read_text())["images"]["train"] == {"made": {"real": 80, "fake": 16}}


@pytest.mark.usefixtures("manifest")
def test_the_table_of_counts_is_printed(params: Params, capsys: pytest.CaptureFixture[str]):
    split.main(params)
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["made", "fake", "16", "2", "2"] in rows


def test_a_refused_split_leaves_no_outputs(params: Params, manifest: pl.DataFrame):
    write_parquet(split.MANIFEST, manifest.filter(label="real"))
    with pytest.raises(FacesiftError, match="0 fake"):
        split.main(params)
    assert [path for path in (split.SPLIT, split.METRICS) if path.exists()] == []


def test_a_missing_manifest_is_named(params: Params):
    with pytest.raises(FacesiftError, match=r"data/manifest\.parquet: not found"):
        split.main(params)


def test_what_a_file_alone_says_decides_no_split():
    assert not {"format", "mode", "bytes", "width", "height", "quantisation"} & set(split.COLUMNS)


@pytest.mark.parametrize(("unfound", "marked"), [("review", True), ("centre", False)])
def test_images_without_a_face_are_marked_if_a_person_is_to_decide_them(
    params: Params, manifest: pl.DataFrame, unfound: str, *, marked: bool
):
    boxes = pl.Series([None if number % 5 == 0 else [0.0] * 4 for number in range(120)], dtype=FACE_COLUMNS["face_box"])
    write_parquet(split.MANIFEST, manifest.with_columns(face_box=boxes))
    data = params.data.model_copy(update={"crop": crop(unfound=unfound)})
    split.main(params.model_copy(update={"data": data}))
    table = pl.read_parquet(split.SPLIT)
    assert ("referred" in table.columns) == marked
    if marked:
        assert table["referred"].to_list() == boxes.is_null().to_list()
