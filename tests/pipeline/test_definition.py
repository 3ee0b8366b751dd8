"""dvc.yaml, the code and the parameters say the same thing."""

from contextlib import closing

import pytest
import yaml
from dvc.repo import Repo

from facesift.config.params import Params
from tests.made import ROOT
from tests.pipeline.imports import code_of

STAGES = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}


def test_the_pipeline_is_short_and_names_no_file_of_the_library():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 350
    names = {dep for stage in STAGES.values() for dep in stage["deps"] if dep.startswith("facesift")}
    assert all((ROOT / name).is_dir() for name in names)


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_wings_that_the_stage_imports_and_its_script(stage):
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith(("facesift", "stages"))}
    assert listed == code_of(stage)


def test_training_does_not_depend_on_what_follows_it():
    later = {f"facesift/{wing}" for wing in ("committee", "evaluation", "report", "bundle", "screening", "review")}
    for stage in ("shard", "sample", "train"):
        assert not later & set(STAGES[stage]["deps"])


@pytest.mark.parametrize("stage", STAGES)
def test_params_deps_exist(stage):
    known = {name: field.annotation for name, field in Params.model_fields.items()}
    for key in STAGES[stage].get("params", []):
        if isinstance(key, dict):  # the whole file
            assert key == {"params.yaml": None}
            continue
        first, *rest = key.split(".")
        assert first in known
        if rest and first not in ("drawn", "backbones", "members", "cross_test"):
            assert rest[0] in known[first].model_fields


@pytest.mark.parametrize("section", ["review", "evaluation"])
def test_a_stage_names_the_keys_that_it_reads_of_a_section_that_others_read_too(section):
    """How the reviewers' page looks makes no images be read again."""
    assert [stage for stage in STAGES if stage != "figures" and section in STAGES[stage].get("params", [])] == []


SLOW = ("draw", "ingest", "shard", "sample", "train", "stack", "stability", "robustness", "audit", "export", "cross")


def options_of(stage, key):
    """Options of each output below `outs`, `metrics` or `plots`; {} for one without."""
    found = [entry if isinstance(entry, dict) else {entry: {}} for entry in STAGES[stage].get(key, [])]
    return {name: options for entry in found for name, options in entry.items()}


@pytest.mark.parametrize("stage", SLOW)
def test_slow_stages_keep_the_run_cache(stage):
    """A plain output that is not cached, or one that persists, would switch the run cache off for the stage."""
    assert all(options == {} for options in options_of(stage, "outs").values())


@pytest.mark.parametrize("stage", STAGES)
def test_figures_stay_in_git_and_pictures_in_the_cache(stage):
    """The pictures show the faces of real people, so they go where the images go."""
    for key in ("outs", "metrics", "plots"):
        for name, options in options_of(stage, key).items():
            assert (options.get("cache") is False) == name.startswith("metrics/"), name


def test_the_summary_is_the_only_metric():
    assert [name for stage in STAGES for name in options_of(stage, "metrics")] == ["metrics/summary.json"]


def test_every_stage_module_is_a_stage():
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert modules == set(STAGES)


def test_dvc_looks_for_files_beside_the_raw_folders():
    """What git ignores, DVC does not enter: no pattern may match data/raw/ itself, where its .dvc files lie."""
    with closing(Repo(str(ROOT))) as repo:
        assert not repo.scm.is_ignored(f"{ROOT}/data/raw/")
        assert repo.scm.is_ignored(f"{ROOT}/data/raw/rff/")
