"""What a DVC user types in a study other than the default one, with no option of our own, through the real `dvc`."""

import json
import shutil

import pytest
import yaml
from dvc.utils.serialize import modify_yaml

RULE, C, COLUMNS = "the rule of the decisions", "inverse strength of the penalty", 160
LATER = ["stack", "stability", "vote", "operate", "summary"]


def comment(path):
    """Write params.yaml as DVC writes it, with a comment at two values."""
    with modify_yaml(path) as tree:
        tree["vote"].yaml_add_eol_comment(RULE, "rule")
        tree["stack"].yaml_add_eol_comment(C, "c")


def edit(repository, old, new):
    path = repository.folder / "params.yaml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def settle(text):
    """The values that the tests change, and whether the study and the comments are still there."""
    tree = yaml.safe_load(text)
    assert (RULE in text, C in text, tree["study"]) == (True, True, "tiny")
    return tree["stack"]["c"], tree["vote"]["rule"]


def now(repository):
    return settle((repository.folder / "params.yaml").read_text())


@pytest.fixture(scope="module")
def typed(reproduced, tmp_path_factory):
    """The tiny study with comments and its raw images under DVC; and, by name, what each command left or printed."""
    repository, seen = reproduced.copy(tmp_path_factory.mktemp("typed")), {}
    repository.run("dvc", "add", "-q", "data/raw/tiny")
    comment(repository.folder / "params.yaml")
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", "comments, raw images")
    edit(repository, "c: 1.0", "c: 0.5")
    seen["edited"] = repository.ran(repository.run("dvc", "exp", "run", "-n", "edited", "summary")), now(repository)
    before = (repository.folder / "params.yaml").read_text().splitlines()
    seen["soft"] = repository.ran(repository.run("dvc", "exp", "run", "-n", "soft", "-S", "vote.rule=soft", "summary"))
    after = (repository.folder / "params.yaml").read_text().splitlines()
    seen["lines"] = [" ".join(line.split()) for line in after if line not in before], len(before) == len(after)
    repository.run("dvc", "exp", "run", "--temp", "-n", "aside", "-S", "vote.rule=majority", "summary")
    seen["aside"] = now(repository)
    repository.run("dvc", "exp", "run", "--queue", "-n", "queued", "-S", "stack.c=2.0", "summary")
    repository.run("dvc", "exp", "run", "--run-all")
    seen["table"] = repository.run("env", f"COLUMNS={COLUMNS}", "dvc", "exp", "show", "--only-changed", "--no-pager")
    seen["metrics"] = repository.run("dvc", "metrics", "show"), repository.run("dvc", "metrics", "diff")
    seen["experiments"] = repository.run("dvc", "exp", "diff", "edited", "queued")
    repository.run("dvc", "exp", "apply", "aside")
    seen["applied"] = now(repository), repository.run("dvc", "status", "summary")
    repository.run("dvc", "exp", "branch", "queued", "kept")
    seen["kept"] = settle(repository.run("git", "show", "kept:params.yaml"))
    return repository, seen


def test_an_edit_is_kept_and_runs_what_it_touches(typed):
    assert typed[1]["edited"] == (LATER, (0.5, "unanimous"))


def test_one_value_set_on_the_command_line_changes_one_line(typed):
    assert typed[1]["soft"] == ["summary"]
    assert typed[1]["lines"] == ([f"rule: soft # {RULE}"], True)


def test_an_experiment_aside_leaves_the_work_tree(typed):
    assert typed[1]["aside"] == (0.5, "soft")


def test_apply_brings_values_comments_and_figures(typed):
    values, status = typed[1]["applied"]
    assert values == (0.5, "majority")
    assert "up to date" in status


def test_a_branch_of_a_queued_experiment_has_its_values_and_the_edit_before(typed):
    assert typed[1]["kept"] == (2.0, "soft")


@pytest.mark.parametrize("what", ["table", "experiments"])
def test_comparisons_fit_a_terminal(typed, what):
    lines = typed[1][what].splitlines()
    assert 4 < len(lines) <= 20
    assert max(map(len, lines)) <= COLUMNS


def test_the_table_shows_each_experiment_with_what_it_changed(typed):
    table = typed[1]["table"]
    assert all(words in table for words in ("[soft]", "[aside]", "[queued]", "stack.c", "vote.rule", "precision"))
    assert not any(words in table for words in ("members.", "data/", "gamma"))


