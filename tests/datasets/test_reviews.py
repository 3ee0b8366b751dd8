"""The reader of people's answers: which of them count, and what damage does."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import (  # fmt: skip
    COLUMNS,
    GOLD,
    REVIEWS,
    UNDO,
    UNSURE,
    Answer,
    format_row,
    parse_row,
    read_answers,
    review_file,
)
from facesift.datasets.reviews import latest_answers, likely_damaged, read_reviews  # fmt: skip

AT = "2026-11-23T09:30:00Z"
IDS = [f"{number:032x}" for number in range(3)]


def given_answer(image_id=IDS[0], answer="fake", reviewer="anna", **changes):
    return Answer(image_id, answer, reviewer, AT, 2.5, "review", 0.25)._replace(**changes)


def write(folder, rows, reviewer="anna", end=""):
    folder.mkdir(exist_ok=True)
    path = folder / f"{reviewer}.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "".join(format_row(row) for row in rows) + end)
    return path


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(["real", "fake", UNSURE, UNDO]))))
def test_the_last_answer_counts_that_was_not_taken_back(steps):
    stacks = {image_id: [] for image_id in IDS}
    for image_id, answer in steps:
        if answer != UNDO:
            stacks[image_id].append(answer)
        elif stacks[image_id]:
            stacks[image_id].pop()
    found = {row.image_id: row.answer for row in latest_answers(given_answer(*step) for step in steps)}
    assert found == {image_id: stack[-1] for image_id, stack in stacks.items() if stack}


@given(
    st.builds(
        Answer, st.sampled_from(IDS), st.text(min_size=1), st.just("anna"), st.just(AT), st.floats(0, 1e6), st.text(),
        st.none() | st.floats(0, 1),
    )
)  # fmt: skip
def test_a_row_is_read_as_it_was_written_or_refused(answer):
    try:
        line = format_row(answer)
    except ValueError:
        return
    assert line.count("\n") == 1
    assert parse_row(line[:-1]) == answer


@pytest.mark.parametrize(
    "field",
    [
        {"image_id": "x" * 32}, {"answer": ""}, {"answer": "a\nb"}, {"at": "yesterday"}, {"seconds": -1.0},
        {"seconds": float("nan")}, {"probability": 1.5},
    ],
)  # fmt: skip
def test_a_bad_field_is_not_written(field):
    with pytest.raises(ValueError, match=r"is|not"):
        format_row(given_answer(**field))


def test_no_folder_is_an_empty_table(tmp_path):
    table = read_reviews(tmp_path / "none")
    assert table.height == 0
    assert table.schema == REVIEWS


def test_answers_of_all_reviewers_are_sorted(tmp_path):
    write(tmp_path, [given_answer(IDS[1]), given_answer(IDS[0])])
    write(tmp_path, [given_answer(IDS[0], reviewer="ben", answer="real")], "ben")
    (tmp_path / "README.md").write_text("not answers")
    rows = read_reviews(tmp_path).select("image_id", "reviewer", "answer").rows()
    assert rows == [(IDS[0], "anna", "fake"), (IDS[0], "ben", "real"), (IDS[1], "anna", "fake")]


def test_a_torn_last_line_is_no_answer(tmp_path):
    whole = format_row(given_answer(IDS[1]))
    for cut in range(1, len(whole)):
        heard = []
        write(tmp_path, [given_answer()], end=whole[:cut])
        assert read_reviews(tmp_path, heard.append)["image_id"].to_list() == [IDS[0]]
        assert "line 3 is left out" in heard[0]


def test_a_damaged_line_leaves_the_others(tmp_path):
    path = write(tmp_path, [given_answer()])
    with path.open("a") as file:
        file.write("\0\0\0\n" + format_row(given_answer(IDS[1])))
    answers, problems = read_answers(path)
    assert [each.image_id for each in answers] == IDS[:2]
    assert len(problems) == 1
    assert "line 3" in problems[0]


def test_rows_of_another_reviewer_do_not_count(tmp_path):
    write(tmp_path, [given_answer(reviewer="ben")], "anna")
    heard = []
    assert read_reviews(tmp_path, heard.append).height == 0
    assert "'ben'" in heard[0]


def test_a_foreign_csv_is_named(tmp_path):
    (tmp_path / "anna.csv").write_text("id;answer\n1;fake\n")
    with pytest.raises(FacesiftError, match=r"anna\.csv: not a file of answers"):
        read_reviews(tmp_path)


def test_windows_line_breaks_and_a_byte_order_mark_are_read(tmp_path):
    path = write(tmp_path, [given_answer()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_reviews(tmp_path)["answer"].to_list() == ["fake"]


@pytest.mark.parametrize("name", ["", "../anna", "a b", "a/b", ".hidden", "x" * 65, "a+b"])
def test_a_name_that_cannot_be_a_file_is_refused(tmp_path, name):
    with pytest.raises(FacesiftError, match="reviewer"):
        review_file(tmp_path, name)


def test_answers_on_gold_images_are_read_apart(tmp_path):
    write(tmp_path, [given_answer(IDS[0]), given_answer(IDS[1], decision=GOLD)])
    assert read_reviews(tmp_path)["image_id"].to_list() == [IDS[0]]
    assert read_reviews(tmp_path, gold=True)["image_id"].to_list() == [IDS[1]]


def test_an_undo_of_a_gold_image_leaves_the_answer_in_a_queue(tmp_path):
    gold = given_answer(answer="real", decision=GOLD)
    write(tmp_path, [given_answer(), gold, gold._replace(answer=UNDO)])
    assert read_reviews(tmp_path)["answer"].to_list() == ["fake"]
    assert read_reviews(tmp_path, gold=True).is_empty()


@pytest.mark.parametrize("place", [0, 17, 31])
def test_an_id_with_one_changed_digit_is_said(place):
    damaged = IDS[0][:place] + ("1" if IDS[0][place] != "1" else "2") + IDS[0][place + 1 :]
    reviews = pl.DataFrame([given_answer(damaged), given_answer("f" * 32)], REVIEWS, orient="row")
    told = likely_damaged(IDS[:1], reviews)
    assert len(told) == 1
    assert f"the answer on {damaged} is probably on {IDS[0]}" in told[0]


def test_every_changed_byte_of_a_line_is_noticed():
    line = format_row(given_answer(IDS[0])).encode()
    for place in range(8 * (len(line) - 1)):
        changed = bytearray(line)
        changed[place // 8] ^= 1 << place % 8
        text = bytes(changed).decode("utf-8", "replace")
        with pytest.raises(ValueError, match=r"."):
            for each in text.removesuffix("\n").split("\n"):
                parse_row(each, checked=True)
