"""Drift: quiet without it, loud with it, at any size and in any order."""

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from facesift.bundle.drift_reference import WATCHED, make_reference, read_reference, write_reference
from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.screening.drift import compare, compare_file
from facesift.screening.drift_verdict import TOO_FEW
from tests.made_bundle import give_reference
from tests.made_decisions import images

REFERENCE = make_reference(images(2_000, 0, fakes=0.05), "fake")


def state(stream, reference=REFERENCE):
    return compare(reference, stream)["verdict"]["state"]


@pytest.mark.parametrize("reference", [60, 300, 3_000])
@pytest.mark.parametrize("stream", [20, 100, 3_000])
def test_without_drift_at_least_95_per_cent_of_streams_raise_no_alarm(reference, stream):
    states = [
        state(
            images(stream, 2 * draw + 1, fakes=0.001),
            make_reference(images(reference, 2 * draw, fakes=0.05), "fake"),
        )
        for draw in range(60)
    ]
    assert states.count("stable") + states.count(TOO_FEW) >= 57
    assert (TOO_FEW in states) == (min(reference, stream) < 70)


def test_without_drift_streams_raise_no_alarm_where_test_images_are_copies_of_few():
    """30 test images, twelve copies of each, are compared with 3,000 new images."""
    states = []
    for draw in range(60):
        few = images(30, 2 * draw, fakes=0.05).with_columns(group=pl.int_range(30))
        states.append(state(images(3_000, 2 * draw + 1, fakes=0.001), make_reference(pl.concat([few] * 12), "fake")))
    assert states.count(TOO_FEW) >= 57  # 30 independent test images are too few to call a stream stable


def test_the_expected_share_of_a_decision_counts_groups_of_copies_once():
    few = images(100, 0, fakes=0.05).with_columns(group=pl.int_range(100))
    stream = images(500, 1)
    (once, twelve) = (
        compare(make_reference(pl.concat([few] * copies), "fake"), stream)["decisions"]["real"]["expected"]
        for copies in (1, 12)
    )
    assert twelve == pytest.approx(once)


@pytest.mark.parametrize("stream", [100, 1_000, 10_000])
@pytest.mark.parametrize("shift", [-1.5, 1.5])
def test_shifted_scores_ask_for_recalibration(stream, shift):
    verdict = compare(REFERENCE, images(stream, 1, shift=shift))["verdict"]
    assert verdict["state"] == "recalibrate"
    assert f"probability went {'up' if shift > 0 else 'down'}" in verdict["sentence"]


def test_a_wave_of_fakes_asks_for_recalibration():
    found = compare(REFERENCE, images(5_000, 1, fakes=0.3))
    assert found["verdict"]["state"] == "recalibrate"
    assert found["decisions"]["fake"]["direction"] == "up"


def test_as_many_fakes_as_in_the_test_split_change_no_decision_beyond_what_is_expected():
    found = compare(REFERENCE, images(20_000, 1, fakes=0.05))
    assert {each["state"] for each in found["decisions"].values()} == {"stable"}


@pytest.mark.parametrize(
    ("column", "values"), [("brightness", 160.0), ("width", 480), ("sharpness", 5.0), ("bytes", 900)]
)
def test_other_images_with_the_same_scores_are_watched(column, values):
    verdict = compare(REFERENCE, images(500, 1, **{column: values}))["verdict"]
    assert (verdict["state"], verdict["moved"]) == ("watch", [column])


def test_probabilities_that_pile_up_at_0_are_stable():
    piled = images(600, 0).with_columns(probability=pl.lit(0.0), decision=pl.lit("real"))
    reference = make_reference(piled, "fake")
    assert [state(piled.head(number), reference) for number in (10, 100, 600)] == [TOO_FEW, "stable", "stable"]


def test_probabilities_that_leave_the_pile_at_0_ask_for_recalibration():
    piled = images(600, 0).with_columns(probability=pl.lit(0.0), decision=pl.lit("real"))
    moved = piled.with_columns(probability=pl.Series([0.0] * 300 + [0.001] * 300))
    assert state(moved, make_reference(piled, "fake")) == "recalibrate"


@settings(max_examples=20)
@given(st.permutations(range(40)))
def test_order_of_the_rows_changes_nothing(order):
    stream = images(40, 3)
    report = compare(REFERENCE, stream)
    shuffled = compare(REFERENCE, stream[order])
    assert shuffled["probability"].pop("mean") == pytest.approx(report["probability"].pop("mean"))
    assert shuffled == report


def test_the_reference_is_of_the_images_that_are_not_positive():
    table = images(500, 0, fakes=0.3)
    others = table.filter(label="real")
    assert make_reference(table, "fake")["columns"] == make_reference(others, "fake")["columns"]


def test_images_without_a_score_are_counted_and_watched_above_1_in_100():
    stream = images(1_000, 1).with_row_index()
    bad = pl.col("index") < 50
    stream = stream.with_columns(decision=pl.when(~bad).then("decision"), probability=pl.when(~bad).then("probability"))
    found = compare(REFERENCE, stream)
    assert (found["unscorable"]["images"], found["scored"]) == (50, 950)
    assert found["verdict"]["moved"] == ["unscorable"]


def test_a_probability_that_is_no_number_is_no_score():
    stream = images(100, 1).with_columns(probability=pl.Series([float("nan")] * 40 + [0.1] * 60))
    assert compare(REFERENCE, stream)["scored"] == 60


