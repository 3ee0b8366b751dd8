from pathlib import Path

import numpy as np
import polars as pl
import pytest

from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json
from facesift.sampling.plans import make_plan
from facesift.shards.reading import ShardFolder
from stages import sample
from tests.made import default_params, make_shards
from tests.made_config import parse_params


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    make_shards(Path("data/shards/train"), images=60, fakes=8, shards=2)
    tree = default_params().model_dump()
    member = next(iter(tree["members"].values()))
    resample = {"scope": "shard", "smote": 0.5, "undersample": 1.0, "neighbours": 5}
    tree["members"] = {"one": member | {"seed": 9, "resample": resample}}
    return parse_params(tree)


def test_the_plan_is_the_members(params: Params) -> None:
    sample.main(params, "one")
    plan = make_plan(ShardFolder(Path("data/shards/train")), params.members["one"].resample, 9, "one")
    assert pl.read_parquet("data/plans/one.parquet").equals(plan)


def test_the_counts_go_to_the_metrics(params: Params) -> None:
    sample.main(params, "one")
    counts = read_json(Path("data/plans/one.json"))
    assert (counts["real"]["original"], counts["fake"]["original"], counts["fake"]["synthetic"]) == (52, 16, 36)


def test_the_counts_are_printed(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    sample.main(params, "one")
    line = "one (SMOTE(0.5) + RUS(1), scope shard): 52 real, 16 and 36 synthetic fake\n"
    assert capsys.readouterr().out == line


@pytest.fixture
def forging(params: Params) -> Params:
    tree = params.model_dump()
    tree["members"]["one"]["resample"] = {"scope": "split", "smote": 0.25, "neighbours": 5, "forge": {"ratio": 0.5}}
    return parse_params(tree)


def test_forged_images_are_counted_by_kind(forging: Params) -> None:
    sample.main(forging, "one")
    fake = read_json(Path("data/plans/one.json"))["fake"]
    assert sum(fake["made"].values()) == fake["synthetic"] == 52 - 16
    assert fake["made"]["smote"] == 26 - 16


def test_forging_is_printed(forging: Params, capsys: pytest.CaptureFixture[str]) -> None:
    sample.main(forging, "one")
    assert capsys.readouterr().out.startswith("one (SMOTE(0.25) + FORGE(0.5), scope split): 104 real, 16 and 36")


def test_forging_reads_the_training_split_alone(forging: Params) -> None:
    assert [path.name for path in Path("data/shards").iterdir()] == ["train"]
    sample.main(forging, "one")
    plan, sizes = pl.read_parquet("data/plans/one.parquet"), ShardFolder(Path("data/shards/train")).sizes
    for shard, row in (("shard", "row"), ("neighbour_shard", "neighbour")):
        assert (plan[row].to_numpy() < np.asarray(sizes)[plan[shard].to_numpy()]).all()


def test_an_unknown_member_is_refused(params: Params) -> None:
    with pytest.raises(FacesiftError, match=r"members.two: no such member .* one"):
        sample.main(params, "two")


def test_too_many_neighbours_names_the_members_key(params: Params) -> None:
    tree = params.model_dump()
    tree["members"]["one"]["resample"]["neighbours"] = 8
    with pytest.raises(FacesiftError, match=r"members.one.resample.neighbours to at most 7"):
        sample.main(parse_params(tree), "one")


def test_running_again_gives_the_same_bytes(params: Params) -> None:
    sample.main(params, "one")
    first = [path.read_bytes() for path in (Path("data/plans/one.parquet"), Path("data/plans/one.json"))]
    sample.main(params, "one")
    assert first == [path.read_bytes() for path in (Path("data/plans/one.parquet"), Path("data/plans/one.json"))]


def test_a_ratio_that_is_met_names_all_members_concerned_and_the_command_that_goes_on(params: Params) -> None:
    tree = params.model_dump()
    member = tree["members"]["one"]
    none = member["resample"] | {"scope": "none", "smote": None, "undersample": None}
    tree["members"] |= {
        "one": member | {"resample": member["resample"] | {"smote": 0.15}},
        "two": member | {"resample": member["resample"] | {"smote": None, "undersample": 0.12}},
        "high": member,
        "none": member | {"resample": none},
    }
    with pytest.raises(FacesiftError, match=r"one \(smote: 0.15\), two \(undersample: 0.12\)") as caught:
        sample.main(parse_params(tree), "one")
    assert "make study NAME=portraits SET=" in str(caught.value)
    assert "members.two.resample.scope=none" in str(caught.value)
    assert "members.high" not in str(caught.value)
