"""Blind until answered: what the page may know, images that are set aside, and requests about one image."""

import io

import numpy as np
import pytest
from PIL import Image

from facesift.review.attribution import Evidence, mean_evidence
from facesift.review.server import load_state
from tests.review.planted import Served, plant_bundle, plant_queue, review_request
from tests.review.planted_study import change, plant_study, study_request


@pytest.fixture(name="page")
def page_fixture(tmp_path):
    served = Served(review_request(plant_queue(tmp_path)))
    yield served
    served.close()


def opened(page, position=0):
    return page.json(f"item?start={position}&step=1&filter=all")[1]["item"]


def test_the_opinion_is_not_sent_before_the_answer(page):
    item = opened(page)
    assert (item["probability"], item["votes"], item["decision"], item["hidden"]) == (None, {}, "", True)
    told = page.state.answer(item["image_id"], "fake", 1, None)["told"]
    assert told == "You said fake. 1 of 3 voters says fake. Its probability of fake: 90.0 %."
    item = opened(page)
    assert (item["probability"], item["hidden"], item["why"]) == (0.9, False, "1 of 3 voters says fake.")


def test_a_study_may_show_the_opinion_at_once(tmp_path):
    ids = plant_study(tmp_path, ["real", "fake"], blind=False)
    change(tmp_path, "decisions", decision=np.array(["review", "review"]))
    state = load_state(study_request(tmp_path))
    item = state.item(0, 1, "unanswered")["item"]
    assert item["votes"] == {"stacker": "fake"}
    assert item["why"] == "1 of 1 voters says fake; all must agree."
    assert state.answer(ids[1], "fake", 1, None)["told"] == ""


def test_an_image_that_is_set_aside_waits_no_longer(page, tmp_path):
    ids = page.state.queue.image_ids
    page.json("aside", {"image_id": ids[0]})
    found = page.json("item?start=0&step=1&filter=unanswered")[1]
    assert found["item"]["image_id"] == ids[1]
    assert found["progress"]["aside"] == 1
    for image_id in ids[1:]:
        page.state.answer(image_id, "real", 1, None)
    state = page.state.state()
    assert state["done"] == "Done, but for 1 image whose files could not be shown."
    assert [command for command, _ in state["next_steps"]] == [
        str(page.state.own.path), f"facesift review {tmp_path / 'decisions.csv'} --reviewer NAME",
    ]  # fmt: skip


def test_a_study_names_the_next_commands(tmp_path):
    ids = plant_study(tmp_path, ["fake"])
    change(tmp_path, "decisions", decision=np.array(["review"]))
    state = load_state(study_request(tmp_path))
    assert state.state()["next_steps"] == []
    state.answer(ids[0], "fake", 1, None)
    assert [command for command, _ in state.state()["next_steps"]] == ["dvc repro -s review", "dvc repro"]


def test_views_and_facts_of_an_image_are_served(page):
    image_id = page.state.queue.image_ids[0]
    status, headers, content = page.ask(f"view/{image_id}/noise")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(content)).size == (32, 40)
    assert page.ask(f"view/{image_id}/other")[0] == 400
    assert page.json(f"facts/{image_id}")[1][0][1].startswith("32 x 40 pixels")
    assert page.ask("facts/" + "0" * 32)[0] == 400


def test_maps_say_for_or_against_only_after_the_answer(tmp_path):
    plant_bundle(tmp_path / "bundle")
    page = Served(review_request(plant_queue(tmp_path)))
    image_id = page.state.queue.image_ids[0]
    before = page.json(f"heat/{image_id}")[1]["description"]
    assert page.ask(f"map/{image_id}/convnext1")[0] == 400
    page.state.answer(image_id, "fake", 1, None)
    after = page.json(f"heat/{image_id}")[1]["description"]
    assert page.ask(f"map/{image_id}/convnext1")[0] == 200
    page.close()
    assert "fake" not in before
    assert after.startswith(before.rstrip("."))


def test_the_committees_map_is_the_mean_of_scaled_maps_where_each_member_looks():
    left, all_of_it = (
        Evidence(np.full((2, 2), 8.0), (0, 0, 100, 100), blurred=True),
        Evidence(-np.ones((4, 4)), (0, 0, 200, 100), blurred=True),
    )
    values = mean_evidence([left, all_of_it], (200, 100))
    assert values.shape == (80, 160)
    assert values[40, 40] == pytest.approx(0)
    assert values[40, 140] == pytest.approx(-0.5)
