"""The stopping rule keeps to its risk, is fitted on validation alone, and saves questions."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.bundle.stopping_rules import describe_stopping
from facesift.committee.cascade import hear_in_turn
from facesift.committee.decision import make_jury
from facesift.committee.rules import REVIEW
from facesift.committee.stopping import Scale, Stopping, fit_threshold, needed
from facesift.committee.thresholds import Policy
from facesift.core.errors import FacesiftError
from facesift.screening.committee import Committee
from tests.committee.test_cascade import Members, hear, numbered
from tests.committee.test_decision import BINARY, MEMBERS, THREE, random_logits
from tests.committee.test_decision import make_jury as jury_of

UNIT = Scale(np.zeros(3), np.ones(3))


def stopping(threshold, scale=UNIT):
    return Stopping(scale, threshold)


@pytest.mark.parametrize("risk", [0.05, 0.2])
def test_of_new_flagged_images_no_more_than_the_risk_is_passed(risk):
    rng, passed = np.random.default_rng(0), []
    for _ in range(400):
        margins = rng.normal(size=(150, 3)) + rng.normal(size=(150, 1))
        rule = stopping(fit_threshold(UNIT, margins[:50], risk))
        early = np.any([rule.passes(margins[50:, :heard]) for heard in (1, 2)], axis=0)
        passed.append(early.mean())
    assert np.mean(passed) == pytest.approx(risk, abs=0.025)  # 2 % at the most by the rank, as many by chance
    assert np.mean(passed) < risk + 2 * np.std(passed) / np.sqrt(len(passed))


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.1, 0.3, 0.5])
def test_needed_is_the_least_number_of_images_that_gives_a_threshold(risk):
    margins = np.random.default_rng(0).normal(size=(needed(risk), 3))
    assert fit_threshold(UNIT, margins, risk) is not None
    assert fit_threshold(UNIT, margins[1:], risk) is None


def test_one_member_has_nobody_to_save():
    assert fit_threshold(Scale(np.zeros(1), np.ones(1)), np.zeros((99, 1)), 0.1) is None


def test_members_weigh_alike_whatever_the_unit_of_their_scores():
    margins = np.random.default_rng(0).normal(size=(40, 3))
    units = np.array([1.0, 50.0, 0.01])
    np.testing.assert_allclose(
        Scale.of(margins * units + 3).scores(margins * units + 3), Scale.of(margins).scores(margins)
    )


def test_a_score_that_is_no_number_passes_nothing():
    assert stopping(9.0).passes(np.array([[np.nan], [0.0]])).tolist() == [False, True]


@pytest.mark.parametrize("classes", [BINARY, THREE], ids=["two", "three"])
@pytest.mark.parametrize("way", [{"rule": "any_fake"}, {"rule": "soft"}, {"policy": Policy(-1.0, 1.0)}], ids=str)
@given(seed=st.integers(0, 10_000))
def test_images_that_are_not_low_are_decided_as_by_the_whole_committee(classes, way, seed):
    jury, logits = jury_of(classes, seed=seed, **way), random_logits(classes, 30, seed)
    hearing, members = hear(replace(jury, stopping=stopping(-0.5)), logits)
    whole, heard = jury.judge(logits), hearing.heard[:, : len(MEMBERS)].all(axis=1)
    np.testing.assert_array_equal(hearing.verdict.decisions[heard], whole.decisions[heard])
    assert hearing.heard[:, : len(MEMBERS)].sum() == sum(len(rows) for _, rows in members.asked)


def test_an_image_that_is_low_is_passed_and_its_next_member_not_asked():
    logits = {name: np.array([[2, -2], [-2, 2]], np.float32) for name in MEMBERS}
    hearing, members = hear(replace(jury_of(BINARY, "soft"), stopping=stopping(-3.0)), logits)
    assert hearing.verdict.decisions[0] == 0
    assert members.asked == [(["one"], [0, 1]), (["two"], [1]), (["three"], [1])]


def test_of_several_other_classes_the_likeliest_is_decided():
    logits = {name: np.array([[0, -9, 1], [1, -9, 0]], np.float32) for name in MEMBERS}
    hearing, _ = hear(replace(jury_of(THREE, "soft"), stopping=stopping(-3.0)), logits)
    assert hearing.verdict.decisions.tolist() == [2, 0]


def described(risk=0.05, **parts):
    juries = {rule: jury_of(BINARY, rule) for rule in ("unanimous", "soft")}
    points = {"cost": jury_of(BINARY, policy=Policy(-1.0, 1.0))}
    given = {"validation": random_logits(BINARY, 200, 1), "test": random_logits(BINARY, 100, 2)} | parts
    return describe_stopping(juries, points, **given, risk=risk)


def test_the_card_counts_what_the_rule_does_to_test_images():
    card, test = described(0.3), random_logits(BINARY, 100, 2)
    way, jury = card.points["cost"], jury_of(BINARY, policy=Policy(-1.0, 1.0))
    scale = Scale(*(np.array(list(each.values())) for each in (card.centre, card.spread)))
    hearing = hear_in_turn(replace(jury, stopping=stopping(way.threshold, scale)), Members(test), numbered(100))
    flagged = np.isin(jury.judge(test).decisions, [1, REVIEW])
    passed = flagged & (hearing.verdict.decisions == 0)
    assert (way.test_of, way.test_flagged, way.test_passed) == (300, flagged.sum(), passed.sum())
    assert way.test_asked == hearing.heard[:, :3].sum() < 300


def test_the_threshold_does_not_depend_on_test_images():
    one, other = described(), described(test=random_logits(BINARY, 100, 9))
    assert [way.threshold for way in one.rules.values()] == [way.threshold for way in other.rules.values()]


def test_too_few_flagged_images_give_no_threshold_and_save_nothing():
    card = described(0.0001)
    assert {way.threshold for way in card.rules.values()} == {None}
    assert {way.test_asked for way in card.rules.values()} == {300}


def change(bundle, **way):
    card = json.loads((bundle / "bundle.json").read_text())
    card["stopping"]["rules"]["soft"] |= way
    (bundle / "bundle.json").write_text(json.dumps(card))


def test_a_bundle_screens_with_its_stopping_rule(bundle, tmp_path):
    from PIL import Image

    from tests.screening.test_committee import noise

    for number, pixels in enumerate(noise(12, seed=7)):
        Image.fromarray(pixels).save(tmp_path / f"{number:02d}.png")
    change(bundle, threshold=1e9)  # everything is low
    committee = Committee.load(bundle, threads=1, rule="soft", stop_early=True)
    (table,) = committee.screen([tmp_path / f"{number:02d}.png" for number in range(12)])
    assert table["decision"].to_list() == ["real"] * 12
    assert table["vote_two"].null_count() == 12


def test_bundle_without_enough_images_says_how_many_it_takes(bundle):
    change(bundle, threshold=None, flagged=7)
    with pytest.raises(FacesiftError, match=r"rule soft: at risk 0\.05 it takes two members and 19 .*2 and 7"):
        Committee.load(bundle, rule="soft", stop_early=True)


def test_bundle_made_without_stopping_rule_is_named(bundle):
    card = json.loads((bundle / "bundle.json").read_text()) | {"stopping": None}
    (bundle / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(FacesiftError, match="point cost: this bundle was made without one"):
        Committee.load(bundle, point="cost", stop_early=True)


def test_the_juries_of_a_bundle_have_no_stopping_rule_unless_asked(exported):
    assert make_jury(exported, Committee.load(exported).card).stopping is None


def test_the_command_stops_early_and_says_what_it_saved(bundle, tmp_path, capsys):
    from PIL import Image

    from facesift.cli.screen import ScreenOptions, run_screen
    from tests.screening.test_committee import noise

    Image.fromarray(noise(1)[0]).save(tmp_path / "face.png")
    change(bundle, threshold=1e9)
    asked = ScreenOptions([str(tmp_path / "face.png")], bundle, tmp_path / "out.csv", rule="soft", stop_early=True)
    assert run_screen(asked) == 0
    assert "members asked 1 of 2 times (50.0%)" in capsys.readouterr().err
