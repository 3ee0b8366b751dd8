"""Fingerprints of code, and versions of libraries."""

import hashlib
from importlib.metadata import version

import pytest

from facesift.core import fingerprint
from facesift.core.fingerprint import code_fingerprint, files_fingerprint, library_versions
from facesift.core.parallel import environment_fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two wings in place of facesift."""
    for wing in ("core", "training"):
        (tmp_path / wing).mkdir()
        (tmp_path / wing / "module.py").write_text("a = 1")
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    return tmp_path


def test_code_alone_changes_the_fingerprint(package):
    found = []
    for content in ("a = 1", "a = 2", "a = 1"):
        (package / "core/module.py").write_text(content)
        (package / "core/notes.txt").write_text(content)
        environment_fingerprint.cache_clear()
        found.append((code_fingerprint(), environment_fingerprint()))
    environment_fingerprint.cache_clear()
    assert found[0] == found[2]
    assert all(first != second for first, second in zip(found[0], found[1], strict=True))


def test_other_wings_do_not_change_the_fingerprint_of_a_wing(package):
    before = code_fingerprint(["core"]), code_fingerprint(["core", "training"])
    (package / "training/module.py").write_text("a = 2")
    assert code_fingerprint(["core"]) == before[0]
    assert code_fingerprint(["core", "training"]) != before[1]


def test_renamed_file_changes_the_fingerprint(package):
    before = code_fingerprint()
    (package / "core/module.py").rename(package / "core/renamed.py")
    assert code_fingerprint() != before


def test_order_of_the_files_does_not_matter(package):
    files = sorted(package.rglob("*.py"))
    assert files_fingerprint(files, package) == files_fingerprint(reversed(files), package)


@pytest.mark.usefixtures("package")
def test_fingerprint_is_that_of_the_lines_of_sha256sum():
    digest = hashlib.sha256(b"a = 1").hexdigest()
    lines = f"{digest}  core/module.py\n{digest}  training/module.py"
    assert code_fingerprint() == hashlib.sha256(lines.encode()).hexdigest()


def test_versions_are_the_installed_ones_and_unknown_for_others():
    assert library_versions(("numpy", "no-such-library")) == {"numpy": version("numpy"), "no-such-library": "unknown"}
