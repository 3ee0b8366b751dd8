"""The report of the tiny study, made by `dvc repro`: what stands in it, and that a browser shows it."""

import pytest

from tests.browser import CHROMIUM, look


@pytest.fixture(scope="module")
def page(reproduced):
    return (reproduced.folder / "report/index.html").read_text()


@pytest.mark.parametrize(
    "heading",
    [
        "Figures on the test split", "What the figures are made of", "What does each part add?", "Slices",
        "Operating points", "share of fakes", "Calibration", "On damaged images", "Examples", "Data card", "Model card",
        "Reproduce it", "Standard figures", "Members and baselines", "1,000 applications", "Faces of the test",
    ],
)  # fmt: skip
def test_every_part_is_there(page, heading):
    assert f"{heading}</" in page


def test_the_headline_counts_what_the_vote_counted(reproduced, page):
    import json

    vote = json.loads((reproduced.folder / "metrics/vote.json").read_text())["test"]["unanimous"]
    fakes, caught = vote["fakes"] + vote["review_fake"], vote["tp"] + vote["review_fake"]
    assert f"{caught} of {fakes} fake faces in the test did not get through" in page
    assert f"{vote['review_real']} had to wait for a person" in page


def test_it_says_that_the_spread_over_seeds_was_not_measured(page):
    assert "was not measured; make stability SEEDS=5 measures it" in page


def test_the_hashes_are_those_of_the_files(reproduced, page):
    import hashlib

    for name in ("data/manifest.parquet", "data/split.parquet"):
        assert hashlib.sha256((reproduced.folder / name).read_bytes()).hexdigest() in page


def test_examples_are_shown_with_their_files(page):
    assert page.count("data:image/jpeg;base64,") > 3
    assert 'title="fake/' in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_a_network(page, width, tmp_path):
    seen = look(page, width, tmp_path)
    assert (seen["width"], seen["wide"], seen["loaded"], seen["broken"]) == (width, [], [], 0)
