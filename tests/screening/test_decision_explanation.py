"""One decision is retold in words: what the row says, what follows from it, and what would have changed it."""

import json
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from facesift.bundle import drift_reference
from facesift.bundle.card import bundle_hash
from facesift.core.errors import FacesiftError
from facesift.images.paths import find_files
from facesift.screening.columns import decisions_schema
from facesift.screening.decision_explanation import explain_decision
from facesift.screening.tables import format_of, open_output
from tests.images.test_decoding import noise, stored
from tests.made import ROOT
from tests.made_bundle import give_reference

VOTERS = ("one", "two", "stacker")
SCHEMA = decisions_schema(VOTERS)
ID = "0123456789abcdef0123456789abcdef"


def row(probabilities=(0.9, 0.3, 0.2), **changes):
    """A row of the rule unanimous, and how its voters voted."""
    said = dict(zip(VOTERS, probabilities, strict=True))
    votes = {f"vote_{name}": None if p is None else "fake" if p >= 0.5 else "real" for name, p in said.items()}
    known = {
        "image": "in/face.jpg", "image_id": ID, "decision": "review", "probability": 0.04, "width": 640, "height": 480,
        "bytes": 51234, "brightness": 120.5, "contrast": 40.25, "sharpness": 9.0, "time": "2026-11-27T08:00:00Z",
        "bundle": "f" * 64, "rule": "unanimous", "prevalence": 0.001, "facesift": "0.1.0",
    }  # fmt: skip
    known |= votes | {f"probability_{name}": p for name, p in said.items()} | changes
    return {name: known.get(name) for name in SCHEMA}


def write(path, *rows):
    table = pl.DataFrame(list(rows), schema=SCHEMA)
    {".csv": table.write_csv, ".jsonl": table.write_ndjson, ".parquet": table.write_parquet}[path.suffix](path)
    return path


@pytest.fixture
def told(exported, tmp_path):
    """What is told of one row, as one text."""

    def tell(probabilities=(0.9, 0.3, 0.2), name=ID, **changes):
        known = {"bundle": bundle_hash(exported)} | changes
        return "\n".join(explain_decision(write(tmp_path / "out.csv", row(probabilities, **known)), name, exported))

    return tell


@pytest.mark.parametrize("end", ["face.jpg", "in/face.jpg", "ace.jpg"])
def test_the_end_of_a_name_is_enough_if_no_other_image_has_it(exported, tmp_path, end):
    others = [row(image=name, image_id=digit * 32) for name, digit in {"in/surface.jpg": "1", "b.jpg": "2"}.items()]
    path = write(tmp_path / "out.csv", row(), *others)
    if end == "ace.jpg":
        with pytest.raises(FacesiftError, match=r"several images end in ace\.jpg: in/face\.jpg, in/surface"):
            explain_decision(path, end, exported)
    else:
        assert explain_decision(path, end, exported)[0].startswith("Image in/face.jpg")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_row_of_every_format_that_screen_writes_is_told_alike(exported, committee, tmp_path, suffix):
    (tmp_path / "face.png").write_bytes(stored(noise(40, 40)))
    path = tmp_path / f"out{suffix}"
    with open_output(path, format_of(path, None), decisions_schema(committee.ensemble.voters), resume=False) as output:
        tables = list(committee.screen_found(find_files([tmp_path / "face.png"]), timed=False))
        for table in tables:
            output.write(table)
    (known,) = tables[0].to_dicts()
    lines = explain_decision(path, known["image_id"], exported)
    assert lines[0] == f"Image {known['image']}, 40 x 40 pixels, {known['bytes']:,} bytes."
    assert f"  two      {known['vote_two']:10}  {known['probability_two']:.4g}" in lines
    assert f"This bundle is {exported}, of the study made." in lines


def test_it_says_that_a_probability_holds_at_no_known_share(told):
    assert "Calibrated probability of fake: 0.04.\nIt holds at no known share of fake." in told(prevalence=None)


