"""Gold images: which are drawn, that the page does not give them away, and what becomes of the answers."""

import json

import polars as pl
import pytest

from facesift.core.errors import FacesiftError
from facesift.datasets.reviews import read_reviews
from facesift.review.server import load_state
from tests.review.planted import PROBABILITIES, Served, decisions_of, plant_images
from tests.review.planted_study import change, plant_study, shown, shown_ids, study_request, work

LABELS = ["fake"] * 6 + ["real"] * 14
QUEUE = 5


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    """A study, and a stream of customers' photos that `facesift screen` sent to review."""
    plant_study(tmp_path, LABELS, gold=0.5)
    return stream(tmp_path)


def stream(folder):
    paths = plant_images(folder / "stream", 25)[20:]  # other pixels than those of the study
    decisions_of(paths, PROBABILITIES).write_csv(folder / "decisions.csv")
    return folder


def state_of(folder, reviewer="anna", **changes):
    return load_state(study_request(folder, reviewer, decisions=folder / "decisions.csv", **changes))


def test_the_share_of_gold_images_is_the_one_that_was_set(folder):
    state = state_of(folder)
    assert (len(state.queue.gold), len(state.queue)) == (QUEUE, 2 * QUEUE)


def test_as_many_fakes_are_drawn_as_others(folder):
    assert sorted(state_of(folder).queue.gold.values()) == ["fake"] * 3 + ["real"] * 2


def test_all_reviewers_get_the_same_gold_images_at_the_same_places(folder):
    assert shown_ids(state_of(folder)) == shown_ids(state_of(folder, "ben"))


def test_each_part_has_its_share(folder):
    state = state_of(folder, part="1/2")
    own = len(state.assignment.images) - len(state.queue.gold)
    assert len(state.queue.gold) == own


def test_the_queue_keeps_its_order(folder):
    state = state_of(folder)
    rest = [each for each in state.queue.image_ids if each not in state.queue.gold]
    assert rest == pl.read_csv(folder / "decisions.csv").sort("probability", descending=True)["image_id"].to_list()


@pytest.mark.parametrize("change_it", ["train", "relabelled", "unlabelled"])
def test_an_image_of_training_or_with_a_doubtful_label_does_not_serve(folder, change_it):
    first = pl.col("image_id").is_in(list(state_of(folder).queue.gold))
    if change_it == "train":
        change(folder, "decisions", split=pl.when(first).then(pl.lit("train")).otherwise("split"))
    else:
        other = pl.lit(None, pl.String) if change_it == "unlabelled" else pl.lit("swap")
        change(folder, "manifest", original_label=pl.when(first).then(other).otherwise("original_label"))
    before = state_of(folder).queue.gold
    manifest = pl.read_parquet(folder / "data/manifest.parquet").join(
        pl.read_parquet(folder / "data/decisions.parquet"), on="image_id"
    )
    fit = manifest.filter(pl.col("split") == "test", pl.col("label") == pl.col("original_label"))["image_id"].to_list()
    assert len(before) == QUEUE
    assert set(before) <= set(fit)


def test_near_duplicates_serve_once(folder):
    change(folder, "split", group=pl.when(pl.col("label") == "fake").then(0).otherwise(pl.col("group") // 2 + 1))
    state = state_of(folder)
    groups = pl.read_parquet(folder / "data/split.parquet").filter(pl.col("image_id").is_in(list(state.queue.gold)))
    assert groups.height == groups["group"].n_unique() == QUEUE
    assert sorted(state.queue.gold.values()) == ["fake"] + ["real"] * 4


def test_images_of_the_queue_itself_are_no_gold_images(tmp_path):
    ids = plant_study(tmp_path, LABELS, gold=0.5)
    change(
        tmp_path,
        "decisions",
        decision=pl.when(pl.col("image_id").is_in(ids[:8])).then(pl.lit("review")).otherwise("decision"),
    )
    queue = load_state(study_request(tmp_path)).queue
    assert not set(queue.gold) & set(ids[:8])
    assert set(queue.gold.values()) == {"real"}  # all fakes are in the queue


def test_too_few_gold_images_are_said(tmp_path):
    plant_study(tmp_path, ["real", "fake"], gold=0.5)
    assert "only 2 of 5 gold images" in state_of(stream(tmp_path)).queue.notes[0]


def test_a_study_without_decisions_says_what_to_run(folder):
    (folder / "data/decisions.parquet").unlink()
    with pytest.raises(FacesiftError, match=r"decisions\.parquet: not found; `dvc repro summary`"):
        state_of(folder)


def test_nothing_on_the_page_tells_a_gold_image(folder):
    state = state_of(folder)
    work(state_of(folder, "ben"))
    page = Served(study_request(folder, decisions=folder / "decisions.csv"))
    sent = [page.json(f"item?start={start}&filter=all")[1]["item"] for start in range(len(state.queue))]
    for each in sent:
        page.json("answer", {"image_id": each["image_id"], "answer": "real", "seconds": 1, "seen": None})
    sent += [page.json(f"item?start={start}&filter=all")[1]["item"] for start in range(len(state.queue))]
    page.close()
    for own in (None, "real"):
        same = {json.dumps(each | {"image_id": "", "position": 0}) for each in sent if each["mine"] == own}
        assert len(same) == 1


def test_their_files_are_shown(folder):
    page = Served(study_request(folder, decisions=folder / "decisions.csv"))
    status = {page.ask(f"image/{each}")[0] for each in page.state.queue.image_ids}
    page.close()
    assert status == {200}


def test_answers_on_gold_images_become_no_labels(folder):
    state = state_of(folder)
    work(state, "fake")
    answers, gold = (read_reviews(folder / "data/reviews", gold=each) for each in (False, True))
    assert set(gold["image_id"]) == set(state.queue.gold)
    assert not set(answers["image_id"]) & set(state.queue.gold)


def test_an_answer_on_a_gold_image_is_none_in_a_later_queue(folder):
    work(state_of(folder))
    change(folder, "decisions", decision=pl.lit("review"))
    later = load_state(study_request(folder))
    assert len(shown(later)) == len(LABELS)
    assert later.state()["last"] is None


def test_the_end_of_the_page_tells_the_reviewers_own_figures(folder):
    state = state_of(folder)
    assert state.state()["done"] is None
    work(state, "fake")
    assert state.state()["done"] == (
        "Done: you have answered every image of the queue. Images with a known label: you found 3 of 3 fake images "
        "(100 %, 95 % interval 29 to 100 %), and called 2 of 2 other images (100 %, 95 % interval 16 to 100 %) fake."
    )


def test_no_share_is_no_gold(tmp_path):
    plant_study(tmp_path, LABELS, gold=0.0)
    state = state_of(stream(tmp_path))
    assert (state.queue.gold, state.queue.blind) == ({}, False)
