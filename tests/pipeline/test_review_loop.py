"""From people's answers back into the pipeline, through the real `dvc`."""

import json

import polars as pl
import pytest

from facesift.datasets.review_files import GOLD
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


def label_of(repository, image):
    manifest = pl.read_parquet(repository.folder / "data/manifest.parquet")
    return manifest.row(by_predicate=pl.col("image_id") == image, named=True)["label"]


def test_answers_on_gold_images_measure_the_reviewer_and_become_no_label(repository):
    image, label, _ = held_out(repository, "test").row(0)
    other = {"real": "fake", "fake": "real"}[label]
    write(repository.folder / "data/reviews", answer(image, other)._replace(decision=GOLD))
    assert repository.repro("ingest") == ["ingest"]
    assert label_of(repository, image) == label
    repository.repro("-s", "review")
    report = json.loads((repository.folder / "metrics/review.json").read_text())
    found = report["gold"]["reviewers"]["anna"]
    assert (found["fakes"], found["reals"], found["found"]) == (int(label == "fake"), int(label == "real"), 0)
    assert (report["answers"], report["elsewhere"]) == (0, 0)


def test_for_two_persons_a_second_answer_makes_the_label(repository):
    repository.change(lambda tree: tree["review"].update(two_persons=True))
    image, label, _ = held_out(repository, "test").row(0)
    other = {"real": "fake", "fake": "real"}[label]
    write(repository.folder / "data/reviews", answer(image, other))
    repository.repro("ingest")
    assert label_of(repository, image) == label
    write(repository.folder / "data/reviews", answer(image, other), answer(image, other, "ben"))
    repository.repro("ingest")
    assert label_of(repository, image) == other


def test_answers_are_in_git_and_not_in_the_cache(repository, queue):
    write(repository.folder / "data/reviews", answer(queue["image_id"][0], "fake"))
    repository.repro("-s", "review")
    assert "?? data/reviews/anna.csv" in repository.run("git", "status", "--porcelain")
