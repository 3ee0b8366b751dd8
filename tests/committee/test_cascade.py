"""A cascade decides as the whole committee does, and asks no member for nothing."""

import sys
from contextlib import nullcontext
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.bundle.inputs import MemberInputs
from facesift.bundle.runtimes import OnnxRuntime, TorchRuntime
from facesift.committee.calibration import Calibrator
from facesift.committee.cascade import OPEN, check_cascade, check_worthwhile, decide_in_turn, settled
from facesift.committee.ensemble import Ensemble
from facesift.committee.rules import RULES, Thresholds
from facesift.committee.stacking import Stacker
from facesift.core.errors import FacesiftError
from facesift.screening.committee import Committee
from tests.committee.test_decision import BINARY, MEMBERS, THREE, make_ensemble, random_logits
from tests.screening.test_committee import noise

COUNTING = [name for name, rule in RULES.items() if rule.counts_votes]
CLASSES = pytest.mark.parametrize("classes", [BINARY, THREE], ids=["two", "three"])


class Members:
    """Answers for images that are rows of planted logits, and what was asked of it."""

    def __init__(self, logits):
        self.logits, self.asked = logits, []

    def __call__(self, pixels, members):
        rows = pixels[:, 0, 0, 0]
        self.asked.append((list(members), rows.tolist()))
        return {member: self.logits[member][rows] for member in members}


def numbered(images):
    return np.broadcast_to(np.arange(images, dtype=np.uint8)[:, None, None, None], (images, 1, 1, 3))


def decided(ensemble, logits):
    members = Members(logits)
    return decide_in_turn(ensemble, members, numbered(len(logits["one"]))), members


@CLASSES
@pytest.mark.parametrize("rule", COUNTING)
@given(seed=st.integers(0, 10_000))
def test_decisions_are_those_of_the_whole_committee(classes, rule, seed):
    ensemble, logits = make_ensemble(classes, rule, seed=seed), random_logits(classes, 30, seed)
    whole = ensemble.decide(logits)
    found, _ = decided(ensemble, logits)
    np.testing.assert_array_equal(found.batch.decisions, whole.decisions)
    np.testing.assert_array_equal(found.batch.votes[found.asked], whole.votes[found.asked])
    last = found.asked[:, -1]
    np.testing.assert_array_equal(found.batch.log_odds[last], whole.log_odds[last])


@CLASSES
@pytest.mark.parametrize("rule", COUNTING)
@pytest.mark.parametrize("given_votes", [1, 2, 3])
def test_settled_is_what_no_further_votes_can_change(classes, rule, given_votes):
    numbers, left = range(len(classes.names)), 4 - given_votes
    for votes in product(numbers, repeat=given_votes):
        ends = {
            int(RULES[rule].combine(np.array([[*votes, *more]]), np.empty(0), classes)[0])
            for more in product(numbers, repeat=left)
        }
        expected = ends.pop() if len(ends) == 1 else OPEN
        assert settled(RULES[rule], np.array([votes]), left, classes).tolist() == [expected], votes


def planted(*votes):
    """Logits (1, 2) of a member each that vote as told: 1 for fake."""
    return {name: np.array([[0, 2 * vote - 1]], np.float32) for name, vote in zip(MEMBERS, votes, strict=True)}


ASKED = {
    "any_fake": {(1, 0, 0): 1, (0, 1, 0): 2, (0, 0, 0): 3},
    "unanimous": {(1, 0, 0): 2, (0, 0, 1): 3, (1, 1, 1): 3},
    "majority": {(1, 1, 0): 2, (0, 0, 0): 3, (0, 1, 1): 3},  # four voters: two votes for fake and a tie are enough
}


@pytest.mark.parametrize(("rule", "votes"), [(rule, votes) for rule in ASKED for votes in ASKED[rule]])
def test_no_member_is_asked_once_an_image_is_decided(rule, votes):
    found, members = decided(make_ensemble(BINARY, rule), planted(*votes))
    assert [names for names, _ in members.asked] == [[name] for name in MEMBERS[: ASKED[rule][votes]]]
    assert found.asked[0].tolist() == [number < ASKED[rule][votes] for number in range(3)] + [ASKED[rule][votes] == 3]


