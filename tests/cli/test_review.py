"""`facesift review` as a user starts it."""

import pytest
from typer.testing import CliRunner

from facesift.cli.main import app
from tests.review.planted import plant_queue


@pytest.fixture
def decided(tmp_path):
    path = plant_queue(tmp_path)
    path.write_text(path.read_text().replace("review", "real"))
    return path


def test_nothing_to_review_is_no_error(decided, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no committee there
    done = CliRunner().invoke(app, ["review", str(decided), "--answers", str(tmp_path / "answers"), "--port", "0"])
    assert done.exit_code == 0
    assert done.output.startswith(f"nothing to review: {decided}: none of its ")
