import polars as pl

from facesift.evaluation.summary import curves_table, summarise

DECIDED = {"recall": 0.5, "precision": 1 / 3, "f1": 0.4, "fakes": 4, "reals": 90, "tp": 2}
REVIEWED = DECIDED | {"review_fake": 2, "review_real": 4, "reviewed": 6}
STACKER = {"auc": 0.9, "ap": 0.8}
RATES = {"eer": {"value": 0.12345}, "tpr_at_fpr_0.01": {"value": None}}


def inside(auc, counts):
    return {"rules": {"soft": counts}, "voters": {"stacker": {"auc": auc}}}


def summary(counts, **within):
    test = {"vote": {"soft": counts}, "voters": {"stacker": STACKER}, "within": within}
    return summarise("soft", test | {"standard": {"voters": {"stacker": RATES}}}, guaranteed=False)


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


def test_the_stackers_standard_figures_are_rounded_or_unknown():
    found = summary(REVIEWED)
    assert (found["eer"], found["tpr_1pct"]) == (0.1235, None)


def test_there_are_at_most_fifteen_figures():
    assert len(summary(REVIEWED)) <= 15


def test_curves_have_a_row_for_each_epoch_of_each_member():
    table = curves_table({"net": [{"val_loss": 0.7}, {"val_loss": 0.6}], "svm": [{"val_accuracy": 0.9}]})
    expected = {"member": ["net", "net", "svm"], "epoch": [1, 2, 1], "val_accuracy": [None, None, 0.9],
                "val_loss": [0.7, 0.6, None]}  # fmt: skip
    assert table.equals(pl.DataFrame(expected))
