"""A stage that DVC runs compares its plain inputs with dvc.lock, and closes the folders that hold faces."""

import hashlib
import os
import stat

import pytest
import yaml

from facesift.config.inputs import check_inputs, close_folders
from facesift.core.errors import FacesiftError


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "metrics").mkdir()
    path = tmp_path / "metrics/vote.json"
    path.write_text('{"recall": 0.9}\n')
    made = {"path": "metrics/vote.json", "md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}
    lock = {"stages": {"vote": {"outs": [made]}, "report": {"deps": [made, {"path": "stages/report.py"}]}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_inputs_as_they_were_made_are_read():
    check_inputs("report")
    check_inputs("vote")
    check_inputs("a stage that has never run")


def test_a_changed_digit_of_a_figure_is_named_with_its_remedy(project):
    path = project / "metrics/vote.json"
    before = path.stat()
    path.write_text('{"recall": 0.8}\n')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # DVC looks at size and time
    with pytest.raises(FacesiftError, match=r"metrics/vote\.json: differs from dvc\.lock.*dvc checkout metrics/vote"):
        check_inputs("report")


@pytest.mark.parametrize("text", [None, "", "[", "stages: 5", "stages: {report: {deps: [5, {path: 3}]}}", "a: \x00"])
def test_a_damaged_lock_is_left_to_dvc(project, text):
    (project / "dvc.lock").unlink() if text is None else (project / "dvc.lock").write_text(text)
    check_inputs("report")


def test_folders_of_faces_are_closed_but_for_those_shared_on_purpose(tmp_path):
    folders = [tmp_path / name for name in ("data", "shared", "gone")]
    for folder in folders[:2]:
        folder.mkdir()
        folder.chmod(0o2775 if folder.name == "shared" else 0o755)
    close_folders(tuple(folders))
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders[:2]] == [0o700, 0o2775]
