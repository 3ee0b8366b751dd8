"""The pipeline through the real `dvc` command line, on a tiny study."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests import fork_server

AFTER = {  # what reads the members' scores
    "members", "stack", "stability", "vote", "operate", "summary", "export", "robustness", "audit", "review",
    "pictures", "figures", "report",
}  # fmt: skip
STAGES = {"ingest", "split", "shard", "sample@one", "sample@two", "train@one", "train@two", *AFTER}


def read(repository, name):
    return json.loads((repository.folder / name).read_text())


def test_second_repro_runs_nothing(repository):
    assert repository.repro() == []


def test_work_tree_is_clean_after_a_repro(repository):
    assert repository.run("git", "status", "--porcelain") == ""


def test_forced_repro_gives_an_identical_lock(repository):
    """In programs that go through sets in another order than those of the first run."""
    with tempfile.TemporaryDirectory() as room, fork_server.programs(Path(room), hash_seed=1) as folder:
        _check_a_forced_repro(replace(repository, programs=(folder,)))


def _check_a_forced_repro(repository):
    before = (repository.folder / "dvc.lock").read_bytes()
    assert set(repository.repro("--force")) == STAGES
    assert (repository.folder / "dvc.lock").read_bytes() == before
    assert repository.run("git", "status", "--porcelain") == ""


def test_changing_one_members_loss_runs_that_member_and_all_that_follows_it(repository):
    repository.change(lambda tree: tree["members"]["two"]["loss"].update(gamma=1.0))
    assert set(repository.repro()) == {"train@two", *AFTER}


def test_changing_one_members_sampling_runs_its_plan_too(repository):
    repository.change(lambda tree: tree["members"]["two"]["resample"].update(smote=0.5))
    assert set(repository.repro("vote")) == {"sample@two", "train@two", "members", "stack", "stability", "vote"}


def test_changing_the_rule_runs_the_decisions_and_what_tells_of_them(repository):
    repository.change(lambda tree: tree["vote"].update(rule="majority"))
    assert set(repository.repro()) == {"summary", "export", "review", "figures", "report"}


def test_going_back_to_earlier_parameters_trains_nothing(repository):
    repository.change(lambda tree: tree["vote"].update(rule="soft"))
    repository.change(lambda tree: tree["members"]["two"]["loss"].update(gamma=0.5))
    repository.repro("vote")
    repository.run("git", "checkout", "-q", "params.yaml")
    assert [name for name in repository.repro("vote") if name.startswith("train")] == []
    assert repository.run("git", "status", "--porcelain") == ""


def test_scores_of_a_member_that_left_are_not_voted_on(repository):
    repository.change(lambda tree: tree["members"].pop("two"))
    assert set(repository.repro("vote")) == {"members", "stack", "stability", "vote"}
    assert [path.name for path in (repository.folder / "data/scores").iterdir()] == ["one.parquet"]
    assert set(read(repository, "metrics/voters.json")["test"]) == {"one", "stacker"}
    assert repository.repro("vote") == []


def test_a_baseline_is_scored_and_does_not_vote(repository):
    repository.change(lambda tree: tree["members"]["two"].update(votes=False))
    assert set(repository.repro("vote", "audit")) == {"train@two", "members", "stack", "stability", "vote", "audit"}
    assert (repository.folder / "data/scores/two.parquet").is_file()
    assert set(read(repository, "metrics/voters.json")["test"]) == {"one", "stacker"}


def test_stacker_fitted_on_the_training_plan(repository):
    repository.change(lambda tree: tree["stack"].update(fit_on="train_plan"))
    assert set(repository.repro("vote")) == {"stack", "stability", "vote"}
    assert read(repository, "data/figures/stack.json")["fit_on"] == "train_plan"


def test_stacker_on_the_training_plan_refuses_weights_of_another_training(repository):
    folder = repository.folder
    shutil.copyfile(folder / "models/one.safetensors", folder / "models/two.safetensors")
    repository.change(lambda tree: tree["stack"].update(fit_on="train_plan"))
    output = repository.run("dvc", "repro", "-s", "stack", check=False)
    assert "models/two.safetensors: not the weights that gave two's scores" in output


def test_wrong_parameter_stops_with_a_message_and_no_stack_trace(repository):
    repository.change(lambda tree: tree["members"]["two"]["loss"].update(gamma=-1))
    output = repository.run("dvc", "repro", check=False)
    assert "error: params.yaml: 1 wrong:\n  members.two.loss.gamma: Input should be greater than" in output
    assert "Traceback" not in output


def test_another_study_never_draws_the_embedded_portraits(repository):
    assert sorted(repository.repro("--force", "--dry")) == sorted(STAGES)


def test_default_study_draws_the_portraits_first(repository):
    shutil.copyfile(Path(__file__).resolve().parents[2] / "params.yaml", repository.folder / "params.yaml")
    planned = repository.repro("--dry", check=False)  # a dry run stops where it would need the drawn images
    assert planned == ["draw@portraits"]


def test_every_voter_votes_on_every_held_out_image(repository):
    decisions = pl.read_parquet(repository.folder / "data/decisions.parquet")
    split = pl.read_parquet(repository.folder / "data/split.parquet").filter(pl.col("split") != "train")
    assert decisions["image_id"].to_list() == split["image_id"].to_list()
    assert {"vote_one", "vote_two", "vote_stacker", "decision"} <= set(decisions.columns)
    assert decisions.null_count().sum_horizontal().item() == 0


def test_vote_counts_agree_with_the_decisions(repository):
    decisions = pl.read_parquet(repository.folder / "data/decisions.parquet")
    for split in ("val", "test"):
        report = read(repository, "metrics/vote.json")[split]["unanimous"]
        rows = decisions.filter(pl.col("split") == split)
        counted = {
            name: len(rows.filter((pl.col("label") == label) & (pl.col("decision") == decision)))
            for name, label, decision in [
                ("tp", "fake", "fake"), ("fn", "fake", "real"), ("review_fake", "fake", "review"),
                ("fp", "real", "fake"), ("tn", "real", "real"), ("review_real", "real", "review"),
            ]
        }  # fmt: skip
        assert {name: report[name] for name in counted} == counted


@pytest.mark.parametrize(
    "plot",
    ["curves.csv", "roc.csv", "det.csv", "precision_recall.csv", "confusion.csv", "robustness.csv", "reliability.csv"],
)
def test_plot_has_data(repository, plot):
    rendered = json.loads(repository.run("dvc", "plots", "show", "--json", f"metrics/plots/{plot}"))
    (content,) = rendered["data"].values()
    assert content[0]["content"]["data"]["values"]
    assert rendered.get("errors", []) == []


def test_results_are_printed_from_the_metrics(repository):
    output = repository.run("facesift", "results")
    recall = read(repository, "metrics/vote.json")["test"]["unanimous"]["recall"]
    assert f"{recall:.2%}".replace("%", " %") in output
