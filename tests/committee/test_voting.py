import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from facesift.committee.voting import REVIEW, RULES, screen

ballots = arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 1))


@given(ballots)
def test_unanimous_decides_only_what_all_voters_agree_on(votes):
    decisions = RULES["unanimous"](votes, np.empty(0))
    for row, decision in zip(votes, decisions, strict=True):
        assert decision == (row[0] if len(set(row)) == 1 else REVIEW)


@given(ballots)
def test_any_fake_finds_every_fake_that_another_voting_rule_finds(votes):
    assert (RULES["any_fake"](votes, votes) >= RULES["majority"](votes, votes)).all()


@given(ballots)
def test_majority_follows_the_count_and_calls_a_tie_fake(votes):
    expected = [int(sum(row) * 2 >= len(row)) for row in votes.tolist()]
    assert RULES["majority"](votes, votes).tolist() == expected


def test_soft_decides_by_the_mean_probability():
    probabilities = np.array([[0.9, 0.2], [0.9, 0.05], [0.5, 0.5]])
    assert RULES["soft"](np.zeros((3, 2), int), probabilities).tolist() == [1, 0, 1]


@given(ballots, st.randoms(use_true_random=False))
def test_every_image_is_counted_once(votes, random):
    labels = np.array([random.randint(0, 1) for _ in votes])
    assert screen(labels, RULES["unanimous"](votes, votes)).images == len(votes)


@pytest.mark.parametrize("rule", RULES)
def test_order_of_voters_does_not_matter(rule):
    rng = np.random.default_rng(3)
    votes, probabilities = rng.integers(0, 2, (50, 5)), rng.random((50, 5))
    order = rng.permutation(5)
    np.testing.assert_array_equal(
        RULES[rule](votes, probabilities), RULES[rule](votes[:, order], probabilities[:, order])
    )
