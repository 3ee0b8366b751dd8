"""Settings of all tests, and one bundle for all that only read it; those that damage it take a copy (`bundle`)."""

import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest

from facesift.screening.committee import Committee
from tests import fork_server

# The first call imports and compiles: a deadline would measure that. Examples are the same on every run.
hypothesis.settings.register_profile("facesift", deadline=None, derandomize=True)
hypothesis.settings.load_profile("facesift")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the programs that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# They take minutes: begun last, one of them would run alone while the other process has nothing left to do.
LONGEST = ("tests/pipeline/", "tests/training/test_fit.py", "tests/test_studies.py", "tests/review/")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture
def planted():
    from tests.made_predictions import planted_predictions

    return planted_predictions


@pytest.fixture(scope="session")
def programs():
    """A folder with a quick `python` and `dvc`, see `fork_server`."""
    with tempfile.TemporaryDirectory() as room, fork_server.programs(Path(room)) as folder:
        yield folder


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    from tests.made_bundle import make_study  # torch: most tests need none

    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def exported(study, tmp_path_factory):
    """The folder of a bundle. Do not write into it."""
    folder = tmp_path_factory.mktemp("exported") / "committee"
    study.export(folder)
    return folder


@pytest.fixture
def bundle(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "committee")


@pytest.fixture(scope="session")
def committee(exported):
    return Committee.load(exported)


@pytest.fixture(scope="session")
def head_study(tmp_path_factory):
    """A study of three heads on two backbones, and a network on pixels."""
    from tests.made_heads import make_head_study

    return make_head_study(tmp_path_factory.mktemp("head_study"))


@pytest.fixture(scope="session")
def headed(head_study, tmp_path_factory):
    """The folder of its bundle. Do not write into it."""
    from tests.made_faces import install

    room = tmp_path_factory.mktemp("headed")
    with pytest.MonkeyPatch.context() as patched:
        install(room / "site", patched)
        head_study.export(room / "committee")
    return room / "committee"
