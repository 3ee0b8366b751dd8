"""Every command of docs/experiments.md, as it stands there, in the order of the page."""

import re

import polars as pl
import pytest
import yaml

from tests.experiments.conftest import with_one_thread
from tests.pages import DOCS, blocks

PAGE = DOCS / "experiments.md"
BLOCKS = [block.text for block in blocks("experiments.md", "sh")]
ARTIFACT = {"committee": {"path": "models/stacker.safetensors", "type": "model"}}  # where the tiny study has no other


@pytest.fixture(scope="module")
def typed(reproduced, tmp_path_factory):
    """The repository after all blocks of the page, and what each of them printed."""
    repository = reproduced.copy(tmp_path_factory.mktemp("page"))
    path = repository.folder / "dvc.yaml"
    tree = yaml.safe_load(path.read_text())
    if "artifacts" not in tree:
        path.write_text(yaml.safe_dump(tree | {"artifacts": ARTIFACT}, sort_keys=False))
        repository.run("git", "commit", "-qam", "artifact")
    told = [block.replace("data/raw/rff", "data/raw/tiny") for block in BLOCKS]
    return repository, {block: with_one_thread(repository, "bash", "-ec", block) for block in told}


def said(typed, words: str) -> str:
    """What the one block with these words printed."""
    (output,) = [output for block, output in typed[1].items() if words in block]
    return output


def test_the_page_fits_on_a_screen():
    assert len(PAGE.read_text().splitlines()) <= 65  # lines


def test_an_experiment_in_the_work_tree_runs_what_its_value_touches(typed):
    output = said(typed, "-n soft")
    assert [name for name in typed[0].ran(output) if name.startswith("train")] == ["train@convnext2"]  # `gentle`


def test_both_queued_experiments_succeed(typed):
    output = said(typed, "make experiments")
    assert (output.count("stack.c=0.1"), output.count("stack.c=10.0"), output.count("ailed")) == (1, 1, 0)


def test_the_table_of_experiments_says_what_gentle_changed(typed):
    (line,) = [line for line in said(typed, "make experiments").splitlines() if "│ gentle" in line]
    assert "members.convnext2.resample.smote=0.5" in line


def test_the_plots_are_compared_on_a_page(typed):
    assert (typed[0].folder / "build/plots/index.html").is_file()


def test_the_sweep_has_a_row_for_each_of_its_points(typed):
    table = pl.read_csv(typed[0].folder / "build/sweep/figures.csv", infer_schema_length=None)
    points = {(row["smote"], row["loss"]) for row in table.iter_rows(named=True)}
    assert points == {(smote, loss) for smote in (None, 1.0) for loss in ("focal", "cross_entropy")}
    assert table["recall"].null_count() == 0


def test_the_sweeps_picture_is_an_svg(typed):
    assert (typed[0].folder / "build/sweep/sweep.svg").read_text().endswith("</svg>\n")


def test_the_search_says_which_experiment_is_best(typed):
    output = said(typed, "make search")
    (best,) = re.findall(r", experiment (search-\w{6})", output)
    assert f"\n{best}: ap " in output


def test_gentle_is_what_is_kept(typed):
    subject = typed[0].run("git", "log", "-1", "--format=%s", "--", "params.yaml")
    kept = yaml.safe_load(typed[0].run("git", "show", "HEAD:params.yaml"))
    assert (subject.strip(), kept["members"]["convnext2"]["resample"]["smote"]) == ("Fewer copies for convnext2", 0.5)


def test_the_work_tree_is_clean_at_the_end(typed):
    assert typed[0].run("git", "status", "--porcelain") == ""


def test_a_version_of_the_committee_is_fetched(typed):
    assert (typed[0].folder / "build/committee").exists()
