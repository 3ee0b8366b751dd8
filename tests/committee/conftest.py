"""One bundle for all tests that only read it; those that damage it take a copy (`bundle`)."""

import shutil

import pytest

from facesift.committee.bundle import Committee
from tests.made_bundle import make_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
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
