"""The stage robustness through the real `dvc`, on a tiny study."""

import json

import polars as pl


def read(repository, name):
    return json.loads((repository.folder / name).read_text())


def figures(reports):
    return {
        name: {key: value for key, value in report.items() if key not in ("change", "flips")}
        for name, report in reports.items()
    }


def test_undamaged_test_images_give_the_figures_of_the_vote(repository):
    identity = read(repository, "metrics/robustness.json")["corruptions"]["identity"]
    assert figures(identity["rules"]) == read(repository, "metrics/vote.json")["test"]
    assert figures(identity["voters"]) == read(repository, "metrics/voters.json")["test"]


def test_another_strength_changes_only_that_corruption_and_runs_no_other_figures(repository):
    before = read(repository, "metrics/robustness.json")["corruptions"]
    repository.change(lambda tree: tree["robustness"]["corruptions"]["noise8"].update(strength=60))
    assert set(repository.repro()) == {"robustness", "figures", "report"}
    after = read(repository, "metrics/robustness.json")["corruptions"]
    assert {name for name in after if after[name] != before[name]} == {"noise8"}


def test_too_few_images_stop_with_a_message(repository):
    positives = read(repository, "metrics/robustness.json")["images"]["test"]["positive"]
    repository.change(lambda tree: tree["robustness"].update(images=positives))
    output = repository.run("dvc", "repro", "-s", "robustness", check=False)
    assert f"error: robustness.images: {positives}, but all {positives} test images" in output
    assert "Traceback" not in output


def test_plot_has_every_corruption(repository):
    table = pl.read_csv(repository.folder / "metrics/plots/robustness.csv")
    assert set(table["corruption"]) == set(read(repository, "metrics/robustness.json")["corruptions"])