def test_it_says_when_by_what_and_at_which_share(told):
    text = told()
    assert "Decided at 2026-11-27T08:00:00Z by facesift 0.1.0 with the bundle " in text
    assert "Calibrated probability of fake: 0.04.\nIt holds where 0.1 % (1 in 1,000) of the images are fake." in text
    assert "Rule unanimous: the class that all voters vote for; if they do not agree, a person decides" in text
    assert "640 x 480 pixels, 51,234 bytes" in text
    assert "brightness 120.5, contrast 40.25, sharpness 9" in text


def test_an_image_may_be_named_as_in_the_table(told):
    assert "in/face.jpg" in told(name="in/face.jpg")


def test_a_time_that_was_left_out_is_said_to_be(told):
    assert "at a time that was not recorded" in told(time=None)


CHANGES = {
    "one more vote": (
        {"rule": "unanimous"},
        [
            "With 1 more vote for real (3 of 3 instead of 2) it would have been decided real.",
            "Closest was one: its probability of fake is 0.9, and it votes for real below 0.5.",
            "With 2 more votes for fake (3 of 3 instead of 1) it would have been decided fake.",
        ],
    ),
    "majority": (
        {"rule": "majority", "decision": "real"},
        [
            "With 1 more vote for fake (2 of 3 instead of 1) it would have been decided fake.",
            "Closest was two: its probability of fake is 0.3, and it votes for fake from 0.5 on.",
        ],
    ),
    "any": (
        {"rule": "any_fake", "decision": "fake"},
        [
            "With 1 more vote for real (3 of 3 instead of 2) it would have been decided real.",
            "Closest was one: its probability of fake is 0.9, and it votes for real below 0.5.",
        ],
    ),
    "mean": (
        {"rule": "soft", "decision": "real", "probabilities": (0.7, 0.4, 0.2)},
        [
            "The mean probability of fake is 0.4333; it would have had to be at least 0.5 for fake.",
            "one alone would have turned it with 0.9 instead of 0.7.",
            "two alone would have turned it with 0.6 instead of 0.4.",
            "stacker alone would have turned it with 0.4 instead of 0.2.",
        ],
    ),
    "mean far away": (
        {"rule": "soft", "decision": "real", "probabilities": (0.1, 0.0, 0.1)},
        [
            "The mean probability of fake is 0.06667; it would have had to be at least 0.5 for fake.",
            "No voter alone could have turned it.",
        ],
    ),
    "thresholds": (
        {"rule": "point:cost", "lo": 0.2, "hi": 0.63, "probability": 0.58},
        [
            "For fake, the probability would have had to be at least 0.63; it was 0.58.",
            "For real, the probability would have had to be below 0.2; it was 0.58.",
        ],
    ),
    "threshold passed": (
        {"rule": "point:cost", "lo": 0.2, "hi": 0.63, "probability": 0.7, "decision": "fake"},
        [
            "For real, the probability would have had to be below 0.2; it was 0.7.",
            "For a person to decide, the probability would have had to be from 0.2 to 0.63; it was 0.7.",
        ],
    ),
    "no threshold above": (
        {"rule": "point:cost", "lo": 0.2, "hi": 1.0, "probability": 0.58},
        ["For real, the probability would have had to be below 0.2; it was 0.58."],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_would_have_changed_it_is_counted_and_measured(told, case):
    changes, expected = CHANGES[case]
    text = told(**changes)
    assert text.partition("What would have changed it:\n")[2].replace("  ", "").splitlines() == expected
    assert "WARNING" not in text


def test_a_reason_is_told_with_what_the_rule_would_have_decided(told):
    text = told((0.1, 0.2, 0.3), reason="no face was found")
    assert "Reason: no face was found.\nWithout this reason it would have been decided real." in text
    assert "WARNING" not in text


def test_an_image_that_was_not_scored_has_its_reason(told):
    text = told((None,) * 3, decision=None, probability=None, reason="empty file")
    assert text.endswith("It could not be scored, so there is no decision: empty file.")


def test_votes_that_were_not_asked_for_are_told(told):
    text = told((0.9, 0.3, None), probability=None)
    assert "  stacker  not asked\nThe calibrated probability is not known" in text
    assert "The votes that were not asked for could not have changed it." in text
    assert "is not known, as these were not asked: stacker." in text


def test_an_image_that_the_stopping_rule_passed_is_told(told):
    text = told((0.1, None, None), decision="real", probability=None)
    assert "the stopping rule passed it early" in text
    assert "WARNING" not in text


CHANGED = {
    "decision": ({"decision": "fake"}, "review"),
    "vote": ({"vote_one": "real"}, "real"),
    "probability": ({"rule": "point:cost", "lo": 0.2, "hi": 0.6, "probability": 0.1}, "real"),
    "mean": ({"rule": "soft", "decision": "fake"}, "real"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_row_that_does_not_follow_from_its_votes_is_noticed(told, what):
    changes, right = CHANGED[what]
    assert f"WARNING: by this rule the row's votes and probabilities give {right}." in told(**changes)


@pytest.mark.parametrize("decision", ["real", "fake"])
def test_a_mean_that_rounding_moved_to_the_other_side_is_no_changed_row(told, decision):
    """0.1 + 0.4 + 1 - 2e-9 has a mean just below 0.5, and eight digits of each make it 0.5."""
    assert "The row was changed" not in told((0.1, 0.4, 1.0), rule="soft", decision=decision)


def test_another_bundle_is_noticed(exported, tmp_path):
    path = write(tmp_path / "out.csv", row(bundle="a" * 64))
    text = "\n".join(explain_decision(path, ID, exported))
    assert f"WARNING: {exported} is another bundle, {bundle_hash(exported)}." in text
    assert "With 1 more vote for real" in text


def test_a_quality_figure_unlike_the_test_images_is_a_warning(bundle, tmp_path):
    reference = {"schema": drift_reference.SCHEMA, "columns": {"brightness": {"edges": [60.0, 90.0, 110.0]}}}
    give_reference(bundle, reference)
    path = write(tmp_path / "out.csv", row(bundle=bundle_hash(bundle)))
    text = "\n".join(explain_decision(path, ID, bundle))
    assert "Quality warning: brightness is higher than 110, unlike nine in ten test images that are not fake." in text


def test_every_row_of_an_image_is_told(exported, tmp_path):
    path = write(tmp_path / "out.csv", row(), row(decision="fake", image="again.jpg"), row(image_id="f" * 32))
    lines = explain_decision(path, ID, exported)
    assert lines[0] == "2 rows are of this image."
    assert [line.split(",")[0] for line in lines if line.startswith("Image ") and "pixels" in line] == [
        "Image in/face.jpg",
        "Image again.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (ID[:20] + "zz", f"no image {ID[:20]}zz; close to it: {ID}"),
        ("nobody", "no image nobody; it has the ids of 1 im"),
    ],
)
def test_an_unknown_image_is_named_with_what_is_like_it(told, name, message):
    with pytest.raises(FacesiftError, match=message):
        told(name=name)


WRONG = {
    "probability": ({"probability": 1.5}, "probability is 1.5, not between 0 and 1"),
    "not a number": ({"probability_one": float("nan")}, "probability_one is nan, not between 0 and 1"),
    "negative size": ({"width": -1}, "width is -1, not between 0 and inf"),
    "decision": ({"decision": "maybe"}, "decision is maybe, none of real, fake, review"),
    "vote": ({"vote_two": "review"}, "vote_two is review, none of real, fake"),
    "rule": ({"rule": "dice"}, "rule is dice; there are any_fake, majority, soft, unanimous, and point:NAME"),
    "no rule": ({"rule": None}, "column rule is empty"),
    "no bundle": ({"bundle": None}, "column bundle is empty"),
    "thresholds": ({"rule": "point:cost", "lo": 0.6, "hi": 0.5}, "lo and hi are no two thresholds"),
    "threshold": ({"rule": "point:cost", "lo": 0.6, "hi": 2.0}, "hi is 2, not between 0 and 1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_impossible_value_is_named(told, wrong):
    changes, message = WRONG[wrong]
    with pytest.raises(FacesiftError, match=rf"out\.csv: image {ID}: .*{message}"):
        told(**changes)


def test_why_it_is_a_bad_photo_is_told_where_the_table_says_it(told, exported, tmp_path):
    assert "A bad photo: blurred; face covered." in told(quality="blurred; face covered")
    assert "A bad photo" not in told()
    pl.DataFrame([row()], schema=SCHEMA).drop("quality").write_csv(tmp_path / "older.csv")
    assert explain_decision(tmp_path / "older.csv", ID, exported)


def test_a_table_of_an_older_version_is_named(exported, tmp_path):
    pl.DataFrame([row()], schema=SCHEMA).drop("bundle", "rule").write_csv(tmp_path / "old.csv")
    with pytest.raises(FacesiftError, match=r"old\.csv: has no column bundle, rule, so it does not say how images wer"):
        explain_decision(tmp_path / "old.csv", ID, exported)


def test_text_that_a_terminal_would_obey_is_escaped(told):
    text = told(image="\x1b[2J\u202egpj.exe", reason="\x07" + "x" * 5000)
    assert "\\x1b[2J\\u202egpj.exe" in text
    assert all(each.isprintable() or each == "\n" for each in text)
    assert len(text) < 3000


@pytest.mark.parametrize("name", ["vote_\x1b[2J", "\x1b[2J"])
def test_a_column_that_a_terminal_would_obey_is_escaped(exported, tmp_path, name):
    pl.DataFrame([row() | {name: "fake"}]).with_columns(pl.lit("\x1b]0;x\x07").alias("width")).write_csv(
        tmp_path / "out.csv"
    )
    with pytest.raises(FacesiftError) as caught:
        explain_decision(tmp_path / "out.csv", ID, exported)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=some.one_of(some.binary(max_size=200), some.text(max_size=200).map(lambda text: text.encode("utf-8"))))
def test_no_file_whatever_gives_a_stack_trace(exported, tmp_path, suffix, content):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    with pytest.raises(FacesiftError, match=r"any\."):
        explain_decision(path, ID, exported)


CELLS = some.one_of(some.none(), some.text(max_size=12), some.floats(), some.sampled_from(["fake", "review", "soft"]))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=some.dictionaries(some.sampled_from([name for name in SCHEMA if name != "image_id"]), CELLS, max_size=4))
def test_no_value_whatever_gives_a_stack_trace(exported, tmp_path, suffix, cells):
    path, values = tmp_path / f"any{suffix}", row() | cells
    if suffix == ".csv":
        pl.DataFrame({name: [None if v is None else str(v)] for name, v in values.items()}).write_csv(path)
    else:
        path.write_text(json.dumps(values) + "\n")
    try:
        lines = explain_decision(path, ID, exported)
    except FacesiftError:
        return
    assert lines


@pytest.mark.parametrize("damage", ["cut", "nested", "twice"])
def test_damage_to_a_real_table_is_one_line(exported, tmp_path, damage):
    path = write(tmp_path / "out.jsonl", row())
    text = path.read_text()
    lines = {"cut": text[:-40], "nested": text.replace('"fake"', '{"a": [1]}', 1), "twice": text + "[1, 2]\n"}
    path.write_text(lines[damage])
    with pytest.raises(FacesiftError, match=r"out\.jsonl: "):
        explain_decision(path, ID, exported)


def test_the_command_prints_the_words_and_an_error_is_one_line(exported, tmp_path):
    path = write(tmp_path / "out.csv", row())
    command = [sys.executable, "-m", "facesift.cli.main", "explain"]
    options = ["--decisions", str(path), "--bundle", str(exported)]
    good = subprocess.run([*command, ID, *options], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("Image in/face.jpg, 640 x 480 pixels")
    bad = subprocess.run([*command, "x", *options], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == f"error: {path}: no image x; it has the ids of 1 image\n"
