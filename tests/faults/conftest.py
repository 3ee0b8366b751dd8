"""The study, the server that runs its stages, and the count of what was tried."""

import pytest

from tests.faults.study import Server, reproduce
from tests.faults.tally import Tally

TALLY = Tally()


def pytest_addoption(parser):
    parser.addoption("--write", action="store_true", help="write the table of docs/reliability.md")


def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workeroutput"):  # one of two processes: the first one writes
        session.config.workeroutput["tally"] = TALLY.plain()
    elif session.config.getoption("--write") and exitstatus == 0:
        TALLY.write()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    TALLY.take(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(TALLY.table())


@pytest.fixture(scope="session")
def tally():
    return TALLY


@pytest.fixture(scope="session")
def whole(programs, tmp_path_factory):
    """The study after `dvc repro`."""
    return reproduce(tmp_path_factory.mktemp("whole"), programs)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("logs") / "said")
    yield server
    server.close()
