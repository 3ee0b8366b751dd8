import numpy as np
import polars as pl
import pytest

from facesift.evaluation.summary import curves_table, equal_error_rate, summarise

DECIDED = {"recall": 0.5, "precision": 1 / 3, "f1": 0.4, "fakes": 4, "reals": 90, "tp": 2}
REVIEWED = DECIDED | {"review_fake": 2, "review_real": 4, "reviewed": 6}
STACKER = {"auc": 0.9, "ap": 0.8}


def inside(auc, counts):
    return {"rules": {"soft": counts}, "voters": {"stacker": {"auc": auc}}}


def summary(counts, **within):
    test = {"vote": {"soft": counts}, "voters": {"stacker": STACKER}, "within": within}
    return summarise("soft", test, 0.125, guaranteed=False)


def test_reviewed_fakes_count_as_caught_and_as_fakes():
    found = summary(REVIEWED)
    assert (found["fakes"], found["caught"], found["review"]) == (6, 0.6667, 0.06)


def test_a_rule_that_sends_nothing_to_a_person_has_no_review():
    found = summary(DECIDED)
    assert (found["fakes"], found["caught"], found["review"], found["precision"]) == (4, 0.5, 0.0, 0.3333)


def test_without_a_source_of_fakes_and_reals_nothing_is_said_of_it():
    found = summary(DECIDED)
    assert (found["own_auc"], found["own_caught"], found["own_review"], found["guarantee"]) == (
        None,
        None,
        None,
        "none",
    )


def test_counts_of_several_sources_are_added_up():
    found = summary(REVIEWED, a=inside(0.5, REVIEWED), b=inside(1.0, DECIDED | {"fakes": 2, "tp": 2}))
    assert (found["own_auc"], found["own_caught"]) == (0.625, 0.75)
    assert found["own_review"] == round(6 / 192, 4)


def test_there_are_at_most_fifteen_figures():
    assert len(summary(REVIEWED)) <= 15


@pytest.mark.parametrize(("apart", "expected"), [(0.0, 0.5), (2.0, 0.1587), (4.0, 0.0228)])
def test_equal_error_rate_of_two_normal_distributions(apart, expected):
    """Of unit variance and `apart`, the rate is that of a normal deviate above half the distance."""
    rng = np.random.default_rng(0)
    fakes = np.arange(200_000) < 100_000
    assert equal_error_rate(fakes, rng.normal(apart * fakes, 1.0)) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("fakes", [np.zeros(3, bool), np.ones(3, bool)])
def test_one_class_alone_has_no_equal_error_rate(fakes):
    assert equal_error_rate(fakes, np.arange(3.0)) is None


def test_perfect_scores_have_no_error():
    assert equal_error_rate(np.array([False, True]), np.array([0.1, 0.9])) == 0.0


def test_curves_have_a_row_for_each_epoch_of_each_member():
    table = curves_table({"net": [{"val_loss": 0.7}, {"val_loss": 0.6}], "svm": [{"val_accuracy": 0.9}]})
    expected = {"member": ["net", "net", "svm"], "epoch": [1, 2, 1], "val_accuracy": [None, None, 0.9],
                "val_loss": [0.7, 0.6, None]}  # fmt: skip
    assert table.equals(pl.DataFrame(expected))
