import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.config.params import Params, parse_params
from facesift.core.files import write_parquet
from facesift.core.parallel import ONE_PROCESS
from facesift.shards.reading import ShardFolder
from stages import shard
from tests.made import default_params


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    tree = default_params().model_dump()
    tree["data"] |= {"raw": "faces", "image_size": 16}
    return parse_params(tree | {"shard": {"images": 8}, "parallel": vars(ONE_PROCESS)})


@pytest.fixture
def images(params: Params) -> pl.DataFrame:
    folder, rows = Path("data/raw") / params.data.raw, []
    folder.mkdir(parents=True)
    for number in range(30):
        path = folder / f"{number}.jpg"
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)).save(path)
        image_id = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        rows.append((image_id, "rff", ["real", "fake"][number % 3 == 0], ".", path.name))
    return pl.DataFrame(rows, ["image_id", "source", "label", "container", "path"], orient="row")


@pytest.fixture
def split(images: pl.DataFrame) -> pl.DataFrame:
    names = ["train"] * 20 + ["val"] * 6 + ["test"] * 4
    split = images.select("image_id", "source", "label", pl.Series("group", range(30)), pl.Series("split", names))
    write_parquet(Path("data/manifest.parquet"), images)
    write_parquet(Path("data/split.parquet"), split.sort("image_id"))
    return split


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_each_split_gets_its_own_images(params: Params, split: pl.DataFrame, name: str) -> None:
    shard.main(params)
    shards = ShardFolder(Path("data/shards") / name)
    found = {image_id for number in range(len(shards.sizes)) for image_id in shards.image_ids(number)}
    assert found == set(split.filter(split=name)["image_id"])


@pytest.mark.usefixtures("split")
def test_shards_have_the_size_the_parameters_say(params: Params) -> None:
    shard.main(params)
    shards = ShardFolder(Path("data/shards/train"))
    assert (shards.image_size, shards.sizes) == (16, (7, 7, 6))


def test_images_that_are_in_no_split_are_left_out(params: Params, split: pl.DataFrame) -> None:
    write_parquet(Path("data/split.parquet"), split.filter(pl.col("group") != 0))
    shard.main(params)
    assert ShardFolder(Path("data/shards/train")).images == 19


@pytest.mark.usefixtures("split")
def test_it_says_how_many_images_and_fakes_there_are(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    shard.main(params)
    assert "train: 13 real, 7 fake in 3 shards" in capsys.readouterr().out


def test_what_a_file_alone_says_never_reaches_a_shard():
    assert not {"format", "mode", "bytes", "width", "height", "quantisation"} & set(shard.COLUMNS)
