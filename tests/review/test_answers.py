"""Answers while people work: nothing is lost, nothing is overwritten."""

import errno
import multiprocessing
import os

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import UNDO, Answer, format_row, read_answers
from facesift.datasets.reviews import latest_answers, read_reviews
from facesift.review.answers import HEADER, AnswerLog, locked_append, open_answer_log
from facesift.review.server import load_state
from tests.made_reviews import answer as reviewed
from tests.review.planted import in_order, plant_queue, review_request

AT = "2026-11-23T09:30:00Z"
IDS = [f"{number:032x}" for number in range(4)]


def row(image_id, answer="fake", reviewer="anna"):
    return Answer(image_id, answer, reviewer, AT, 1.0, "review", 0.5)


def append(log, *rows):
    for each in rows:
        with locked_append(log) as write:
            write(each)


def test_an_answer_keeps_no_probability_that_would_lack_its_share_of_fakes(tmp_path):
    path = plant_queue(tmp_path)
    pl.read_csv(path).with_columns(prevalence=0.001).write_csv(path)
    older = row(in_order(path)[0])
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews/anna.csv").write_bytes(HEADER + format_row(older).encode())
    state = load_state(review_request(path))
    state.answer(in_order(path)[1], "fake", 1.0, None)
    assert [each.probability for each in read_answers(tmp_path / "reviews/anna.csv")[0]] == [0.5, None]


def standing(log):
    return {answer.image_id: answer.answer for answer in log.active.latest()}


KINDS, ANSWERS = ["mine", "other", "torn", "rewritten"], ["real", "fake", UNDO]
STEPS = st.lists(st.tuples(*(st.sampled_from(each) for each in (KINDS, IDS, ANSWERS))), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(STEPS)
def test_two_servers_and_torn_lines_lose_nothing(tmp_path, steps):
    (tmp_path / "anna.csv").unlink(missing_ok=True)
    logs = {"mine": open_answer_log(tmp_path, "anna", str), "other": open_answer_log(tmp_path, "anna", str)}
    written = []
    for kind, image_id, answer in steps:
        path = tmp_path / "anna.csv"
        if kind == "torn":
            with path.open("ab") as file:
                file.write(format_row(row(image_id, answer)).encode()[:20])
        elif kind == "rewritten" and path.exists():
            path.write_bytes(path.read_bytes())
        elif kind in logs:
            append(logs[kind], row(image_id, answer))
            written.append(row(image_id, answer))
            assert standing(logs[kind]) == {each.image_id: each.answer for each in latest_answers(written)}
    assert read_answers(tmp_path / "anna.csv")[0] == written if written else True
    for log in logs.values():
        log.refresh()
        assert standing(log) == {each.image_id: each.answer for each in latest_answers(written)}


def test_the_header_is_written_once(tmp_path):
    append(open_answer_log(tmp_path, "anna", str), row(IDS[0]), row(IDS[1]))
    assert (tmp_path / "anna.csv").read_bytes().count(HEADER) == 1


def test_a_torn_line_is_kept_aside_and_said(tmp_path):
    heard = []
    log = open_answer_log(tmp_path, "anna", heard.append)
    append(log, row(IDS[0]))
    with log.path.open("a") as file:
        file.write("0123,fa")
    append(log, row(IDS[1]))
    assert read_reviews(tmp_path)["image_id"].to_list() == IDS[:2]
    assert (tmp_path / "anna.csv.torn").read_text() == "0123,fa\n"
    assert "not written to its end" in heard[0]


def test_a_file_cut_within_its_header_is_begun_anew(tmp_path):
    log = open_answer_log(tmp_path, "anna", str)
    log.path.write_bytes(HEADER[:9])
    append(log, row(IDS[0]))
    assert log.path.read_bytes().startswith(HEADER)
    assert standing(log) == {IDS[0]: "fake"}


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    log = open_answer_log(tmp_path, "anna", str)
    append(log, row(IDS[0]), row(IDS[1]))
    other = tmp_path / "new"
    other.write_bytes(HEADER + format_row(row(IDS[2], "real")).encode())
    other.replace(log.path)
    log.refresh()
    assert standing(log) == {IDS[2]: "real"}


def test_a_file_that_was_removed_is_empty(tmp_path):
    log = open_answer_log(tmp_path, "anna", str)
    append(log, row(IDS[0]))
    log.path.unlink()
    log.refresh()
    assert standing(log) == {}


def write_many(folder, numbers):
    log = open_answer_log(folder, "anna", str)
    append(log, *(row(f"{number:032x}") for number in numbers))


def test_two_processes_do_not_overwrite_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    parts = [range(0, 100, 2), range(1, 100, 2)]
    workers = [context.Process(target=write_many, args=(tmp_path, part)) for part in parts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    answers, problems = read_answers(tmp_path / "anna.csv")
    assert sorted(int(each.image_id, 16) for each in answers) == list(range(100))
    assert not problems


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    log = open_answer_log(tmp_path, "anna", str)
    append(log, row(IDS[0]))
    before, real_write = log.path.read_bytes(), os.write

    def short(file, data):
        if len(data) < 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(file, data[:-20])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space left"):
        append(log, row(IDS[1]))
    monkeypatch.undo()
    assert log.path.read_bytes() == before
    append(log, row(IDS[1]))
    assert standing(log) == {IDS[0]: "fake", IDS[1]: "fake"}


def test_an_answer_is_on_the_disk_before_it_is_said_to_be(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_size), real(file)))
    log = open_answer_log(tmp_path, "anna", str)
    append(log, row(IDS[0]))
    assert log.path.stat().st_size in synced


@pytest.mark.parametrize("place", ["answers", "answers/anna.csv"])
def test_answers_that_cannot_be_written_are_said_at_once(tmp_path, place):
    folder = tmp_path / "answers"
    if place == "answers":
        folder.write_text("a file, not a folder")
    else:
        (folder / "anna.csv").mkdir(parents=True)
    with pytest.raises(FacesiftError, match="answers"):
        open_answer_log(folder, "anna", str)


def test_a_long_file_is_not_read_again_from_its_start(tmp_path, monkeypatch):
    log = open_answer_log(tmp_path, "anna", str)
    append(log, *(row(f"{number:032x}") for number in range(50)))
    parsed = []
    real = AnswerLog._parse
    monkeypatch.setattr(AnswerLog, "_parse", lambda self, data: (parsed.append(len(data)), real(self, data))[1])
    append(log, row(IDS[0], "real"))
    assert max(parsed) < 200


def test_without_locks_and_calls_of_unix_answers_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("facesift.core.parts.fcntl", None)
    monkeypatch.delattr(os, "pread", raising=False)
    log = open_answer_log(tmp_path, "anna", str)
    with locked_append(log) as append:
        append(reviewed(IDS[0], "fake"))
    assert standing(open_answer_log(tmp_path, "anna", str)) == {IDS[0]: "fake"}