def test_a_table_of_a_cascade_is_refused():
    early = images(100, 1).with_columns(probability=pl.Series([None] * 40 + [0.1] * 60))
    with pytest.raises(FacesiftError, match=r"40 of 100 images are decided without a probability.*--cascade"):
        compare(REFERENCE, early)


def test_qualities_of_images_without_a_score_are_not_compared():
    dark = images(1_000, 2).with_columns(decision=pl.lit(""), brightness=pl.lit(0.0))
    found = compare(REFERENCE, pl.concat([images(1_000, 1), dark]))
    assert found["columns"]["brightness"]["images"] == 1_000


def test_a_small_sample_says_what_it_would_not_have_shown():
    assert "would not have shown" in compare(REFERENCE, images(30, 1))["verdict"]["sentence"]


@pytest.mark.parametrize("column", ["decision", *WATCHED])
def test_a_missing_column_is_named(column):
    with pytest.raises(FacesiftError, match=f"decisions table has no column {column};"):
        compare(REFERENCE, images(10, 1).drop(column))


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_a_number_that_is_no_probability_is_refused(probability):
    with pytest.raises(FacesiftError, match=f"probability of {probability}"):
        compare(REFERENCE, images(10, 1, probability=probability))


def test_decisions_of_another_study_are_refused():
    with pytest.raises(FacesiftError, match="10 decisions are none of fake, real, review"):
        compare(REFERENCE, images(10, 1, decision="cat"))


def test_no_scored_image_is_an_error():
    with pytest.raises(FacesiftError, match="none of the 10 images"):
        compare(REFERENCE, images(10, 1).with_columns(decision=pl.lit(None, pl.String)))


def test_a_test_split_of_fakes_alone_is_an_error():
    with pytest.raises(FacesiftError, match="nothing but fake"):
        make_reference(images(10, 1, label="fake"), "fake")


def test_a_reference_survives_being_written(tmp_path):
    write_reference(tmp_path / "reference.json", REFERENCE)
    stream = images(300, 1)
    again = compare(read_reference(tmp_path / "reference.json"), stream)
    assert again["columns"] == compare(REFERENCE, stream)["columns"]


def test_a_reference_of_another_schema_is_refused(tmp_path):
    write_reference(tmp_path / "reference.json", REFERENCE | {"schema": 99})
    with pytest.raises(FacesiftError, match=r"reference\.json: not a drift reference of schema 2"):
        read_reference(tmp_path / "reference.json")


def sealed(table, path):
    write_parquet(path, table)


WRITERS = {".csv": pl.DataFrame.write_csv, ".jsonl": pl.DataFrame.write_ndjson, ".parquet": sealed}


@pytest.fixture
def bundle(bundle):
    give_reference(bundle, REFERENCE)
    return bundle


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_kind_of_file_gives_the_same_report(bundle, tmp_path, suffix):
    bad = images(200, 2).with_columns(pl.lit(None).alias(name) for name in ("decision", *WATCHED))
    stream = pl.concat([bad, images(300, 1)], how="vertical_relaxed")  # the first rows tell no column's type
    WRITERS[suffix](stream, tmp_path / f"decisions{suffix}")
    assert compare_file(bundle, tmp_path / f"decisions{suffix}")["columns"] == compare(REFERENCE, stream)["columns"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "gone.csv: no such file"),
        ("empty.csv", b"", "empty.csv: empty"),
        ("table.txt", b"a", "table.txt: a table of decisions ends in .csv, .jsonl, .parquet"),
        ("torn.parquet", b"PAR1 and no more", "torn.parquet: not a whole Parquet file"),
        ("words.csv", ",".join(["decision", *WATCHED]).encode() + b"\nreal" + b",x" * 7, "words.csv: not a readable"),
        ("other.csv", b"a,b\n1,2\n", "no column decision, probability, width"),
    ],
)
def test_a_file_that_is_no_table_of_decisions_is_named(bundle, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FacesiftError, match=message):
        compare_file(bundle, tmp_path / name)


@pytest.mark.parametrize("name", ["bundle.json", "reference.json"])
def test_a_damaged_reference_or_card_is_named(bundle, tmp_path, name):
    images(300, 1).write_csv(tmp_path / "decisions.csv")
    data = (bundle / name).read_bytes()
    (bundle / name).write_bytes(data.replace(b"1", b"3", 1))
    with pytest.raises(FacesiftError, match=rf"{name}: damaged"):
        compare_file(bundle, tmp_path / "decisions.csv")


def test_probabilities_for_another_share_of_fakes_are_no_drift():
    """`screen --prevalence` moves every probability; the report moves them back to the share of the reference."""
    reference = make_reference(images(2_000, 0, fakes=0.05).with_columns(prevalence=0.02), "fake")
    stream = images(3_000, 1, fakes=0.001)
    odds = pl.col("probability") / (1 - pl.col("probability")) * (1 / 999) / (0.02 / 0.98)
    moved = stream.with_columns(probability=odds / (1 + odds), prevalence=0.001)
    assert state(moved.drop("prevalence"), reference) == "recalibrate"
    assert state(moved, reference) == "stable"
    same = compare(reference, stream.with_columns(prevalence=0.02))["probability"]
    assert compare(reference, moved)["probability"]["mean"] == pytest.approx(same["mean"], rel=1e-9)
    assert same["holds_at"] == 0.02