def test_the_metrics_are_one_file_of_at_most_fifteen_figures(typed):
    shown, difference = typed[1]["metrics"]
    assert max(map(len, (shown + difference).splitlines())) <= COLUMNS
    assert len(json.loads((typed[0].folder / "metrics/summary.json").read_text())) <= 15
    assert shown.count("metrics/") == 1


def test_pull_brings_back_all_that_was_pushed(repository):
    folder = repository.folder
    repository.run("dvc", "push", "-q")
    shutil.rmtree(folder / ".dvc/cache")
    for name in ("data/shards", "data/scores", "data/training", "models"):
        shutil.rmtree(folder / name)
    repository.run("dvc", "pull", "-q")
    assert repository.run("dvc", "status", "train", "stack", "export").strip() == "Data and pipelines are up to date."
    repository.run("dvc", "gc", "--workspace", "--force", "-q")
    assert (folder / "models/committee/bundle.json").is_file()


def files_about(repository, member):
    """Files of the work tree whose name or figures name a member."""
    listed = [path for top in ("data", "models", "metrics") for path in (repository.folder / top).rglob("*")]
    named = {path for path in listed if path.stem == member or f"_{member}." in path.name}
    return named | {path for path in listed if path.suffix in (".json", ".csv") and f'{member}"' in path.read_text()}


def test_a_member_comes_leaves_and_comes_back_without_training_twice(repository):
    def copy(tree):
        tree["members"]["three"] = tree["members"]["two"] | {"seed": 3}

    folder = repository.folder
    repository.change(copy)
    first = repository.ran(repository.run("dvc", "exp", "run", "summary"))
    assert first == ["sample@three", "train@three", "members", *LATER]
    assert "three" in yaml.safe_load((folder / "params.yaml").read_text())["members"]
    weights = (folder / "models/three.safetensors").read_bytes()
    assert files_about(repository, "three")

    repository.change(lambda tree: tree["members"].pop("three"))
    assert {name.partition("@")[0] for name in repository.repro("summary")} <= {"members", *LATER}
    assert files_about(repository, "three") == set()
    assert "three" not in (folder / "metrics/plots/curves.csv").read_text()

    repository.change(copy)
    assert not {name for name in repository.repro("summary") if "@" in name}
    assert (folder / "models/three.safetensors").read_bytes() == weights


def test_a_study_without_its_data_says_what_is_missing_and_changes_nothing(repository):
    repository.change(lambda tree: tree["data"].update(raw="elsewhere"))
    said = repository.run("dvc", "repro", check=False)
    assert "data/raw/elsewhere" in said
    assert "Traceback" not in said
    assert repository.run("git", "status", "--porcelain").split() == ["M", "params.yaml"]


def test_plots_are_one_page_that_loads_its_script_from_the_repository(repository):
    (repository.folder / ".dvc/vega.js").write_text("window.vegaEmbed = () => 0")
    repository.run("dvc", "plots", "show")
    page = (repository.folder / "dvc_plots/index.html").read_text()
    assert page.index('src="../.dvc/vega.js"') < page.index("vegaEmbed(")
    assert '\n    <script src="https' not in page  # DVC's own page asks the network first
    assert all(f'"member": "{name}"' in page for name in ("one", "two"))
    assert repository.run("git", "status", "--porcelain") == ""


def test_the_script_of_the_plots_comes_out_of_a_package(tmp_path, monkeypatch):
    pytest.importorskip("vl_convert")
    from workflow.vega_bundle import BUNDLE, main

    monkeypatch.chdir(tmp_path)
    main()
    text = (tmp_path / BUNDLE).read_text()
    assert "BSD 3-Clause" in text.splitlines()[0]
    assert "window.vegaEmbed=" in text


def test_an_edit_in_a_wing_runs_only_the_stages_that_name_it(repository):
    for wing in ("report", "screening", "review", "cli"):
        with (repository.folder / f"facesift/{wing}/__init__.py").open("a") as file:
            file.write("# a word\n")
    status = repository.run("dvc", "status", "--json")
    assert set(json.loads(status[status.index("{") :])) == {"pictures", "report"}
