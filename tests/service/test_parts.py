"""The parts of the service without HTTP: batches, log files, tokens."""

import os
import threading
from pathlib import Path

import pytest

from facesift.core.errors import FacesiftError
from facesift.service.batching import Batcher
from facesift.service.log_file import LogFile
from facesift.service.server import ServiceSettings, done_without
from facesift.service.settings import DecisionSettings, Limits, LogSettings, ServerSettings
from facesift.service.tokens import TokenFile, create_token, read_tokens, revoke_tokens

BUNDLE = "ab" * 32


def test_items_gather_while_a_batch_is_worked_on():
    batches, begun, go_on = [], threading.Event(), threading.Event()

    def work(batch):
        batches.append(batch)
        begun.set()
        go_on.wait(10)

    batcher = Batcher(work, 3)
    batcher.submit(0)
    begun.wait(10)
    for number in range(1, 6):
        batcher.submit(number)
    go_on.set()
    batcher.close()
    assert batches == [[0], [1, 2, 3], [4, 5]]


def test_a_full_log_is_rotated_and_no_line_is_lost(tmp_path):
    log = LogFile(tmp_path, BUNDLE, LogSettings(tmp_path, rotate_bytes=10))
    for number in range(5):
        log.append(f"line {number}\n" * 2)
    log.close()
    parts = sorted(tmp_path.iterdir(), key=lambda path: (path == log.path, path.name))
    assert len(parts) > 1
    assert "".join(path.read_text() for path in parts) == "".join(f"line {number}\n" * 2 for number in range(5))


def test_a_torn_line_is_dropped_when_the_log_is_opened_again(tmp_path):
    path = tmp_path / f"decisions-{BUNDLE[:12]}.jsonl"
    path.write_text('{"a":1}\n{"a":')
    log = LogFile(tmp_path, BUNDLE, LogSettings(tmp_path))
    log.append('{"a":2}\n')
    log.close()
    assert path.read_text() == '{"a":1}\n{"a":2}\n'


def test_what_could_not_be_written_whole_is_not_in_the_log(tmp_path, monkeypatch):
    log = LogFile(tmp_path, BUNDLE, LogSettings(tmp_path))
    log.append("first\n")
    real = os.write
    results = iter([lambda handle, data: real(handle, data[:3])])

    def write(handle, data):
        found = next(results, None)
        if found is None:
            raise OSError(28, "No space left on device")
        return found(handle, data)

    monkeypatch.setattr("facesift.service.log_file.os.write", write)
    with pytest.raises(OSError, match="No space"):
        log.append("second\n")
    monkeypatch.undo()
    assert log.path.read_text() == "first\n"


@pytest.mark.parametrize(("policy", "syncs"), [("always", 3), ("never", 0)])
def test_the_policy_decides_when_to_wait_for_the_disk(tmp_path, monkeypatch, policy, syncs):
    log, calls = LogFile(tmp_path, BUNDLE, LogSettings(tmp_path, fsync=policy)), []
    monkeypatch.setattr("facesift.service.log_file.os.fsync", calls.append)
    for _ in range(3):
        log.append("line\n")
    assert len(calls) == syncs


def test_the_file_of_tokens_holds_hashes_for_its_owner_alone(tmp_path):
    path = tmp_path / "tokens.json"
    token = create_token(path, "bank")
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert TokenFile(path).find(token).name == "bank"
    assert TokenFile(path).find(token[:-1]) is None


def test_a_new_token_is_in_use_before_the_old_one_is_revoked(tmp_path):
    path = tmp_path / "tokens.json"
    old, new = create_token(path, "bank"), create_token(path, "bank")
    known = TokenFile(path)
    assert known.find(old)
    assert known.find(new)
    assert revoke_tokens(path, "bank") == 2
    assert known.find(new) is None


def test_a_torn_file_of_tokens_leaves_the_valid_ones(tmp_path):
    path = tmp_path / "tokens.json"
    token = create_token(path, "bank")
    known = TokenFile(path)
    path.write_text("{")
    assert known.find(token)


def test_mistakes_with_tokens_are_errors(tmp_path):
    path = tmp_path / "tokens.json"
    with pytest.raises(FacesiftError, match="holds no token"):
        TokenFile(path)
    with pytest.raises(FacesiftError, match="name"):
        create_token(path, "a b")
    with pytest.raises(FacesiftError, match="no such token"):
        revoke_tokens(path, "nobody")
    path.write_text('{"tokens": [{"name": "x"}]}')
    with pytest.raises(FacesiftError, match="not a file of tokens"):
        read_tokens(path)


def settings(tokens, log):
    return ServiceSettings(DecisionSettings(Path("bundle")), ServerSettings(tokens=tokens), LogSettings(log), Limits())


def test_what_the_service_does_without_is_said_when_it_starts():
    assert done_without(settings(Path("tokens.json"), Path("log"))) == []
    nobody_asked, unrecorded = done_without(settings(None, None))
    assert "everybody on this machine may ask" in nobody_asked
    assert "not recorded" in unrecorded
