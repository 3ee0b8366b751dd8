"""Studies are composed of conf/ with every key, and settings change them as `dvc exp run -S` would."""

import shutil

import pytest

from facesift.config.compose import compose
from facesift.config.params import parse_params
from facesift.config.study import list_studies
from facesift.core.errors import FacesiftError
from tests.made import ROOT
from tests.made_config import BASE, whole_member

CONF = ROOT / "conf"


def composed(*settings, study="portraits"):
    return parse_params(compose(study, settings, CONF))


def test_a_setting_changes_its_value_alone():
    before, after = compose("portraits", conf=CONF), compose("portraits", ["stack.c=0.5"], CONF)
    before["stack"]["c"] = 0.5
    assert before == after


def test_members_of_another_file_can_be_chosen():
    assert list(composed("members=vgg16_sgd", study="cifake").members) == ["vgg16"]


def test_settings_apply_to_the_members_chosen_whatever_their_order():
    assert composed("members.vgg16.epochs=3", "members=vgg16_sgd", study="cifake").members["vgg16"].epochs == 3


def test_a_loss_given_anew_replaces_the_old_one_and_is_filled():
    loss = composed("members.convnext2.loss={name: cross_entropy}").members["convnext2"].loss
    assert loss.model_dump() == {"name": "cross_entropy", "class_weights": None, "label_smoothing": 0.0}


def test_a_forge_block_is_filled():
    setting = "members.convnext1.resample={smote: null, scope: split, forge: {ratio: 0.5, regions: {face: 0}}}"
    forge = composed(setting).members["convnext1"].resample.forge
    assert (forge.ratio, forge.candidates, forge.regions.face, forge.regions.eyes) == (0.5, 32, 0, 1)


def test_a_source_of_a_cross_test_is_filled():
    setting = "+cross_test.rff={raw: rff, sources: {rff: {layout: rff}}}"
    assert composed(setting).cross_test["rff"].sources["rff"].within == "*"


def test_names_that_the_user_chooses_are_added():
    assert composed("split.limit.real=1000").split.limit == {"real": 1000}
    assert "convnext1" not in composed("~members.convnext1").members


def test_what_a_recipe_gives_goes_before_the_base_values():
    recipe = whole_member({"seed": 1, "keep": "last", "optimizer": {"name": "sgd", "lr": 1, "momentum": 0.5}})
    assert (recipe["keep"], recipe["optimizer"]["momentum"]) == ("last", 0.5)
    assert recipe["augment"] == BASE["augment"]


WRONG = {
    "stack.C=2": r"stack\.C: unknown key; did you mean stack\.c\?",
    "members={}": r"members=\{\}: keys are laid over those that are there, .* ~members\.\w+ deletes one",
    "members.convnext1.los.gamma=3": r"members\.convnext1\.los: unknown key; did you mean members\.convnext1\.loss\?",
    "members.convnet1.epochs=3": r"members\.convnet1: unknown key; did you mean members\.convnext1\?",
    "members.convnext1.loss.gamma=3": r"loss\.gamma: unknown key; there are class_weights, label_smoothing, name",
    "members=lenett": r"'lenett' is not in .*members; did you mean lenet\?",
    "stack": r"'stack' is no setting; write KEY=VALUE",
    "stack.c.d=1": r"stack\.c is 0\.01 and has no keys",
    "stack.c=1,2": r"one value, please; `dvc exp run --queue -S` tries several",
    "stack.c=[1": r"stack\.c=\[1: the value cannot be read",
}


@pytest.mark.parametrize("setting", WRONG)
def test_wrong_setting_is_named(setting):
    with pytest.raises(FacesiftError, match=WRONG[setting]):
        compose("portraits", [setting], CONF)


def test_a_limit_for_a_class_that_is_none_is_refused():
    with pytest.raises(FacesiftError, match=r"`split\.limit\.fakes`: fakes is not one of `classes`"):
        composed("split.limit.fakes=9")


def test_wrong_study_is_named():
    with pytest.raises(FacesiftError, match=r"'rff_celeba_bst' is not in .*study; did you mean rff_celeba_best\?"):
        compose("rff_celeba_bst", conf=CONF)


def test_a_folder_without_conf_is_named(tmp_path):
    with pytest.raises(FacesiftError, match="not there; run this in the root of a clone"):
        compose("portraits", conf=tmp_path / "conf")


def test_a_damaged_study_is_named_in_the_list_beside_the_others(tmp_path, monkeypatch):
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "study" / "broken.yaml").write_text("[", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = {line.split()[0]: line for line in list_studies()}
    assert "conf/study/broken.yaml: not valid YAML" in lines["broken"]
    assert "drawn by the pipeline" in lines["portraits"]
