"""Heat maps of a linear head on the page: drawn for each fake, and a reason where none can be drawn."""

import base64
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.core.files import read_parquet
from facesift.report.heat_pictures import SIDE, HeatStudy, head_with_maps, heat_section
from tests.made_heads import make_head_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_head_study(tmp_path_factory.mktemp("heads"), ("linear", "hidden", "tokens"), pixels=False)


@pytest.fixture(scope="module")
def section(made):
    rows = read_parquet(made.sources.manifest).sort("image_id")
    fakes = rows.filter(pl.col("label") == "fake")
    study = HeatStudy(made.params, made.sources.models, made.sources.scores, made.sources.raw)
    return heat_section(study, {"Caught": fakes.head(3), "Missed": fakes.clear()}, rows.filter(label="real"))


def test_the_head_is_linear_in_patch_tokens_of_an_onnx_backbone(made):
    assert head_with_maps(made.params) == "tokens"


def test_each_fake_has_its_square_with_the_map(section):
    (caught,) = section.galleries
    assert (caught.title, len(caught.pictures)) == ("Caught", 3)
    for picture in caught.pictures:
        pixels = Image.open(io.BytesIO(base64.b64decode(picture.data.partition(",")[2])))
        assert pixels.size == (SIDE, SIDE)
        assert picture.caption.endswith(".png")


def test_the_strongest_place_of_all_pictures_is_coloured(section):
    reds = []
    for picture in section.galleries[0].pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture.data.partition(",")[2]))).convert("RGB")
        pixels = np.asarray(image).astype(int)
        reds.append((pixels[..., 0] - pixels[..., 2]).max())
    assert max(reds) > 100


def test_weights_of_another_training_give_the_reason_and_no_map(made, tmp_path):
    study = HeatStudy(made.params, tmp_path, made.sources.scores, made.sources.raw)
    found = heat_section(study, {}, pl.DataFrame())
    assert found.galleries == ()
    assert "No heat maps: " in found.text[0]
