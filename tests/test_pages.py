"""The pages of docs/: current, complete, in the site's table of contents, and written to be read."""

import re
import tomllib

import pytest
import yaml

import facesift
from bench.published import published_systems
from facesift.cli.reference import reference
from tests.made import ROOT
from tests.pages import DOCS, blocks
from workflow.notebook import notebook
from workflow.page_figures import demo_figures

PAGES = sorted(path.name for path in DOCS.glob("*.md"))
# Pages whose blocks in `sh` all run in a test of their own: tests/experiments, tests/remotes, tests/scaling.
RUN_ELSEWHERE = {"data.md", "experiments.md", "scaling.md", "sharing.md"}
GENERATED = {"commands.md", "parameters.md"}
WIDTH = 100  # characters


def nav_pages(entry):
    if isinstance(entry, str):
        return [entry]
    inside = entry.values() if isinstance(entry, dict) else entry
    return [page for each in inside for page in nav_pages(each)]


def test_page_of_the_commands_is_current():
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == reference()


def test_notebook_is_made_from_its_page():
    page = (DOCS / "notebook.md").read_text(encoding="utf-8")
    assert (DOCS / "notebook.ipynb").read_text(encoding="utf-8") == notebook(page)


def test_every_page_is_in_the_table_of_contents_once():
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(nav_pages(project["nav"])) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_shell_commands_is_run_by_a_test(page):
    labelled = [block for block in blocks(page, "sh") if page not in RUN_ELSEWHERE]
    assert [block.text for block in labelled if "run" not in block.labels] == []


@pytest.mark.parametrize("page", sorted({*PAGES} - GENERATED))
def test_lines_of_text_are_short(page):
    text = re.sub(r"^```.*?^```$", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    long = [line for line in text.splitlines() if len(line) > WIDTH and not line.startswith(("|", "![", "<!--"))]
    assert long == []


def test_figures_of_the_embedded_study_are_those_in_metrics():
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    found = written.partition("<!-- demo: begin -->\n")[2].partition("\n<!-- demo: end -->")[0]
    assert found == demo_figures(ROOT / "metrics", ROOT / "params.yaml")


def test_number_of_published_systems_in_the_readme_is_right():
    published = [system for system in published_systems() if system.figures != "-"]
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f" {len(published)} published systems" in words


def test_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == facesift.__version__


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_that_the_first_pages_link_exist(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
