"""dvc.yaml, the code and the parameters say the same thing."""

from contextlib import closing

import pytest
import yaml
from dvc.repo import Repo

from facesift.config.params import Params
from tests.made import ROOT
from tests.pipeline.imports import closure

STAGES = {
    name: stage.get("do", stage)
    for file in ("dvc.yaml",)
    for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items()
}


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_exactly_what_the_stage_imports(stage):
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    folders = {dep for dep in STAGES[stage]["deps"] if dep in ("facesift", "stages")}
    assert listed == {path for path in closure(stage) if path.partition("/")[0] not in folders}


@pytest.mark.parametrize("stage", STAGES)
def test_params_deps_exist(stage):
    known = {name: field.annotation for name, field in Params.model_fields.items()}
    for key in STAGES[stage].get("params", []):
        first, *rest = key.split(".")
        assert first in known
        if rest and first not in ("drawn", "members", "cross_test"):
            assert rest[0] in known[first].model_fields


def test_metrics_and_plots_stay_in_git():
    """All but the pictures: they show the faces of real people, so they go where the images go, into DVC's cache."""
    entries = [entry for stage in STAGES.values() for key in ("metrics", "plots") for entry in stage.get(key, [])]
    assert [entry for entry in entries if isinstance(entry, str)] == ["data/pictures"]
    for entry in entries:
        if not isinstance(entry, str):
            (options,) = entry.values()
            assert options["cache"] is False


def test_every_stage_module_is_a_stage():
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "entry"}
    assert modules == set(STAGES)


def test_dvc_looks_for_files_beside_the_raw_folders():
    """What git ignores, DVC does not enter: no pattern may match data/raw/ itself, where its .dvc files lie."""
    with closing(Repo(str(ROOT))) as repo:
        assert not repo.scm.is_ignored(f"{ROOT}/data/raw/")
        assert repo.scm.is_ignored(f"{ROOT}/data/raw/rff/")
