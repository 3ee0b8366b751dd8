import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from facesift.committee.rules import REVIEW, RULES, screen
from facesift.core.classes import Classes

FAKE = Classes(("real", "fake"), "fake")
ballots = arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 1))


@given(ballots)
def test_unanimous_decides_only_what_all_voters_agree_on(votes):
    decisions = RULES["unanimous"](votes, np.empty(0), FAKE)
    for row, decision in zip(votes, decisions, strict=True):
        assert decision == (row[0] if len(set(row)) == 1 else REVIEW)


@given(ballots)
def test_any_fake_finds_every_fake_that_another_voting_rule_finds(votes):
    assert (RULES["any_fake"](votes, votes, FAKE) >= RULES["majority"](votes, votes, FAKE)).all()


@given(ballots)
def test_majority_follows_the_count_and_calls_a_tie_fake(votes):
    expected = [int(sum(row) * 2 >= len(row)) for row in votes.tolist()]
    assert RULES["majority"](votes, votes, FAKE).tolist() == expected


def test_soft_decides_by_the_mean_probability():
    fake = np.array([[0.9, 0.2], [0.9, 0.05], [0.5, 0.5]])
    probabilities = np.stack([1 - fake, fake], axis=2)
    assert RULES["soft"](np.zeros((3, 2), int), probabilities, FAKE).tolist() == [1, 0, 1]


@given(ballots, st.randoms(use_true_random=False))
def test_every_image_is_counted_once(votes, random):
    labels = np.array([random.randint(0, 1) for _ in votes])
    assert screen(labels, RULES["unanimous"](votes, votes, FAKE), FAKE).images == len(votes)


@pytest.mark.parametrize("rule", RULES)
def test_order_of_voters_does_not_matter(rule):
    rng = np.random.default_rng(3)
    votes, probabilities = rng.integers(0, 2, (50, 5)), rng.dirichlet([1, 1], (50, 5))
    order = rng.permutation(5)
    np.testing.assert_array_equal(
        RULES[rule](votes, probabilities, FAKE), RULES[rule](votes[:, order], probabilities[:, order], FAKE)
    )


THREE = Classes(("a", "b", "c"), "c")


def test_majority_of_three_classes_calls_a_tie_for_the_positive_class():
    votes = np.array([[0, 0, 1], [1, 2, 2], [0, 2, 1], [0, 1, 1]])
    assert RULES["majority"](votes, votes, THREE).tolist() == [0, 2, 2, 1]


def test_any_vote_for_the_positive_class_of_three_decides():
    votes = np.array([[0, 0, 2], [1, 1, 0]])
    assert RULES["any_fake"](votes, votes, THREE).tolist() == [2, 1]


def test_screening_of_three_classes_counts_the_positive_against_the_rest():
    screening = screen(np.array([0, 1, 2, 2, 2]), np.array([1, 2, 2, 0, REVIEW]), THREE)
    assert (screening.decided.tp, screening.decided.fp, screening.decided.fn, screening.review_fake) == (1, 1, 1, 1)