def test_decided_images_leave_the_batch():
    logits = {name: np.concatenate([planted(1, 0, 0)[name], planted(0, 0, 0)[name]]) for name in MEMBERS}
    _, members = decided(make_ensemble(BINARY, "any_fake"), logits)
    assert [rows for _, rows in members.asked] == [[0, 1], [1], [1]]


def test_a_score_that_is_no_number_ends_the_cascade_for_its_image():
    logits = planted(0, 0, 0)
    logits["one"][0, 1] = np.nan
    found, members = decided(make_ensemble(BINARY, "any_fake"), logits)
    assert (found.finite.tolist(), len(members.asked)) == ([False], 1)


@pytest.mark.parametrize(
    "ensemble", [make_ensemble(BINARY, "soft"), make_ensemble(BINARY, Thresholds(-1, 1))], ids=["soft", "point"]
)
def test_what_weighs_all_scores_cannot_be_a_cascade(ensemble):
    with pytest.raises(FacesiftError, match=r"weighs the scores of all members.*any_fake, majority, unanimous"):
        check_cascade(ensemble)


@pytest.fixture
def faces(tmp_path):
    from PIL import Image

    (tmp_path / "faces").mkdir()
    for number, pixels in enumerate(noise(40, seed=7)):
        Image.fromarray(pixels).save(tmp_path / f"faces/{number:02d}.png")
    (tmp_path / "faces/bad.png").write_bytes(b"")
    return tmp_path / "faces"


@pytest.fixture(scope="module")
def divided(exported):
    """Untrained members call all images the same: let each call half of the noise fake."""
    margins = {name: np.diff(each)[:, 0] for name, each in Committee.load(exported).logits(noise(40, seed=7)).items()}

    middles = {name: np.array([0, np.median(each)], np.float32) for name, each in margins.items()}

    def divide(logits):
        return lambda *asked: {name: each - middles[name] for name, each in logits(*asked).items()}

    with pytest.MonkeyPatch.context() as patch:
        for runtime in (OnnxRuntime, TorchRuntime):
            patch.setattr(runtime, "logits", divide(runtime.logits))
        yield


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.parametrize("rule", COUNTING)
def test_a_bundle_in_cascade_gives_the_same_rows_but_for_what_was_not_asked(exported, faces, rule, runtime):
    whole = pl.concat(Committee.load(exported, runtime, 1, rule).screen([faces], 8, timed=False))
    early = pl.concat(Committee.load(exported, runtime, 1, rule).screen([faces], 8, cascade=True, timed=False))
    votes = ["vote_one", "vote_two", "vote_stacker"]
    said = ["probability", *(name.replace("vote", "probability") for name in votes)]
    assert set(whole["vote_one"]) == {"real", "fake", None}  # the rule has something to decide
    assert early.schema == whole.schema
    assert early.drop(*votes, *said).equals(whole.drop(*votes, *said))
    for name in said:
        assert (early[name] - whole[name]).abs().max() < 1e-5
        assert (early[name].is_null() == early[f"vote_{name[12:] or 'stacker'}"].is_null()).all()
    for name in votes:
        known = early[name].is_not_null()
        assert early.filter(known)[name].equals(whole.filter(known)[name])


def test_a_member_alone_is_computed_without_the_others(exported):
    committee = Committee.load(exported, threads=1)
    whole = committee.logits(noise(9))
    parts = committee.runtime.logits(MemberInputs(noise(9)), ["two"])
    np.testing.assert_allclose(parts["two"], whole["two"], atol=1e-5)
    assert [each.name for each in committee.runtime._parts["two"].get_outputs()] == ["logits_two"]


