"""Two reviewers at once, each in a browser window of their own, and gold images on the page."""

import polars as pl
import pytest

from facesift.datasets.reviews import find_consensus, read_reviews
from tests.review.driver import CHROMIUM, DRIVER, Browser
from tests.review.planted import PROBABILITIES, Served, decisions_of, plant_images
from tests.review.planted_study import change, plant_study, study_request

selenium = pytest.importorskip("selenium", reason="the browser's tests need selenium")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")


@pytest.fixture(scope="module", name="browsers")
def browsers_fixture(tmp_path_factory):
    browsers = [Browser(tmp_path_factory.mktemp(name)) for name in ("anna", "ben")]
    yield browsers
    for each in browsers:
        each.driver.quit()


@pytest.fixture(name="serve")
def serve_fixture():
    """Start a page for each reviewer; all end with the test."""
    pages = []

    def start(folder, *names, **changes):
        pages.extend(Served(study_request(folder, name, **changes)) for name in names)
        return pages[-len(names) :]

    yield start
    for page in pages:
        page.close()


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    plant_study(tmp_path, ["real", "fake", "real"], two_persons=True)
    change(tmp_path, "decisions", decision=pl.lit("review"))
    return tmp_path


def test_two_reviewers_settle_images_and_a_third_the_rest(browsers, folder, serve):
    anna, ben = browsers
    pages = serve(folder, "anna", "ben", "carl")
    ids = pages[0].state.queue.image_ids
    anna.open(pages[0])
    ben.open(pages[1])
    for keys, following in zip(("ff", "fr", "rr"), (*ids[1:], None), strict=True):
        for browser, key in zip(browsers, keys, strict=True):
            browser.press(key)
            if following:
                browser.until_seen(following)
    for browser in browsers:
        browser.until(lambda browser=browser: "no image waits" in browser.text("end-title"), "the end is not said")
    assert anna.text("progress") == "3 of 3 answered: real 1, fake 2, unsure 0"
    anna.open(pages[2])
    assert anna.run("current.image_id") == ids[1]
    anna.press("r")
    anna.until(lambda: "no image waits" in anna.text("end-title"), "the end is not said")
    settled = find_consensus(read_reviews(folder / "data/reviews"), two_persons=True)
    assert dict(settled.select("image_id", "answer").rows()) == dict(zip(ids, ("fake", "real", "real"), strict=True))


def test_an_image_that_others_settle_meanwhile_is_skipped(browsers, folder, serve):
    anna, _ = browsers
    pages = serve(folder, "anna", "ben", "carl")
    ids = pages[0].state.queue.image_ids
    anna.open(pages[0])
    for page in pages[1:]:
        page.state.answer(ids[1], "fake", 1, None)
    anna.press("f")
    anna.until_seen(ids[2])


def test_undo_and_a_second_window_work_for_two_persons(browsers, folder, serve):
    anna, _ = browsers
    (page,) = serve(folder, "anna")
    ids = page.state.queue.image_ids
    anna.open(page)
    anna.press("f")
    anna.until_seen(ids[1])
    anna.press("z")
    anna.until_seen(ids[0])
    page.json("answer", {"image_id": ids[0], "answer": "real", "seconds": 1, "seen": None})
    anna.press("f")
    anna.until_seen(ids[1])
    assert "you answered “real”" in anna.text("message")
    assert page.ask("item?filter=all")[0] == 400


def test_a_blind_page_shows_the_picture_alone_and_ends_with_the_reviewers_figures(browsers, tmp_path, serve):
    anna, _ = browsers
    plant_study(tmp_path, ["fake"] * 6 + ["real"] * 6, gold=0.5)
    decisions_of(plant_images(tmp_path / "stream", 17)[12:], PROBABILITIES).write_csv(tmp_path / "decisions.csv")
    (page,) = serve(tmp_path, "anna", decisions=tmp_path / "decisions.csv")
    anna.open(page)
    for image_id in page.state.queue.image_ids:
        anna.until_seen(image_id)
        details = anna.text("details")
        assert "hidden" in details
        assert not [each for each in ("%", "Decision", "stacker", "File") if each in details]
        anna.press("f")
    anna.until(lambda: "you found 3 of 3 fake images" in anna.text("end-title"), "the figures are not told")
