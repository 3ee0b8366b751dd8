"""A wrong parameter is refused on loading, and the message names the key, the value and what is allowed."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from tests.made_config import BASE, parse_params

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(key, value):
    tree = copy.deepcopy(DEFAULT)
    *path, last = key.split(".")
    node = tree
    for part in path:
        node = node[part]
    node[last] = value
    return tree


WRONG = {
    "sede": (5, r"sede: unknown key; did you mean seed\?"),
    "members.convnext1.resample.weighted": (True, r"members\.convnext1\.resample\.weighted: unknown key"),
    "members.convnext1.loss.gama": (2.0, r"members\.convnext1\.loss\.gama: unknown key"),
    "members.convnext2.loss.gama": (2.0, r"members\.convnext2\.loss\.gama: unknown key; did you mean gamma\?"),
    "members.convnext1.optimiser": ({}, r"members\.convnext1\.optimiser: unknown key; did you mean optimizer\?"),
    "members.plain.architecture.name": ("resnet18", r"'resnet18' is no network; did you mean timm:resnet18\?"),
    "members.convnext2.architecture.name": ("lenett", r"'lenett' is no network; did you mean lenet\?"),
    "members.convnext2.loss.gamma": (-1.0, r"loss\.gamma: .*greater than or equal to 0 \(got -1\.0\)"),
    "members.convnext2.loss.name": (
        "hinge",
        r"members\.convnext2\.loss: .*'cross_entropy', 'focal', 'logit_adjusted', 'ldam'",
    ),
    "members.convnext1.architecture.name": ("", r"architecture\.name: .*at least 1 character \(got ''\)"),
    "members.convnext1.resample.smote": (1.5, r"resample\.smote: .*less than or equal to 1 \(got 1\.5\)"),
    "members.convnext2.resample.undersample": (0.3, r"`undersample` \(0\.3\) may not be below `smote` \(0\.4\)"),
    "members.convnext2.resample.scope": ("none", r"`scope: none` goes without"),
    "members.plain.resample": (
        {"scope": "split", "forge": {"ratio": 0.5, "candidates": 0}},
        r"resample\.forge\.candidates: .*greater than or equal to 1 \(got 0\)",
    ),
    "members.convnext1.augment.jpeg": ({"probability": 1.0, "quality": [95, 60]}, r"augment\.jpeg: `quality` has two"),
    "members.convnext1.epochs": ("ten", r"epochs: .*valid integer \(got 'ten'\)"),
    "members.convnext1.batch_size": (True, r"batch_size: .*valid integer \(got True\)"),
    "members.convnext1.optimizer.lr": (0, r"optimizer\.lr: .*greater than 0 \(got 0\)"),
    "members.1st": (DEFAULT["members"]["convnext1"], r"members\.1st"),
    "members.stacker": (DEFAULT["members"]["convnext1"], r"members\.stacker.*choose another"),
    "members.convnext1.votes": ("no", r"votes: .*valid boolean \(got 'no'\)"),
    "members": ({}, "members: .*at least 1 item"),
    "ingest.formats": (["JPG"], r"ingest\.formats\.0: .*'JPEG', 'PNG'.* \(got 'JPG'\)"),
    "split.fractions.val": (0.3, r"train \+ val \+ test is 1\.1, not 1"),
    "data.raw": ("../elsewhere", r"data\.raw: .*got '\.\./elsewhere'"),
    "data.sources.portraits.layout": (
        "flat",
        r"layout: .*'rff', 'one_class', 'class_folders', 'csv', 'webdataset', 'parquet' or 'reviewed' \(got 'flat'\)",
    ),
    "data.sources.portraits.label": ("real", r"`layout: rff` needs no folder, label or csv; given: label"),
    "data.sources.portraits": (
        {"layout": "csv", "folder": "images"},
        r"`layout: csv` needs csv; given: folder",
    ),
    "classes": (["fake", "real"], r"layout rff is of the classes \[real, fake\], in this order"),
    "positive": ("fraud", r"`positive` is 'fraud', which is not one of `classes`"),
    "robustness.corruptions.jpeg90.kind": ("gif", r"jpeg90\.kind: .*'jpeg', 'blur', .* \(got 'gif'\)"),
    "robustness.corruptions.jpeg90.strength": (90.5, r"robustness\.corruptions\.jpeg90: .*whole number .* not 90\.5"),
    "robustness.corruptions.blur1.strength": (
        0.7,
        r"robustness\.corruptions\.blur1: strength of blur is 0\.7, at most",
    ),
    "robustness.corruptions.scale50.strength": (1, r"corruptions\.scale50: strength of scale is 1, at most 1"),
    "robustness.corruptions.blur2": (
        {"kind": "downscale", "strength": 200.5},
        r"corruptions\.blur2: strength of downscale is a whole number of pixels, not 200\.5",
    ),
    "robustness.corruptions.noise4": (
        {"kind": "rephotograph", "strength": 2},
        r"corruptions\.noise4: strength of rephotograph is 2, at most 1",
    ),
    "robustness.corruptions.identity": ({"kind": "blur", "strength": 0.1}, r"`corruptions\.identity`: .*another name"),
    "robustness.images": (0, r"robustness\.images: .*greater than or equal to 1 \(got 0\)"),
    "calibration.method": ("isotonic", r"calibration\.method: .*'temperature' or 'platt' \(got 'isotonic'\)"),
    "cost.miss": (0, r"cost\.miss: .*greater than 0 \(got 0\)"),
    "stack": (
        DEFAULT["stack"] | {"fit_on": "train_plan", "sources": "own"},
        r"stack: `sources: own` goes with `fit_on: val`; .* use `sources: as_they_come`",
    ),
    "stack.sources": ("equal", r"stack\.sources: .*'as_they_come', 'balanced' or 'own' \(got 'equal'\)"),
    "operating.sources": ("fake", r"operating\.sources: .*'all' or 'own' \(got 'fake'\)"),
    "operating.guarantee.delta": (1.0, r"guarantee\.delta: .*less than 1 \(got 1\.0\)"),
    "prevalence": (0, r"prevalence: .*greater than or equal to 0\.00001 \(got 0\)"),
    "projections": ([1], r"projections\.0: .*greater than or equal to 2 \(got 1\)"),
    "cost": (DEFAULT["cost"] | {"prevalence": None}, r"cost\.prevalence: unknown key"),
    "vote.rule": ("loudest", r"vote\.rule: .*'unanimous' \(got 'loudest'\)"),
}


def test_forging_makes_the_positive_class():
    tree = changed("members.plain.resample", {"scope": "split", "forge": {"ratio": 0.5}})
    parse_params(tree)
    tree["positive"] = "real"
    with pytest.raises(FacesiftError, match=r"`members\.plain\.resample\.forge` .* but `positive` is 'real'"):
        parse_params(tree)


@pytest.mark.parametrize("key", WRONG)
def test_wrong_value_is_named(key):
    value, message = WRONG[key]
    with pytest.raises(FacesiftError, match=message):
        parse_params(changed(key, value))


def test_every_wrong_key_is_listed_at_once():
    tree = changed("seed", -1) | {"extra": 1}
    with pytest.raises(FacesiftError, match=r"(?s)2 wrong.*seed.*extra"):
        parse_params(tree)


def test_missing_key_is_named():
    tree = copy.deepcopy(DEFAULT)
    del tree["vote"]["rule"]
    with pytest.raises(FacesiftError, match=r"vote\.rule: missing"):
        parse_params(tree)


def test_number_in_scientific_notation_is_a_number(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(changed("members.convnext1.optimizer.lr", 0.125)).replace("lr: 0.125", "lr: 1e-3"))
    assert load_params(path).members["convnext1"].optimizer.lr == 0.001


def test_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / "params.yaml").write_text("a: [")
    with pytest.raises(FacesiftError, match=r"params\.yaml: not valid YAML"):
        load_params(tmp_path / "params.yaml")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"params\.yaml: cannot be read"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"seed: 2020-13-45", b"a: [", b"[" * 3000])
def test_a_file_that_is_no_yaml_is_named(tmp_path, damage):
    path = tmp_path / "params.yaml"
    path.write_bytes(damage)
    with pytest.raises(FacesiftError, match=r"params\.yaml: not valid YAML"):
        load_params(path)


def test_a_share_of_fakes_needs_a_calibration_that_knows_one():
    tree = changed("prevalence", 0.001)
    assert parse_params(tree).prevalence == 0.001
    tree["calibration"]["method"] = "temperature"
    with pytest.raises(FacesiftError, match=r"`prevalence` needs `calibration\.method: platt`"):
        parse_params(tree)


def test_a_member_with_a_dot_in_its_name_is_refused_by_our_rule():
    tree = copy.deepcopy(DEFAULT)
    tree["members"]["resnet18.a1"] = tree["members"].pop("convnext2")
    with pytest.raises(FacesiftError, match=r"members\.resnet18\.a1.*a name has letters, digits and underscores"):
        parse_params(tree)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Convnext1", "convnext1"), "Convnext1 and convnext1 differ in case alone"),
        (("aux",), r"`members\.aux`: no file can have this name on Windows"),
    ],
)
def test_names_that_are_no_files_of_their_own_on_every_system_are_refused(names: tuple[str, ...], message: str):
    tree = copy.deepcopy(DEFAULT)
    tree["members"] = dict.fromkeys(names, tree["members"]["convnext1"])
    with pytest.raises(FacesiftError, match=message):
        parse_params(tree)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"layout": "class_folders", "aliases": {"cat": ["0"]}}, r"aliases\.cat`: cat is not one of `classes`"),
        ({"layout": "rff", "aliases": {"real": ["0"]}}, "`aliases` is for layouts with names of classes"),
        ({"layout": "class_folders", "columns": {"id": "a", "label": "b"}}, "`columns` needs `layout: csv` or"),
        ({"layout": "webdataset", "folder": "x"}, "`layout: webdataset` needs no folder, label or csv"),
        ({"layout": "class_folders", "exclude": "masks"}, "exclude: Input should be a valid list"),
    ],
)
def test_a_source_with_keys_that_do_not_fit_is_refused(source: dict[str, Any], message: str):
    tree = copy.deepcopy(DEFAULT)
    tree["data"]["sources"] = {"s": BASE["source"] | source}
    with pytest.raises(FacesiftError, match=message):
        parse_params(tree)


def test_numbers_may_be_other_names_of_classes():
    tree = copy.deepcopy(DEFAULT)
    tree["data"]["sources"] = {"s": BASE["source"] | {"layout": "class_folders", "aliases": {"real": [0], "fake": [1]}}}
    assert parse_params(tree).data.sources["s"].aliases == {"real": ["0"], "fake": ["1"]}
