"""Heads and backbones in the parameters: what does not fit together is refused, and the message names it."""

import copy

import pytest
import yaml

from facesift.config.members import Head
from facesift.core.errors import FacesiftError
from tests.made import ROOT
from tests.made_config import parse_params
from tests.made_features import HEAD

DEFAULT = yaml.safe_load((ROOT / "params.yaml").read_text())
VIT = {"name": "timm:test_vit", "views": ["whole", "tiles"], "pool": ["embedding"]}


def study(members=None, backbones=None, cross_fit=None):
    """The default study with one head beside its networks."""
    tree = copy.deepcopy(DEFAULT)
    tree["data"]["crop"]["method"] = "none"
    tree["backbones"] = {"made": VIT} if backbones is None else backbones
    tree["members"] = {"head": HEAD, "network": tree["members"]["convnext1"]} if members is None else members
    tree["evaluation"]["cross_fit"] = cross_fit or {}
    return tree


def head(**given):
    merged = {
        key: HEAD[key] | value if isinstance(value, dict) and key in HEAD else value for key, value in given.items()
    }
    return {"head": HEAD | merged}


def backbone(**given):
    return {"made": VIT | given}


def refused(tree, message):
    with pytest.raises(FacesiftError, match=message):
        parse_params(tree)


def test_a_head_and_a_network_make_a_study():
    params = parse_params(study())
    assert isinstance(params.members["head"].architecture, Head)
    assert (params.members["head"].backbone, params.members["network"].backbone) == ("made", None)


def test_a_head_needs_a_backbone():
    refused(study(head(input="shards")), r"members\.head.*`input` is 'shards', but head learns from features/NAME")


def test_a_network_learns_from_no_features():
    members = {"network": DEFAULT["members"]["convnext1"] | {"input": "features/made"}}
    refused(study(members), r"members\.network.*`input` is 'features/made', but timm:\S+ learns from shards")


def test_a_backbone_that_is_none_gets_the_nearest_name():
    refused(
        study(head(input="features/mode")),
        r"members\.head\.input`: mode is not one of `backbones`; did you mean made\?",
    )


def test_without_backbones_a_head_is_refused():
    refused(study(backbones={}), r"members\.head\.input`: made is not one of `backbones`")


def test_a_view_that_the_backbone_lacks_is_named():
    given = head(architecture={"views": ["whole", "centre"]})
    refused(study(given), r"members\.head\.architecture\.views`: backbone made has no centre")


def test_an_output_that_the_backbone_lacks_is_named():
    given = head(architecture={"pool": ["class"]})
    refused(study(given), r"members\.head\.architecture\.pool`: backbone made has no class")


@pytest.mark.parametrize("view", ["face", "eyes", "nose", "mouth"])
def test_views_of_the_face_need_faces(view):
    refused(
        study(backbones=backbone(views=["whole", view])), r"backbones\.made\.views` need faces: set data\.crop\.method"
    )


def test_views_of_the_face_go_with_a_crop_around_it():
    tree = study(backbones=backbone(views=["whole", "eyes"]))
    tree["data"]["crop"]["method"] = "face"
    assert parse_params(tree).backbones["made"].finds


def test_cross_fitting_is_refused_for_networks():
    refused(study(cross_fit={"five": 5}), r"`evaluation\.cross_fit` is for heads, but network is a network")


def test_leaving_kinds_out_is_refused_for_networks():
    tree = study()
    tree["evaluation"]["leave_out"] = {"kinds": {"by": "source", "folds": 3}}
    refused(tree, r"`evaluation\.leave_out` is for heads, but network is a network")


def test_cross_fitting_is_refused_for_more_than_two_classes():
    tree = study({"head": HEAD}, cross_fit={"five": 5})
    tree["classes"] = ["real", "fake", "drawn"]
    refused(tree, r"`evaluation\.cross_fit` is for two classes, not for 3")


@pytest.mark.parametrize("given", [{"architecture": {"dropout": 0.5}}, {"early_stopping": 2}, {"keep": "lowest_loss"}])
def test_what_lbfgs_would_not_do_is_refused(given):
    refused(study(head(**given)), r"`optimizer\.name: lbfgs` learns from all rows at once")


def test_a_stack_does_not_learn_by_lbfgs():
    tree = study()
    tree["stack"]["optimizer"]["name"] = "lbfgs"
    refused(tree, r"stack: `optimizer\.name: lbfgs` is for heads")


def test_cross_fitting_leaves_baselines_alone():
    members = {"head": HEAD, "network": DEFAULT["members"]["convnext1"] | {"votes": False}}
    assert parse_params(study(members, cross_fit={"five": 5})).evaluation.cross_fit == {"five": 5}


