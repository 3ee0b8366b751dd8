import copy

import pytest
import yaml

from facesift.core.errors import FacesiftError
from tests.made import ROOT
from tests.made_config import parse_params
from workflow.experiments import Experiment
from workflow.sweep import LOSSES, RATIOS, Variant, chosen_members, parse_ratio, row_of, variants
from workflow.sweep_figure import draw_sweep

TREE = yaml.safe_load((ROOT / "params.yaml").read_text())
ROW = {
    "member": "one",
    "smote": 0.4,
    "undersample": None,
    "loss": "focal",
    "recall": 0.5,
    "precision": 0.25,
    "review_rate": 0.1,
}


@pytest.mark.parametrize("variant", variants(["plain", "convnext1", "convnext2"], RATIOS, LOSSES), ids=str)
def test_every_variant_gives_a_valid_study(tmp_path, variant):
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(TREE))
    apply_overrides(path, variant.values(TREE["members"][variant.member]))
    member = parse_params(yaml.safe_load(path.read_text())).members[variant.member]
    got = (member.resample.smote, member.resample.undersample, member.loss.name)
    assert got == (variant.smote, variant.undersample, variant.loss)


def test_a_loss_that_the_member_has_already_keeps_its_values():
    recipe = copy.deepcopy(TREE["members"]["convnext2"])
    recipe["loss"] = {"name": "focal", "gamma": 5.0, "alpha": 0.5}
    assert Variant("convnext2", "0.4/0.5", 0.4, 0.5, "focal").values(recipe) == []


@pytest.mark.parametrize("text", ["a lot", "0.4/x", "2.0", "0", "0.5/0.1", "-0.1"])
def test_a_wrong_ratio_is_refused_with_its_text(text):
    with pytest.raises(FacesiftError, match="--ratios: '" + text):
        parse_ratio(text)


def test_an_unknown_member_is_refused_with_the_names_there_are():
    with pytest.raises(FacesiftError, match=r"no three in params\.yaml; there are one, two"):
        chosen_members({"one": {}, "two": {}}, ["three"])


def test_all_members_that_vote_are_swept_if_none_is_chosen():
    assert chosen_members({"one": {}, "two": {"votes": False}}, []) == ["one"]


def test_a_row_has_the_members_own_figures_on_validation():
    metrics = {"metrics/members.json": {"one": {"val": {"recall": 0.75, "precision": 0.5}}}}
    row = row_of(Variant("one", "none", None, None, "focal"), Experiment("x", "success", {}, metrics))
    assert (row["member_recall"], row["member_precision"], row["recall"]) == (0.75, 0.5, None)


def test_the_figure_is_the_same_bytes_again(tmp_path):
    for name in ("a.svg", "b.svg"):
        draw_sweep([ROW, ROW | {"member": "two", "loss": "cross_entropy"}], ROW, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_figure_names_each_member_and_loss_once(tmp_path):
    draw_sweep([ROW, ROW, ROW | {"member": "two"}], ROW, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert (text.count(">one, focal<"), text.count(">two, focal<"), text.count(">as it is<")) == (1, 1, 1)


def test_the_figure_leaves_out_what_is_not_known(tmp_path):
    draw_sweep([ROW | {"recall": None}], ROW | {"review_rate": None}, tmp_path / "a.svg")
    assert ">one, focal<" not in (tmp_path / "a.svg").read_text()
