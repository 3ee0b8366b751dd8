import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from facesift.committee.calibration import Calibrator
from facesift.committee.decision import Predictions, decide
from facesift.committee.rules import Thresholds
from facesift.core.errors import FacesiftError
from facesift.core.files import rounded, write_parquet
from facesift.core.scores import logits_from
from facesift.evaluation.decision_report import count_decisions
from stages import operate
from tests.made import default_params

PARAMS = default_params()
METRICS, CALIBRATION = Path("metrics/operating.json"), Path("models/calibration.json")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_study(images=600, fakes=60, *, test_shift=0.0, others=0):
    """Validation and test of so many images each; every voter sees fakes four deviations off, on a skewed scale.

    The last `others` images are of a source without fakes.
    """
    tables, rng = [], np.random.default_rng(0)
    for split in ("val", "test"):
        label = np.array(["fake" if row < fakes else "real" for row in range(images)])
        tables.append(pl.DataFrame({
            "image_id": [f"{split}{row:05d}" for row in range(images)], "split": split,
            "source": ["made"] * (images - others) + ["other"] * others, "label": label,
            "group": np.arange(images, dtype=np.uint32) + (split == "test") * images,
        }))  # fmt: skip
    truth = pl.concat(tables)
    write_parquet(Path("data/split.parquet"), truth)
    fake = (truth["label"] == "fake").to_numpy()
    for voter in [*PARAMS.members, "stacker"]:
        half = 2 * rng.normal(4 * fake + test_shift * (truth["split"] == "test").to_numpy(), 1)
        scores = truth.select("image_id", "split").with_columns(
            logit_real=pl.Series(-half, dtype=pl.Float32), logit_fake=pl.Series(half, dtype=pl.Float32)
        )
        write_parquet(Path("data/stack.parquet" if voter == "stacker" else f"data/scores/{voter}.parquet"), scores)
    return truth


def operated(sources="all", **study):
    truth = write_study(**study)
    operate.main(PARAMS.model_copy(update={"operating": PARAMS.operating.model_copy(update={"sources": sources})}))
    return truth, json.loads(METRICS.read_text())


@pytest.mark.usefixtures("folder")
def test_everything_that_is_chosen_depends_on_validation_alone():
    _, before = operated()
    chosen = CALIBRATION.read_bytes()
    _, after = operated(test_shift=3.0)
    assert CALIBRATION.read_bytes() == chosen
    assert before["points"]["cost"]["test"] != after["points"]["cost"]["test"]


@pytest.mark.usefixtures("folder")
def test_with_enough_fakes_the_guarantee_is_an_operating_point():
    _, report = operated()
    assert report["guarantee"]["promised"] == {"miss": 0.1, "review": 0.2, "probability": 0.9}
    assert set(report["points"]) == {"cost", "max_review", "target_recall", "guarantee"}


@pytest.mark.usefixtures("folder")
def test_with_six_fakes_nothing_is_guaranteed(capsys):
    _, report = operated(images=300, fakes=6)
    assert report["guarantee"]["promised"] is None
    assert set(report["points"]) == {"cost", "max_review", "target_recall"}
    assert "No guarantee can be given of at most 10.0 % of the fakes missed" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_calibration_file_repeats_the_reported_decisions():
    truth, report = operated()
    content = json.loads(CALIBRATION.read_text())
    calibrator = Calibrator(content["temperature"], content["bias"])
    stacked = pl.read_parquet("data/stack.parquet").select(pl.all().name.prefix("stacker_"))
    rows = (truth["split"] == "test").to_numpy()
    fakes = (truth["label"] == "fake").to_numpy().astype(int)[rows]
    classes = PARAMS.class_names
    predictions = Predictions.of({"stacker": logits_from(stacked, "stacker", classes)}, classes, calibrator)
    for name, point in content["points"].items():
        screening = count_decisions(fakes, decide(predictions, Thresholds(**point)).decisions[rows], classes)
        assert json.loads(json.dumps(rounded(screening.report()))) == report["points"][name]["test"]


@pytest.mark.usefixtures("folder")
def test_probabilities_are_of_every_held_out_image():
    truth, _ = operated()
    table = pl.read_parquet("data/calibrated.parquet")
    assert table.columns == ["image_id", "split", "probability", "prevalence"]
    assert table["prevalence"].unique().to_list() == [0.1]
    assert table["image_id"].to_list() == sorted(truth["image_id"])
    assert table["probability"].is_between(0, 1).all()


@pytest.mark.usefixtures("folder")
def test_another_share_of_fakes_moves_probabilities_and_thresholds_but_no_figure_on_ranks():
    before = operated()[1]
    first, fitted = pl.read_parquet("data/calibrated.parquet")["probability"], json.loads(CALIBRATION.read_text())
    write_study()
    operate.main(PARAMS.model_copy(update={"prevalence": 0.001}))
    after, moved = json.loads(METRICS.read_text()), json.loads(CALIBRATION.read_text())
    second = pl.read_parquet("data/calibrated.parquet")
    odds = first / (1 - first) * (1 / 999) * 9
    np.testing.assert_allclose(second["probability"], odds / (1 + odds), rtol=1e-6, atol=1e-12)
    assert second["prevalence"].unique().to_list() == [0.001]
    assert after["probability"] == {"prevalence": 0.001, "validation": 0.1}
    assert (moved["prevalence"], moved["temperature"]) == (0.001, fitted["temperature"])
    assert after["guarantee"] == before["guarantee"]
    assert after["calibration"] == before["calibration"]
    missed = [each["points"]["guarantee"]["test"]["fn"] for each in (before, after)]
    assert missed[0] == missed[1]