def test_a_stack_over_heads_is_fitted_on_validation():
    tree = study()
    tree["stack"] = tree["stack"] | {"fit_on": "train_plan", "sources": "as_they_come"}
    refused(tree, r"`stack\.fit_on: train_plan` is for networks, but head is a head: set it to val")


@pytest.mark.parametrize("folds", [2, 51])
def test_the_number_of_folds_has_a_range(folds):
    refused(study(head(), cross_fit={"some": folds}), rf"evaluation\.cross_fit\.some: .*\(got {folds}\)")


WRONG = {
    "lbfgs": (
        {"network": DEFAULT["members"]["convnext1"] | {"optimizer": {"name": "lbfgs", "lr": 1.0}}},
        r"members\.network.*`optimizer\.name: lbfgs` is for heads",
    ),
    "method": (
        {"network": DEFAULT["members"]["convnext1"] | {"resample": {"scope": "split", "method": "ADASYN"}}},
        r"members\.network.*`resample\.method` is for heads",
    ),
    "forge": (
        head(resample={"scope": "split", "forge": {"ratio": 0.5}}),
        r"members\.head.*`resample\.forge`.* for images",
    ),
    "draw": (head(resample={"scope": "none", "draw": "classes"}), r"members\.head.*`resample\.draw` are for images"),
    "augment": (head(augment={"flip": 0.5}), r"members\.head.*`augment` and `views` are for images"),
    "views": (head(views={"flip": True}), r"members\.head.*`augment` and `views` are for images"),
    "smote_too": (
        head(resample={"scope": "split", "method": "SMOTE", "smote": 0.5}),
        r"members\.head\.resample: `method` goes with `scope: split`, and without `smote`",
    ),
    "by_shard": (
        head(resample={"scope": "shard", "method": "SMOTE"}),
        r"members\.head\.resample: `method` goes with `scope: split`",
    ),
    "gamma": (
        head(architecture={"hiden": 3}),
        r"members\.head\.architecture\.hiden: unknown key; did you mean hidden\?",
    ),
    "dropout": (
        head(architecture={"dropout": 1.0}),
        r"members\.head\.architecture\.dropout: .*less than 1 \(got 1\.0\)",
    ),
    "tau": (head(loss={"name": "logit_adjusted", "tau": -1.0}), r"members\.head\.loss\.tau: .*\(got -1\.0\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_member_is_named(name):
    members, message = WRONG[name]
    refused(study(members), message)


WRONG_BACKBONES = {
    "kind": ({"name": "torch:resnet"}, r"backbones\.made\.name: .*\(got 'torch:resnet'\)"),
    "view": ({"views": ["ears"]}, r"backbones\.made\.views\.0: .*'whole', 'centre', 'tiles', .*\(got 'ears'\)"),
    "twice": ({"views": ["whole", "whole"]}, r"backbones\.made: `views`: each once"),
    "no_view": ({"views": []}, r"backbones\.made\.views: .*at least 1 item"),
    "two_starts": (
        {"pretrained": True, "checkpoint": "x.pth"},
        r"backbones\.made: `pretrained`, `checkpoint` and `package`",
    ),
    "onnx": ({"name": "onnx:x.onnx", "pretrained": True}, r"backbones\.made: .*an ONNX file has its weights"),
    "mean": ({"mean": [0.5]}, r"backbones\.made: `mean` and `std` have one number for each of red, green and blue"),
    "range": ({"copies": {"count": 1, "blur": [0.02, 0.01]}}, r"backbones\.made\.copies: `blur` has two numbers"),
    "scale": ({"copies": {"count": 1, "scale": [0.0, 1.0]}}, r"backbones\.made\.copies\.scale\.0: .*\(got 0\.0\)"),
    "no_way": (
        {"copies": {"count": 1, "scale": None, "blur": None}},
        r"backbones\.made\.copies: `count` copies are asked for, but",
    ),
    "key": ({"centr": 0.5}, r"backbones\.made\.centr: unknown key; did you mean centre\?"),
}


@pytest.mark.parametrize("name", WRONG_BACKBONES)
def test_a_wrong_backbone_is_named(name):
    given, message = WRONG_BACKBONES[name]
    refused(study(backbones=backbone(**given)), message)


def test_a_head_is_filled_from_the_base_values():
    architecture = parse_params(study()).members["head"].architecture
    assert (architecture.tiles, architecture.hidden, architecture.dropout) == (["mean", "max"], None, 0.0)


@pytest.mark.parametrize("given", [{"ema": 0.999}, {"schedule": {"name": "plateau"}}, {"schedule": {"head_epochs": 1}}])
def test_what_heads_do_not_do_is_refused(given):
    refused(study(head(**given)), r"members\.head.*are for networks")
