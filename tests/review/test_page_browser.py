"""The page in a real browser, worked with real keys."""

import shutil

import pytest

from facesift.datasets.reviews import read_reviews
from tests.review.driver import CHROMIUM, DRIVER, Browser
from tests.review.planted import MEMBERS, Served, plant_bundle, plant_queue, review_request

selenium = pytest.importorskip("selenium", reason="the browser's tests need selenium")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")


@pytest.fixture(scope="module", name="browser")
def browser_fixture(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture(name="page")
def page_fixture(tmp_path):
    served = Served(review_request(plant_queue(tmp_path)))
    yield served
    served.close()


def answers(page):
    return [row["answer"] for row in read_reviews(page.state.own.path.parent).to_dicts()]


def test_three_images_are_answered_by_keys(browser, page):
    ids = page.state.queue.image_ids
    browser.open(page)
    for key, following in zip("fru", ids[1:], strict=False):
        browser.press(key)
        browser.until_seen(following)
    rows = {row["image_id"]: row["answer"] for row in read_reviews(page.state.own.path.parent).to_dicts()}
    assert rows == dict(zip(ids, ["fake", "real", "unsure"], strict=False))
    assert browser.text("progress") == "3 of 5 answered: real 1, fake 1, unsure 1"


def answer_and_go_back(browser, page):
    """Answer the first image, and look at it again."""
    from selenium.webdriver.common.keys import Keys

    ids = page.state.queue.image_ids
    browser.open(page)
    browser.press("f")
    browser.until_seen(ids[1])
    browser.press(Keys.ARROW_LEFT)
    browser.until_seen(ids[0])


def test_votes_and_probability_are_shown_after_the_answer(browser, page):
    browser.open(page)
    details = browser.text("details")
    assert "What the committee says is shown after your answer." in details
    assert not [each for each in ("%", "Decision", "convnext1", "stacker") if each in details]
    answer_and_go_back(browser, page)
    assert browser.text("why") == "1 of 3 voters says fake."
    assert browser.text("probability") == "90.0 %"
    assert "convnext1" in browser.text("votes")


def test_the_committees_opinion_is_told_with_the_next_image(browser, page):
    browser.open(page)
    browser.press("r")
    browser.until_seen(page.state.queue.image_ids[1])
    assert browser.text("message") == "You said real. 1 of 3 voters says fake. Its probability of fake: 90.0 %."


def test_a_table_without_a_share_of_fakes_is_said_to_know_none(browser, page):
    answer_and_go_back(browser, page)
    assert browser.text("probability-of") == "calibrated probability of fake, which holds at no known share of fake"


def test_undo_brings_the_image_back_without_its_answer(browser, page):
    ids = page.state.queue.image_ids
    browser.open(page)
    browser.press("f")
    browser.until_seen(ids[1])
    browser.press("z")
    browser.until_seen(ids[0])
    assert answers(page) == []
    assert browser.text("mine") == "none yet"
    assert "Taken back" in browser.text("message")


def test_skipping_gives_no_answer_and_arrows_move(browser, page):
    from selenium.webdriver.common.keys import Keys

    ids = page.state.queue.image_ids
    browser.open(page)
    for key, shown in (("s", ids[1]), (Keys.ARROW_RIGHT, ids[2]), (Keys.ARROW_LEFT, ids[1]), (Keys.HOME, ids[0])):
        browser.press(key)
        browser.until_seen(shown)
    assert answers(page) == []


def test_the_end_of_the_queue_is_said(browser, page):
    browser.open(page)
    for left in range(4, -1, -1):
        browser.press("r")
        browser.until(lambda left=left: browser.text("progress").startswith(f"{5 - left} of 5"), "not answered")
        if left:
            browser.until_seen()
    browser.until(lambda: "answered every image" in browser.text("end-title"), "the end is not said")
    assert browser.text("end-counts").split() == ["answered", "5", "of", "5", "real", "5", "fake", "0", "unsure", "0"]
    assert str(page.state.own.path) in browser.text("end-steps")


def test_a_filter_that_lets_nothing_through_says_so(browser, page):
    browser.open(page)
    browser.driver.find_element("css selector", "#filter option[value=fake]").click()
    browser.until(lambda: browser.text("end-title") == "You have answered “fake” for no image.", "nothing is said")
    browser.driver.find_element("id", "show-all").click()
    browser.until_seen(page.state.queue.image_ids[0])


def test_the_filter_shows_only_what_was_answered_so(browser, page):
    ids = page.state.queue.image_ids
    browser.open(page)
    browser.press("f")
    browser.until_seen(ids[1])
    browser.press("r")
    browser.until_seen(ids[2])
    browser.driver.find_element("css selector", "#filter option[value=real]").click()
    browser.until_seen(ids[1])
    assert browser.text("mine") == "real"


def test_a_key_held_down_is_one_answer(browser, page):
    browser.open(page)
    browser.run("[1, 2, 3].forEach(() => dispatchEvent(new KeyboardEvent('keydown', {key: 'f', repeat: true})))")
    browser.press("f")
    browser.until_seen(page.state.queue.image_ids[1])
    assert answers(page) == ["fake"]


def test_keys_and_dragging_zoom_and_move(browser, page):
    from selenium.webdriver import ActionChains

    browser.open(page)
    browser.press("+")
    browser.press("+")
    fitted = browser.run("fitted()")
    assert browser.text("zoom") == f"{int(fitted * 225 + 0.5)} %"
    before = browser.run("zoom.x")
    stage = browser.driver.find_element("id", "stage")
    ActionChains(browser.driver).drag_and_drop_by_offset(stage, 40, 30).perform()
    assert browser.run("zoom.x") > before
    ActionChains(browser.driver).scroll_from_origin(_origin(stage), 0, -100).perform()
    browser.until(lambda: browser.text("zoom") == f"{int(fitted * 281.25 + 0.5)} %", "the wheel does not zoom")
    browser.press("0")
    assert browser.text("zoom") == f"{int(fitted * 100 + 0.5)} %"
    browser.press("o")
    assert browser.text("zoom") == "100 %"
    width = browser.run("element('picture').getBoundingClientRect().width / element('stage').clientWidth")
    assert width == pytest.approx(1 / fitted, rel=0.01)


def test_views_are_laid_over_the_image_by_their_keys(browser, page):
    browser.open(page)
    for key, words in (("c", "Local contrast"), ("e", "Error level"), ("n", "Noise")):
        browser.press(key)
        browser.until(lambda words=words: browser.text("view-words").startswith(words), f"no {words}")
        assert browser.run("!element('overlay').hidden && element('overlay').naturalWidth === 32")
        browser.press(key)
        browser.until(lambda: browser.run("element('overlay').hidden"), "the view stays")


def _origin(element):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    return ScrollOrigin.from_element(element)


def test_help_opens_with_a_key_and_closes_with_escape(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    browser.press("?")
    assert browser.run("element('help').open")
    browser.press("f")
    browser.press(Keys.ESCAPE)
    assert not browser.run("element('help').open")
    assert answers(page) == []


def test_two_tabs_do_not_overwrite_each_other(browser, page):
    driver, ids = browser.driver, page.state.queue.image_ids
    browser.open(page)
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    browser.open(page)
    browser.press("f")
    browser.until_seen(ids[1])
    driver.close()
    driver.switch_to.window(first)
    browser.run("dispatchEvent(new Event('focus'))")
    browser.until(lambda: browser.text("mine") == "fake", "the other tab's answer is not seen")
    browser.press("s")
    browser.until_seen(ids[1])
    browser.press("r")
    browser.until_seen(ids[2])
    rows = {row["image_id"]: row["answer"] for row in read_reviews(page.state.own.path.parent).to_dicts()}
    assert rows == {ids[0]: "fake", ids[1]: "real"}


def test_an_answer_over_one_that_is_not_on_the_screen_is_asked_twice(browser, page):
    ids = page.state.queue.image_ids
    browser.open(page)
    page.json("answer", {"image_id": ids[0], "answer": "fake", "seconds": 1, "seen": None})
    browser.press("r")
    browser.until(lambda: "In another window you answered “fake”" in browser.text("message"), "no conflict is said")
    assert answers(page) == ["fake"]
    browser.press("r")
    browser.until_seen(ids[1])
    assert answers(page) == ["real"]


def test_an_answer_that_could_not_be_written_is_kept_and_tried_again(browser, page):
    browser.open(page)
    folder = page.state.own.path.parent
    hidden = folder.rename(folder.with_name("away"))
    browser.press("f")
    browser.until(
        lambda: "Not saved, but kept: your answer “fake”" in browser.text("failure-words"), "no failure is said"
    )
    hidden.rename(folder)
    browser.press("t")
    browser.until_seen(page.state.queue.image_ids[1])
    assert answers(page) == ["fake"]
    assert not browser.driver.find_element("id", "failure").is_displayed()


def test_a_kept_answer_survives_loading_the_page_again(browser, page):
    browser.open(page)
    folder = page.state.own.path.parent
    hidden = folder.rename(folder.with_name("away"))
    browser.press("f")
    browser.until(lambda: browser.text("failure-words"), "no failure is said")
    hidden.rename(folder)
    browser.driver.refresh()
    browser.until(lambda: browser.text("failure-words"), "the answer is forgotten")
    browser.press("t")
    browser.until_seen(page.state.queue.image_ids[1])
    assert answers(page) == ["fake"]


def test_an_image_that_is_gone_cannot_be_judged(browser, page):
    position = page.state.queue.row(0)["image"]
    shutil.move(position, f"{position}.away")
    browser.driver.get("about:blank")
    browser.driver.get(page.credentials.url)
    browser.until(lambda: "not there" in browser.text("absent"), "the missing file is not said")
    browser.press("f")
    assert "Wait until you see the image" in browser.text("message")
    assert answers(page) == []
    browser.press("s")
    browser.until_seen(page.state.queue.image_ids[1])
    assert "set aside 1" in browser.text("progress")


def test_more_than_two_classes_are_answered_by_number(browser, tmp_path):
    plant_bundle(tmp_path / "bundle", classes=("real", "fake", "swap"))
    page = Served(review_request(plant_queue(tmp_path)))
    browser.open(page)
    browser.press("3")
    browser.until_seen(page.state.queue.image_ids[1])
    given = answers(page)
    page.close()
    assert given == ["swap"]


def test_maps_are_shown_when_asked_for(browser, tmp_path):
    plant_bundle(tmp_path / "bundle")
    page = Served(review_request(plant_queue(tmp_path)))
    browser.open(page)
    browser.press("h")
    browser.until(lambda: "Where the committee looks" in browser.text("view-words"), "no heat map")
    assert "fake" not in browser.text("view-words")
    answer_and_go_back(browser, page)
    browser.press("m")
    shown = "document.querySelectorAll('#map-list img.drawing').length"
    browser.until(lambda: browser.run(shown) == len(MEMBERS), "no maps")
    words = browser.text("map-list")
    page.close()
    assert "convnext1, votes fake." in words
    assert "log-odds of fake by" in words or "No part" in words


def test_without_a_bundle_the_page_says_why_there_are_no_maps(browser, page):
    browser.open(page)
    browser.press("m")
    assert "Maps need the committee's bundle" in browser.text("maps-words")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_reaches_nothing_else(browser, page, width):
    browser.driver.get_log("browser")
    browser.open(page, width)
    browser.press("m")
    assert browser.run("document.documentElement.scrollWidth") <= width
    loaded = browser.run("performance.getEntriesByType('resource').map(each => each.name)")
    assert all(name.startswith((page.credentials.url, "blob:", "data:")) for name in loaded)
    assert browser.driver.get_log("browser") == []
    assert browser.run("[...document.images].every(each => each.hasAttribute('alt'))")


def test_the_focus_of_the_keyboard_is_seen(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    for _ in range(4):
        browser.press(Keys.TAB)
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert browser.run("document.activeElement !== document.body")


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_against_wcag_22_aa(browser, page, width):
    browser.open(page, width)
    assert browser.axe() == []
    browser.driver.find_element("css selector", "#filter option[value=fake]").click()
    browser.until(lambda: browser.text("end-title"), "the filter is not empty")
    assert browser.axe() == []


def test_a_phone_shows_votes_without_scrolling_and_large_buttons(browser, page):
    browser.open(page, 390)
    ids = page.state.queue.image_ids
    browser.press("f")
    browser.until_seen(ids[1])
    browser.driver.find_element("css selector", "#filter option[value=all]").click()
    browser.until_seen(ids[0])
    bottom = browser.run("element('votes').getBoundingClientRect().bottom")
    assert bottom < browser.run("document.querySelector('footer').getBoundingClientRect().top")
    heights = browser.run("[...document.querySelectorAll('footer button')].map(each => each.offsetHeight)")
    assert min(heights) >= 44
