"""The hooks before a commit, and what continuous integration runs."""

import re
import tomllib

import pytest
import yaml

from tests.made import ROOT

HOOKS = [
    hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]
]
DEV = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
PACKAGES = {"end-of-file-fixer": "pre-commit-hooks", "check-yaml": "pre-commit-hooks"}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_an_installed_program(hook):
    program = hook["entry"].split()[0]
    assert hook["language"] == "system"
    assert PACKAGES.get(program, program) in {re.match(r"[\w-]+", each)[0] for each in DEV}


def test_the_hooks_check_what_make_lint_checks():
    lint = re.search(r"^lint: install\n((\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert {hook["entry"].split()[0] for hook in HOOKS} >= {line.split()[0] for line in lint.splitlines()}


@pytest.mark.parametrize(
    "target", ["test", "studies", "test-remotes", "test-experiments", "test-scaling", "test-faults"]
)
def test_continuous_integration_runs_every_suite(target):
    assert re.search(rf"^(FAULTS=small )?make {target}$", (ROOT / ".ci/run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("target", re.findall(r"^# make ([\w-]+)  ", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_every_target_that_the_makefile_explains_exists(target):
    text = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", text, re.MULTILINE)