def test_without_the_package_onnx_the_message_says_what_to_install(exported, monkeypatch):
    committee = Committee.load(exported, threads=1)
    monkeypatch.setitem(sys.modules, "onnx.utils", None)
    with pytest.raises(FacesiftError, match=r"one by one needs onnx: `pip install -e '\.\[screen\]'`"):
        committee.runtime.logits(MemberInputs(noise(1)), ["two"])


def test_weights_in_a_file_of_their_own_are_found_by_the_parts(exported, tmp_path):
    from facesift.bundle.onnx_graph import export_graph
    from facesift.networks.pixel_module import load_module
    from tests.made import SIZE

    card = Committee.load(exported).card
    modules = {name: load_module(exported / f"members/{name}.safetensors") for name in card.member_names}
    export_graph(tmp_path / "committee.onnx", modules, SIZE, largest=0)
    runtime = OnnxRuntime(tmp_path, card, 1)
    whole = runtime.logits(MemberInputs(noise(3)), ["one", "two"])
    np.testing.assert_allclose(runtime.logits(MemberInputs(noise(3)), ["one"])["one"], whole["one"], atol=1e-5)


@pytest.fixture
def worthwhile(monkeypatch):
    """The bundle of two members is too small for a rule that saves."""
    monkeypatch.setattr("facesift.committee.cascade.WORTH", 0)


@pytest.mark.parametrize("rule", COUNTING)
def test_the_command_refuses_a_cascade_that_saves_little_where_members_agree(exported, faces, tmp_path, rule):
    from facesift.cli.screen import ScreenOptions, run_screen

    with pytest.raises(FacesiftError, match="2 of 2 members that agree are asked"):
        run_screen(ScreenOptions([str(faces)], exported, tmp_path / "out.csv", rule=rule, cascade=True))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(("members", "saves"), [(4, False), (6, False), (8, True), (9, False), (10, True)])
def test_majority_saves_where_many_members_agree(members, saves):
    names = tuple(f"member{number}" for number in range(members))
    stacker = Stacker(np.zeros((2, 2 * members)), np.zeros(2))
    ensemble = Ensemble(names, BINARY, stacker, Calibrator(1.0, 0.0), RULES["majority"])
    with nullcontext() if saves else pytest.raises(FacesiftError, match=f"of {members} members that agree"):
        check_worthwhile(ensemble)


@pytest.mark.usefixtures("divided", "worthwhile")
def test_the_command_says_how_often_members_were_asked(exported, faces, tmp_path, capsys):
    from facesift.cli.screen import ScreenOptions, run_screen

    out = tmp_path / "out.csv"
    assert run_screen(ScreenOptions([str(faces)], exported, out, rule="any_fake", cascade=True)) == 2
    asked = sum(pl.read_csv(out)[f"vote_{name}"].count() for name in ("one", "two"))
    assert 40 < asked < 80
    assert f"; members asked {asked} of 80 times ({100 * asked / 80:.1f} %)" in capsys.readouterr().err


@pytest.mark.usefixtures("divided", "worthwhile")
@pytest.mark.parametrize("first", [True, False], ids=["begun in cascade", "begun in full"])
def test_a_table_goes_on_with_and_without_cascade(exported, faces, tmp_path, first):
    from facesift.cli.screen import ScreenOptions, run_screen

    files, asked = [str(faces / f"{number:02d}.png") for number in range(30)], {"rule": "any_fake", "batch_size": 4}
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    run_screen(ScreenOptions(files[:20], exported, out, cascade=first, **asked))
    run_screen(ScreenOptions(files, exported, out, resume=True, cascade=not first, **asked))
    run_screen(ScreenOptions(files, exported, whole, **asked))
    assert pl.read_csv(out)["decision"].equals(pl.read_csv(whole)["decision"])


def test_a_point_in_cascade_is_refused_and_leaves_nothing(exported, faces, tmp_path):
    from facesift.cli.screen import ScreenOptions, run_screen

    with pytest.raises(FacesiftError, match="cascade: an operating point weighs the scores"):
        run_screen(ScreenOptions([str(faces)], exported, tmp_path / "out.csv", point="cost", cascade=True))
    assert not (tmp_path / "out.csv").exists()
