"""The stage export and `facesift screen` through the real `dvc` and command line, on a tiny study."""

import json
import zipfile

import polars as pl
import pytest

from facesift.core.intervals import design_effect_of

RAW, BUNDLE = "data/raw/tiny/faces.zip", "models/committee"


def screen(repository, *arguments):
    command = ("python", "-m", "facesift.cli.main", "screen", *arguments)
    return repository.run(*command, check=False)


@pytest.fixture(scope="module")
def screened(reproduced, tmp_path_factory):
    """The table of all raw images of the study, screened from its bundle."""
    repository = reproduced.copy(tmp_path_factory.mktemp("screened"))
    said = screen(repository, RAW, "--output", "screened.csv")
    return pl.read_csv(repository.folder / "screened.csv"), said


def of_test(reproduced, table):
    """The screened rows of test images, with what the pipeline says of them in columns `<name>_right`."""
    decided = pl.read_parquet(reproduced.folder / "data/decisions.parquet").filter(pl.col("split") == "test")
    calibrated = pl.read_parquet(reproduced.folder / "data/calibrated.parquet").drop("split")
    return table.join(decided.join(calibrated, on="image_id"), on="image_id")


def test_every_raw_image_is_decided(reproduced, screened):
    table, said = screened
    names = zipfile.ZipFile(reproduced.folder / RAW).namelist()
    assert set(table["image"]) == {f"{RAW}!{name}" for name in names}
    assert table["decision"].null_count() == 0
    assert said.startswith(f"{len(names)} images: ")


@pytest.mark.parametrize("column", ["decision", "vote_one", "vote_two", "vote_stacker"])
def test_raw_test_images_are_decided_as_by_the_vote_stage(reproduced, screened, column):
    both = of_test(reproduced, screened[0])
    assert len(both) > 30
    assert both[column].to_list() == both[f"{column}_right"].to_list()


def test_probabilities_are_those_of_the_operate_stage(reproduced, screened):
    both = of_test(reproduced, screened[0])
    assert (both["probability"] - both["probability_right"]).abs().max() < 1e-4


def test_operating_point_decides_test_images_as_the_operate_stage_counted(reproduced, tmp_path):
    repository = reproduced.copy(tmp_path)
    points = json.loads((repository.folder / "metrics/operating.json").read_text())["points"]
    for name in points:
        screen(repository, RAW, "--output", f"{name}.csv", "--point", name)
        rows = of_test(repository, pl.read_csv(repository.folder / f"{name}.csv"))
        expected = points[name]["test"]
        assert len(rows.filter(pl.col("decision") == "review")) == expected["reviewed"]
        fakes = rows.filter((pl.col("decision") == "fake") & (pl.col("label") == "fake"))
        assert len(fakes) == expected["tp"]


def test_card_has_the_figures_and_hashes_of_the_study(reproduced):
    import hashlib

    folder = reproduced.folder
    card = json.loads((folder / BUNDLE / "bundle.json").read_text())
    assert card["metrics"]["rules"] == json.loads((folder / "metrics/vote.json").read_text())["test"]
    assert card["inputs"]["split"] == hashlib.sha256((folder / "data/split.parquet").read_bytes()).hexdigest()
    assert [member["name"] for member in card["members"]] == ["one", "two"]
    assert card["study"] == "tiny"


def test_reference_counts_the_test_images(reproduced):
    reference = json.loads((reproduced.folder / BUNDLE / "reference.json").read_text())
    test = pl.read_parquet(reproduced.folder / "data/split.parquet").filter(pl.col("split") == "test")
    assert reference["images"]["all"] == len(test)
    assert reference["design_effects"]["all"] == pytest.approx(design_effect_of(test["group"].to_numpy()), abs=1e-5)


def test_a_graph_beyond_the_tolerance_leaves_no_bundle(reproduced, tmp_path):
    repository = reproduced.copy(tmp_path)
    repository.change(lambda tree: tree["export"].update(tolerance=1e-9))
    said = repository.run("dvc", "repro", "export", check=False)
    assert "more than export.tolerance 1e-09; nothing written" in said
    assert "Traceback" not in said
    assert not (repository.folder / BUNDLE).exists()


def test_dvc_gets_the_bundle_alone_by_its_name(reproduced, tmp_path):
    repository = reproduced.copy(tmp_path)
    repository.run("git", "tag", "-a", "-m", "first", "committee@v1.0.0")
    repository.run("dvc", "artifacts", "get", ".", "committee", "-o", "fetched")
    assert {path.name for path in (repository.folder / "fetched").iterdir()} == {
        path.name for path in (repository.folder / BUNDLE).iterdir()
    }
