"""Golden counts of the published study through the project's own metric and voting functions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facesift.committee.rules import unanimous
from facesift.core.classes import Classes
from facesift.core.counts import Confusion, DecisionCounts, class_report
from facesift.evaluation.decision_report import count_decisions

FAKE = Classes(("real", "fake"), "fake")

# member: (tp, fp) of 80 fakes and 20,400 reals, and the printed precision, recall, F1 in per cent
PUBLISHED = {
    "convnext1": ((64, 121), (34.59, 80.00, 48.30)),
    "convnext2": ((60, 185), (24.49, 75.00, 36.92)),
    "convnext3": ((71, 436), (14.00, 88.75, 24.19)),
    "convnext4": ((65, 191), (25.39, 81.25, 38.69)),
    "stacked": ((67, 119), (36.02, 83.75, 50.37)),
    "any fake": ((77, 506), (13.21, 96.25, 23.22)),
}


def prints_as(figure, printed):
    """The source rounds some figures and cuts others off: 39.2857 stands there as 39.28, 24.4898 as 24.49."""
    hundredths = 100 * 100 * figure
    return round(100 * printed) in {round(hundredths), math.floor(hundredths)}


def f1_prints_as(f1, precision, recall, printed):
    """Its F1 is sometimes made of the precision and recall already cut off: 54.99 where the counts give 55.00."""
    return prints_as(f1, printed) or prints_as(2 * precision * recall / (precision + recall) / 100, printed)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_validation_counts_give_the_printed_figures(name):
    (tp, fp), printed = PUBLISHED[name]
    counts = Confusion(tp=tp, fp=fp, fn=80 - tp, tn=20400 - fp)
    precision, recall, f1 = printed
    assert prints_as(counts.precision, precision)
    assert prints_as(counts.recall, recall)
    assert f1_prints_as(counts.f1, precision, recall, f1)


def published_test_votes():
    """Votes of five voters that produce the published test table: 55/5/20 of the fakes, 85/19,859/456 of the reals."""
    fake, real, split = [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]
    votes = [fake] * 55 + [real] * 5 + [split] * 20 + [fake] * 85 + [real] * 19859 + [split] * 456
    return np.array([1] * 80 + [0] * 20400), np.array(votes)


def test_published_test_vote_gives_the_printed_figures():
    labels, votes = published_test_votes()
    screening = count_decisions(labels, unanimous(votes, np.empty(0), FAKE), FAKE)
    decided = screening.decided
    assert (decided.tp, decided.fn, screening.review_fake) == (55, 5, 20)
    assert (decided.fp, decided.tn, screening.review_real) == (85, 19859, 456)
    assert prints_as(decided.recall, 91.67)
    assert prints_as(decided.precision, 39.28)
    assert f1_prints_as(decided.f1, 39.28, 91.67, 54.99)


def test_published_review_workload():
    labels, votes = published_test_votes()
    screening = count_decisions(labels, unanimous(votes, np.empty(0), FAKE), FAKE)
    assert (screening.reviewed, screening.reviewed_with_alarms, screening.images) == (476, 616, 20480)
    assert round(100 * screening.review_rate, 1) == 2.3
    assert screening.caught == 75 / 80


def test_figures_without_anything_to_divide_by_are_unknown_not_zero():
    nothing = Confusion(tp=0, fp=0, fn=0, tn=4)
    assert (nothing.recall, nothing.precision, nothing.f1) == (None, None, None)


def test_review_rate_of_nothing_is_unknown():
    assert DecisionCounts(Confusion(0, 0, 0, 0), 0, 0).review_rate is None


binary = arrays(np.int64, st.shared(st.integers(1, 60), key="n"), elements=st.integers(0, 1))


@given(binary, binary)
def test_confusion_agrees_with_scikit_learn(labels, votes):
    from sklearn.metrics import confusion_matrix

    counts = Confusion.of(labels, votes)
    assert [counts.tn, counts.fp, counts.fn, counts.tp] == confusion_matrix(
        labels, votes, labels=[0, 1]
    ).ravel().tolist()


def test_labels_and_votes_of_different_length_are_refused():
    with pytest.raises(ValueError, match="3 labels but 2 votes"):
        Confusion.of(np.zeros(3, int), np.zeros(2, int))


@given(arrays(np.int64, 12, elements=st.integers(0, 3)), arrays(np.int64, 12, elements=st.integers(0, 3)))
def test_macro_averages_with_zeros_are_those_of_scikit_learn(labels, decisions):
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(labels, decisions, average="macro", zero_division=0)
    found = class_report(labels, decisions, ("a", "b", "c", "d"))["macro_zero"]
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((precision, recall, f1))


def test_an_unknown_precision_is_left_out_of_one_average_and_zero_in_the_other():
    found = class_report(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), ("real", "fake"))
    assert (found["macro"]["precision"], found["macro_zero"]["precision"]) == (0.5, 0.25)


@given(arrays(np.int64, 40, elements=st.integers(0, 2)), arrays(np.int64, 40, elements=st.integers(0, 2)))
def test_class_report_agrees_with_scikit_learn(labels, decisions):
    from sklearn.metrics import classification_report

    names = ("a", "b", "c")
    ours = class_report(labels, decisions, names)
    reference = classification_report(
        labels, decisions, labels=[0, 1, 2], target_names=names, output_dict=True, zero_division=np.nan
    )
    assert ours["accuracy"] == pytest.approx((labels == decisions).mean())
    for name in names:
        for figure, value in (
            ("recall", ours["classes"][name]["recall"]),
            ("precision", ours["classes"][name]["precision"]),
        ):
            assert (
                value == pytest.approx(reference[name][figure])
                if value is not None
                else np.isnan(reference[name][figure])
            )
