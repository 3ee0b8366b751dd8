"""Leave-one-attack-out: a kind of fakes with a signal of its own is missed once nothing was learned from it."""

import numpy as np
import polars as pl
import pytest

from facesift.committee.cross_fit import FeatureTable
from facesift.committee.rules import RULES
from facesift.config.evaluation import LeaveOut
from facesift.core.classes import PARTS
from facesift.evaluation.leave_out import report_leave_out
from tests.made import default_params
from tests.made_features import card, head_recipe

IMAGES, FAKES, FOLDS, WIDTH = 240, 80, 3, 6
PLACE = "features/made"
ASKED = LeaveOut(by="difficulty", folds=FOLDS)
HALVES = ["easy"] * (FAKES // 2) + ["hard"] * (FAKES // 2)
HARD_APART = ["mixed"] * (FAKES // 2) + ["fakes"] * (FAKES // 2) + ["mixed"] * (IMAGES - FAKES)  # sources of `HALVES`


def params(**sections):
    """Parameters of one head; `sections` are changes of whole sections, such as `stack={"folds": 5}`."""
    given, changed = default_params(), {"stack": {"folds": 3}} | sections
    changes = {name: getattr(given, name).model_copy(update=each) for name, each in changed.items()}
    head = {"members": {"linear": head_recipe()}, "positive": "fake", "classes": ["real", "fake"]}
    return given.model_copy(update=head | changes)


def report(difficulty, asked=ASKED, *, groups=None, sources="made", unmarked="", **sections):
    """Fakes of each difficulty but `unmarked` are marked by a feature of their own."""
    rng, labels = np.random.default_rng(0), (np.arange(IMAGES) < FAKES).astype(int)
    names = sorted(set(difficulty))
    values = rng.normal(size=(IMAGES, WIDTH))
    for row, name in enumerate(difficulty):
        values[row, names.index(name)] += 5 * (name != unmarked)
    ids = [f"{row:032x}" for row in range(IMAGES)]
    truth = pl.DataFrame({
        "image_id": ids, "split": "train", "source": sources, "label": np.array(["real", "fake"])[labels],
        "group": np.arange(IMAGES) if groups is None else groups,
    })  # fmt: skip
    facts = pl.DataFrame({"image_id": ids, "difficulty": [*difficulty, *[None] * (IMAGES - FAKES)]})
    facts = facts.with_columns(pl.lit(None, pl.Boolean).alias(part) for part in PARTS)
    tables = {PLACE: FeatureTable(ids, values.astype(np.float16)[:, None], card(WIDTH))}
    return report_leave_out(tables, truth, facts, params(**sections), asked)


@pytest.fixture(scope="module")
def found():
    return report(["easy", "hard"] * (FAKES // 2))


def test_a_kind_that_was_never_seen_is_ranked_at_chance(found):
    easy = found["kinds"]["easy"]
    assert easy["learned"]["auc"] > 0.95
    low, high = easy["left_out"]["auc_interval"]
    assert low < 0.5 < high
    assert easy["auc"]["first"] == easy["left_out"]["auc"]
    assert easy["auc"]["interval"][1] < 0


def test_counts_are_of_the_kind_and_of_the_fakes_left(found):
    easy = found["kinds"]["easy"]
    assert (easy["fakes"], easy["learned_from"], easy["left_out"]["reals"]) == (40, 40, IMAGES - FAKES)


def test_the_rules_miss_more_of_what_was_left_out(found):
    missed = found["kinds"]["hard"]["apcer"]["any_fake"]
    assert missed["left_out"]["value"] > 0.6
    assert missed["learned"]["value"] < 0.3
    assert missed["left_out"]["images"] == 40


def test_a_kind_that_is_too_small_says_so():
    kinds = report(["easy"] * 9 + ["hard"] * (FAKES - 9))["kinds"]
    assert kinds["easy"] == {"fakes": 9, "learned_from": 71, "reason": "needs at least 10 fakes, not 9"}


def test_pairs_of_copies_are_one_fake_of_a_kind_each():
    groups = np.append(np.arange(18) // 2, np.arange(18, IMAGES))
    kinds = report(["easy"] * 18 + ["hard"] * (FAKES - 18), groups=groups)["kinds"]
    assert (kinds["easy"]["fakes"], kinds["easy"]["reason"]) == (18, "needs at least 10 groups of fakes, not 9")


def test_a_kind_that_leaves_too_few_fakes_says_so():
    kinds = report(["easy"] * 75 + ["hard"] * 5)["kinds"]
    assert kinds["easy"]["reason"].endswith("groups of other fakes; the stacker needs 3 (stack.folds)")


def test_the_only_source_cannot_be_left_out():
    kinds = report(["easy"] * FAKES, LeaveOut(by="source", folds=FOLDS))["kinds"]
    assert kinds["made"]["reason"] == "a fold has 0 groups of other fakes; the stacker needs 3 (stack.folds)"


def test_without_knowledge_of_parts_there_is_no_kind():
    assert report(["easy"] * FAKES, LeaveOut(by="part", folds=FOLDS))["kinds"] == {}


def test_a_point_that_the_left_out_committee_does_not_offer_is_named():
    """Without the easy fakes nothing is learned, as the hard ones bear no mark: most images would go to a person."""
    changes = {"stack": {"folds": 2}, "operating": {"target_recall": 0.8}}
    easy = report(["easy"] * 7 + (["hard"] + ["easy"] * 7) * 9 + ["easy"], unmarked="hard", **changes)["kinds"]["easy"]
    assert "target_recall" in easy["not_offered"]
    assert not set(easy["not_offered"]) & set(easy["apcer"])
    assert set(RULES) <= set(easy["apcer"])


def test_fewer_folds_of_the_stacker_let_more_kinds_be_left_out():
    difficulty = ["easy"] * 68 + ["hard"] * 12  # about four hard fakes in each fold
    assert report(difficulty, stack={"folds": 5})["kinds"]["easy"]["reason"].endswith(
        "the stacker needs 5 (stack.folds)"
    )
    assert report(difficulty, stack={"folds": 5, "fewer_folds": True})["kinds"]["easy"]["reason"] is None


@pytest.mark.parametrize("choice", ["own", "balanced"])
def test_fakes_of_sources_without_reals_are_not_counted_where_own_sources_fit_the_stacker(choice):
    """The hard fakes that are left are all of a source of fakes alone."""
    assert report(HALVES, sources=HARD_APART)["kinds"]["easy"]["reason"] is None
    kinds = report(HALVES, sources=HARD_APART, stack={"folds": 3, "sources": choice})["kinds"]
    assert kinds["easy"]["reason"] == (
        "a fold has 0 groups of other fakes in sources that hold fake and others; the stacker needs 3 (stack.folds)"
    )
    assert kinds["hard"]["reason"] is None


def test_a_kind_without_which_no_committee_can_be_fitted_says_why_and_the_others_are_judged():
    kinds = report(HALVES, sources=HARD_APART, operating={"sources": "own"})["kinds"]
    assert kinds["easy"]["reason"].startswith("operating.sources: own needs a source that holds fake and others")
    assert set(kinds["easy"]) == {"fakes", "learned_from", "reason"}
    assert kinds["hard"]["reason"] is None