@pytest.mark.usefixtures("folder")
def test_probabilities_by_a_temperature_hold_at_no_known_share():
    write_study()
    calibration = PARAMS.calibration.model_copy(update={"method": "temperature"})
    operate.main(PARAMS.model_copy(update={"calibration": calibration}))
    table = pl.read_parquet("data/calibrated.parquet")
    assert (table["prevalence"].dtype, table["prevalence"].null_count()) == (pl.Float64, table.height)
    assert json.loads(METRICS.read_text())["probability"] == {"prevalence": None, "validation": 0.1}
    assert json.loads(CALIBRATION.read_text())["prevalence"] is None


@pytest.mark.usefixtures("folder")
def test_rules_and_points_are_projected():
    _, report = operated()
    assert {"any_fake", "majority", "soft", "unanimous", "cost", "guarantee"} <= set(report["prevalence"])
    assert set(report["prevalence"]["soft"]) == {"212", "1000", "10000"}


def refer(truth, ids):
    """Have a person decide these images anyway, whatever the committee says."""
    write_parquet(Path("data/split.parquet"), truth.with_columns(referred=pl.col("image_id").is_in(ids)))
    operate.main(PARAMS)
    return json.loads(METRICS.read_text())


@pytest.mark.usefixtures("folder")
def test_images_that_a_person_decides_anyway_are_reviewed_at_every_point():
    truth, before = operated()
    after = refer(truth, [f"test{row:05d}" for row in range(600)])
    assert before["points"]["cost"]["test"]["reviewed"] < 600
    assert {point["test"]["reviewed"] for point in after["points"].values()} == {600}
    assert after["points"]["cost"]["within"]["test"]["made"]["reviewed"] == 600


@pytest.mark.usefixtures("folder")
def test_thresholds_do_not_depend_on_images_that_a_person_decides_anyway():
    truth, _ = operated()
    ids = [f"val{row:05d}" for row in range(30)]
    refer(truth, ids)
    chosen = CALIBRATION.read_bytes()
    stacked = pl.read_parquet("data/stack.parquet")
    hidden = pl.when(pl.col("image_id").is_in(ids)).then(-pl.col("logit_fake")).otherwise("logit_fake")
    write_parquet(Path("data/stack.parquet"), stacked.with_columns(logit_fake=hidden))
    refer(truth, ids)
    assert CALIBRATION.read_bytes() == chosen


@pytest.mark.usefixtures("folder")
def test_outputs_are_the_same_bytes_on_a_rerun():
    files = [METRICS, CALIBRATION, Path("data/calibrated.parquet"), Path("metrics/plots/reliability.csv")]
    operated()
    first = [path.read_bytes() for path in files]
    operated()
    assert [path.read_bytes() for path in files] == first


@pytest.mark.usefixtures("folder")
def test_validation_without_fakes_is_refused_and_leaves_no_outputs():
    write_study(fakes=0)
    with pytest.raises(FacesiftError, match="there are 0 and 600"):
        operate.main(PARAMS)
    assert not METRICS.exists()


@pytest.mark.usefixtures("folder")
def test_points_are_reported_within_the_sources_that_hold_both():
    truth, report = operated(others=200)
    stacked = pl.read_parquet("data/calibrated.parquet").join(truth, on="image_id").filter(split="test", source="made")
    for point in report["points"].values():
        assert list(point["within"]["test"]) == list(point["within"]["val"]) == ["made"]
        reviewed = stacked["probability"].is_between(point["lo"], point["hi"], closed="left").sum()
        assert point["within"]["test"]["made"]["reviewed"] == pytest.approx(reviewed, abs=1)  # thresholds are rounded


@pytest.mark.usefixtures("folder")
def test_within_a_single_source_is_everything():
    points = operated()[1]["points"].values()
    assert all(point["within"]["test"] == {"made": point["test"]} for point in points)


@pytest.mark.usefixtures("folder")
def test_points_of_own_sources_are_measured_on_all_test_images():
    figures = operated("own", others=200)[1]["points"]["cost"]["test"]
    assert figures["fakes"] + figures["reals"] + figures["reviewed"] == 600


@pytest.mark.usefixtures("folder")
def test_with_a_single_source_own_sources_give_the_same_calibration():
    operated("all")
    before = CALIBRATION.read_bytes()
    operated("own")
    assert CALIBRATION.read_bytes() == before


@pytest.mark.usefixtures("folder")
def test_sources_that_all_was_fitted_on_are_reported():
    reported = [operated(sources, others=200)[1]["sources"] for sources in ("all", "own")]
    assert reported == [{"fitted_on": "all", "names": ["made", "other"]}, {"fitted_on": "own", "names": ["made"]}]


@pytest.mark.usefixtures("folder")
def test_figures_within_a_source_are_printed_where_there_are_others(capsys):
    operated(others=200)
    assert "within made: " in capsys.readouterr().out
    operated()
    assert "within made: " not in capsys.readouterr().out
