"""What source-aware fits bring, on planted scores of two sources."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from bench import source_aware as front
from bench.source_choices import OPERATING, POOLED, STACK, compare
from facesift.core.classes import PARTS
from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.core.scores import label_logits, score_table
from stages import operate, stack, vote
from tests.made import default_params
from tests.made_config import parse_params

COUNTS = {"celeba": (1200, 0), "rff": (100, 100)}  # real, fake
FEW = pytest.mark.parametrize("study", [{"celeba": (60, 0), "rff": (30, 30)}], indirect=True, ids=["few"])


def small_params(**stacking):
    tree = default_params().model_dump()
    recipe = tree["members"]["plain"] | {"votes": True}
    tree["members"] = {"source": recipe, "skill": recipe}
    tree["stack"] |= stacking
    return parse_params(tree)


PARAMS = small_params()


def planted(seed=0, counts=COUNTS):
    """Truth and score tables: one member knows the source of the fakes, the other what is fake there."""
    rng, tables = np.random.default_rng(seed), []
    for split in ("val", "test"):
        for source, (reals, fakes) in counts.items():
            label = ["real"] * reals + ["fake"] * fakes
            ids = [f"{split}{source}{row:04d}" for row in range(len(label))]
            tables.append(pl.DataFrame({"image_id": ids, "split": split, "source": source, "label": label}))
    truth = pl.concat(tables).with_row_index("group")
    evidence = {
        "source": 4.0 * (truth["source"] == "rff").to_numpy(),
        "skill": 2.0 * (truth["label"] == "fake").to_numpy(),
    }
    scores = {}
    for member, each in evidence.items():
        noisy = each + rng.normal(size=len(truth))
        table = score_table(truth["image_id"].to_list(), "val", np.stack([-noisy, noisy], 1), ["real", "fake"])
        scores[member] = table.with_columns(truth["split"])
    return truth, scores


def held(**changes):
    truth, scores = planted(**changes)
    return {
        split: label_logits(
            truth.filter(split=split),
            {name: table.filter(split=split) for name, table in scores.items()},
            PARAMS.class_names,
        )
        for split in ("val", "test")
    }


@pytest.fixture(scope="module")
def rows():
    return compare(held(), PARAMS)


def pick(rows, stacked, operating="all", where="rff"):
    (row,) = [row for row in rows if (row["stack"], row["operating"], row["where"]) == (stacked, operating, where)]
    return row


def test_every_pair_is_measured_everywhere(rows):
    found = [(row["stack"], row["operating"], row["where"]) for row in rows]
    assert found == [(one, two, where) for one in STACK for two in OPERATING for where in (POOLED, "rff")]


def test_a_source_without_fakes_is_no_place(rows):
    assert "celeba" not in {row["where"] for row in rows}


@pytest.mark.parametrize("stacked", ["balanced", "own"])
def test_gain_within_the_source_is_found(rows, stacked):
    row = pick(rows, stacked)
    assert row["auc_gain"] == pytest.approx(row["auc"] - pick(rows, "as_they_come")["auc"])
    assert row["auc_gain_interval"][0] > 0


def test_nothing_is_gained_over_itself(rows):
    assert pick(rows, "as_they_come")["auc_gain_interval"] == (0.0, 0.0)


def test_own_thresholds_alarm_on_fewer_real_images_of_the_own_source(rows):
    pooled, own = (pick(rows, "as_they_come", sources)["points"]["max_review"] for sources in ("all", "own"))
    assert own["false_alarms"] < pooled["false_alarms"]


def test_ranking_does_not_depend_on_the_thresholds(rows):
    assert pick(rows, "own", "own")["auc"] == pick(rows, "own", "all")["auc"]


def test_counts_are_those_of_the_place(rows):
    assert [(pick(rows, "own", where=where)[key]) for where in (POOLED, "rff") for key in ("images", "fakes")] == [
        1400, 100, 200, 100,
    ]  # fmt: skip


def test_with_one_source_all_choices_are_the_same():
    found = compare(held(counts={"rff": (200, 60)}), PARAMS)
    names = ("stack", "operating")
    assert len({json.dumps({key: row[key] for key in row if key not in names}) for row in found}) == 2  # all, rff
    assert {row["auc_gain"] for row in found} == {0.0}


def test_sources_without_both_are_an_error():
    with pytest.raises(FacesiftError, match=r"operating\.sources: own needs a source that holds fake and others"):
        compare(held(counts={"celeba": (300, 0), "rff": (0, 60)}), PARAMS)


@pytest.fixture
def study(tmp_path, monkeypatch, request):
    """A repository of a study whose members have scored; a few images if that is asked for."""
    monkeypatch.chdir(tmp_path)
    truth, scores = planted(counts=getattr(request, "param", COUNTS))
    write_parquet(Path("data/split.parquet"), truth)
    facts = {"difficulty": pl.String} | dict.fromkeys(PARTS, pl.Boolean)
    manifest = truth.select("image_id", *(pl.lit(None, kind).alias(name) for name, kind in facts.items()))
    write_parquet(Path("data/manifest.parquet"), manifest)
    for member, table in scores.items():
        write_parquet(Path(f"data/scores/{member}.parquet"), table)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS.model_dump(mode="json")))
    return tmp_path


@pytest.mark.parametrize("sources", [("as_they_come", "all"), ("balanced", "own"), ("own", "own")])
def test_figures_are_those_of_the_stages_with_these_parameters(study, rows, sources):
    del study
    params = small_params(sources=sources[0])
    params = params.model_copy(update={"operating": params.operating.model_copy(update={"sources": sources[1]})})
    for stage in (stack, vote, operate):
        stage.main(params)
    points = json.loads(Path("metrics/operating.json").read_text())["points"]
    within = json.loads(Path("metrics/within.json").read_text())["test"]["rff"]["voters"]["stacker"]
    row = pick(rows, *sources)
    assert row["auc"] == pytest.approx(within["auc"], abs=1e-6)
    assert row["ap_interval"] == pytest.approx(within["ap_interval"], abs=1e-6)
    for name, point in points.items():
        inside = point["within"]["test"]["rff"]
        assert row["points"][name]["false_alarms"] == inside["fp"]
        assert row["points"][name]["caught"] == pytest.approx(inside["caught"], abs=1e-6)
        assert row["points"][name]["review_rate"] == pytest.approx(inside["review_rate"], abs=1e-6)


@FEW
def test_front_prints_a_line_a_row_and_writes_nothing(study):
    before = sorted(study.rglob("*"))
    text = front.comparison_text("max_review", as_json=False)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(STACK) * len(OPERATING) * 2
    assert {line.count("|") for line in lines} == {len(front.HEADINGS) + 1}
    assert sorted(study.rglob("*")) == before


@FEW
@pytest.mark.usefixtures("study")
def test_front_gives_all_rows_as_json():
    assert len(json.loads(front.comparison_text("cost", as_json=True))) == len(STACK) * len(OPERATING) * 2


@FEW
@pytest.mark.usefixtures("study")
def test_front_names_the_points_there_are():
    with pytest.raises(FacesiftError, match=r"--point 'cheap' is none .*cost, .*max_review, target_recall"):
        front.comparison_text("cheap", as_json=False)
