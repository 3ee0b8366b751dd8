"""From people's answers back into the pipeline, through the real `dvc`."""

import json

import polars as pl
import pytest

from tests.made_reviews import answer, write


def held_out(repository, split):
    folder = repository.folder / "data"
    decisions = pl.read_parquet(folder / "decisions.parquet").filter(pl.col("split") == split)
    return decisions.select("image_id", "label", "decision")


@pytest.fixture
def queue(repository):
    """The test images that wait for a person; the tiny committee leaves some."""
    images = held_out(repository, "test").filter(pl.col("decision") == "review")
    assert not images.is_empty()
    return images


def test_the_page_that_explains_the_folder_is_no_input(repository):
    (repository.folder / "data/reviews/README.md").write_text("other words")
    assert repository.repro() == []


def test_answers_are_counted_without_training(repository, queue):
    right = [answer(image, label) for image, label, _ in queue.rows()]
    write(repository.folder / "data/reviews", *right)
    assert repository.repro("-s", "review") == ["review"]
    report = json.loads((repository.folder / "metrics/review.json").read_text())
    assert report["queue"]["test"]["left"] == 0
    assert report["test"]["after"] == report["test"]["upper_bound"]


def test_answers_become_labels(repository):
    image, label, _ = held_out(repository, "test").row(0)
    other = {"real": "fake", "fake": "real"}[label]
    write(repository.folder / "data/reviews", answer(image, other))
    assert repository.repro("ingest") == ["ingest"]
    row = pl.read_parquet(repository.folder / "data/manifest.parquet").row(
        by_predicate=pl.col("image_id") == image, named=True
    )
    assert (row["label"], row["original_label"]) == (other, label)


def test_answers_are_in_git_and_not_in_the_cache(repository, queue):
    write(repository.folder / "data/reviews", answer(queue["image_id"][0], "fake"))
    repository.repro("-s", "review")
    assert "?? data/reviews/anna.csv" in repository.run("git", "status", "--porcelain")
