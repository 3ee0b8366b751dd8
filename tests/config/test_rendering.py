"""params.yaml as it is written: complete, commented, and changed in one line by `dvc exp run -S`."""

import difflib

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from facesift.config.compose import compose, studies
from facesift.config.params import parse_params
from facesift.config.rendering import render
from tests.made import ROOT

CONF = ROOT / "conf"
STUDIES = studies(CONF)


def overridden(folder, text, *overrides):
    """Return the text as `dvc exp run -S` leaves it."""
    path = folder / "params.yaml"
    path.write_text(text)
    apply_overrides(path, list(overrides))
    return path.read_text()


def changed_lines(before, after):
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[:2] == "- "], [line[2:] for line in lines if line[:2] == "+ "]


def test_params_in_git_are_the_composed_default():
    assert (ROOT / "params.yaml").read_text() == render(compose("portraits", conf=CONF))


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_composes_and_is_read_as_it_was_written(study):
    tree = compose(study, conf=CONF)
    assert yaml.safe_load(render(tree)) == tree
    assert parse_params(tree).study == study


@pytest.mark.parametrize("study", STUDIES)
def test_dvc_writes_every_study_as_we_do(tmp_path, study):
    text = render(compose(study, conf=CONF))
    assert overridden(tmp_path, text, "seed=20") == text


SETTINGS = {
    "vote.rule=soft": "  rule: soft ",
    "stack.c=0.25": "  c: 0.25 ",
    "robustness.images=100": "  images: 100 ",
    "members.convnext2.loss.gamma=3": "    loss: {name: focal, gamma: 3, ",
    "members.convnext1.resample.smote=0.2": "    resample: {scope: shard, smote: 0.2, ",
    "members.plain.early_stopping=4": "    early_stopping: 4",
    "data.crop.centre.side=0.8": "    centre: {x: 0.5, y: 0.5, side: 0.8} ",
    # As long as the '*' before: a longer value would move the end of the line into the next one.
    "data.sources.portraits.within=zip": "    portraits: {layout: rff, within: zip, ",
    "robustness.corruptions.jpeg90.strength=91": "    jpeg90: {kind: jpeg, strength: 91}",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_value_set_by_dvc_changes_one_line_and_keeps_its_comment(tmp_path, setting):
    text = render(compose("portraits", conf=CONF))
    changed = overridden(tmp_path, text, setting)
    (before,), (after,) = changed_lines(text, changed)
    assert after.startswith(SETTINGS[setting])
    assert before.partition("#")[2] == after.partition("#")[2]
    parse_params(yaml.safe_load(changed))


def test_a_block_set_by_dvc_keeps_all_comments(tmp_path):
    text = render(compose("portraits", conf=CONF))
    forge = "{ratio: 0.5, composite: 1, self_blend: 0, regions: {eyes: 1, nose: 1, mouth: 1, face: 0}, candidates: 8,"
    forge += " poisson: 0.5, colour: 1, warp: 1, fresh: true}"
    changed = overridden(
        tmp_path, text, f"members.plain.resample.forge={forge}", "members.plain.resample.scope=split", "projections=[7]"
    )
    params = parse_params(yaml.safe_load(changed))
    assert (params.members["plain"].resample.forge.candidates, params.projections) == (8, [7])
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in changed.splitlines() if "#" in line] == comments


def test_a_name_added_by_dvc_keeps_all_comments(tmp_path):
    text = render(compose("portraits", conf=CONF))
    changed = overridden(tmp_path, text, "+split.limit.fake=20")
    assert parse_params(yaml.safe_load(changed)).split.limit == {"fake": 20}
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in changed.splitlines() if "#" in line] == comments


def test_a_member_copied_by_hand_is_accepted_and_stays(tmp_path):
    text = render(compose("portraits", conf=CONF))
    start, end = text.index("  convnext1:\n"), text.index("  convnext2:\n")
    block = text[start:end].replace("convnext1", "fifth").replace("seed: 1\n", "seed: 77\n")
    copied = text[:end] + block + text[end:]
    assert parse_params(yaml.safe_load(copied)).members["fifth"].seed == 77
    (_,), (after,) = changed_lines(copied, overridden(tmp_path, copied, "members.fifth.optimizer.lr=0.01"))
    assert "lr: 0.01" in after


def test_texts_that_yaml_would_read_otherwise_are_quoted():
    tree = compose("portraits", ["data.sources.portraits.within=\"a: 'b', #c\""], CONF)
    assert yaml.safe_load(render(tree))["data"]["sources"]["portraits"]["within"] == "a: 'b', #c"
