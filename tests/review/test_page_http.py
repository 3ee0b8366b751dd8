"""The page's server: who is let in, what is served, and what happens when something fails."""

import http.client
import io
import signal
import socket

import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from facesift.cli.main import app
from facesift.datasets.reviews import read_reviews
from facesift.review.app import STATIC
from tests.review.planted import (
    Served,
    decisions_of,
    id_of,
    in_order,
    plant_queue,
    review_request,
    started,
)


@pytest.fixture(name="page")
def page_fixture(tmp_path):
    served = Served(review_request(plant_queue(tmp_path)))
    yield served
    served.close()


@pytest.fixture(name="order")
def order_fixture(page):
    return page.state.queue.image_ids


def post(page, image_id, answer="fake", seen=None, **headers):
    return page.json("answer", {"image_id": image_id, "answer": answer, "seconds": 1.5, "seen": seen}, **headers)


def answers(page):
    return {row["image_id"]: row["answer"] for row in read_reviews(page.state.own.path.parent).to_dicts()}


def test_the_page_and_its_parts_are_served_with_strict_headers(page):
    for path in ("", *STATIC, "item", f"image/{page.state.queue.image_ids[0]}"):
        status, headers, content = page.ask(path)
        assert status == 200
        assert content
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_has_no_code_or_style_of_its_own(page):
    page_text = page.ask("")[2].decode()
    assert "<style" not in page_text
    assert " style=" not in page_text
    assert " onclick" not in page_text
    assert "http://" not in page_text + "".join(page.ask(name)[2].decode() for name in STATIC)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_a_foreign_host_is_refused(page, host):
    assert page.ask("", Host=host.format(port=page.credentials.port))[0] == 403


def test_localhost_is_the_same_place(page):
    name = f"localhost:{page.credentials.port}"
    assert page.ask("", Host=name, Origin=f"http://{name}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", None])
def test_an_answer_from_a_foreign_origin_is_refused(page, order, origin):
    body = {"image_id": order[0], "answer": "fake", "seconds": 1, "seen": None}
    assert page.ask("answer", body, Origin=origin)[0] == 403
    assert not answers(page)


def test_a_picture_asked_for_by_a_foreign_page_is_refused(page, order):
    assert page.ask(f"image/{order[0]}", Origin=None, Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_an_answer_without_the_token_is_refused(page, order, token):
    body = {"image_id": order[0], "answer": "fake", "seconds": 1, "seen": None}
    assert page.ask("answer", body, X_CSRF_Token=token)[0] == 403
    assert not answers(page)


@pytest.mark.parametrize("secret", ["", "wrong", "..", "%2e%2e"])
@pytest.mark.parametrize("path", ["", "item", "page.js", "image/x"])
def test_nothing_is_served_without_the_secret(page, secret, path):
    assert page.ask(path, secret=secret)[0] == 403


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/decisions.csv", "f" * 32, "in/face0.png", ""]
)
def test_only_images_of_the_queue_are_served(page, name):
    assert page.ask(f"image/{name}")[0] in (400, 404)


@pytest.mark.parametrize("name", ["../access_control.py", "access_control.py", "page.html", "..%2faccess_control.py"])
def test_only_the_pages_own_files_are_served(page, name):
    assert page.ask(name)[0] in (403, 404)


def test_a_large_request_is_refused(page, order):
    assert page.ask("answer", {"image_id": order[0], "answer": "f" * 5000})[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        {"answer": "maybe"}, {"answer": "undo"}, {"image_id": "0" * 32}, {"image_id": ["x"]}, {"seconds": -1},
        {"seconds": "1"}, {"seconds": 1e9}, {"seen": 3},
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused(page, order, body):
    good = {"image_id": order[0], "answer": "fake", "seconds": 1, "seen": None}
    assert page.ask("answer", good | body)[0] == 400
    assert not answers(page)


def test_an_image_comes_as_it_is_in_its_file(page, order, tmp_path):
    _, headers, content = page.ask(f"image/{order[0]}")
    assert content == (tmp_path / "in/face1.png").read_bytes()
    assert headers["content-type"] == "image/png"


@pytest.mark.parametrize("suffix", [".tif", ".jp2", ".ppm", ".gif"])
def test_a_format_that_browsers_do_not_show_comes_as_png(tmp_path, suffix):
    path = tmp_path / f"face{suffix}"
    Image.new("RGB", (30, 20), (200, 10, 10)).save(path)
    decisions_of([path]).write_csv(tmp_path / "decisions.csv")
    page = Served(review_request(tmp_path / "decisions.csv"))
    _, headers, content = page.ask(f"image/{id_of(path)}")
    page.close()
    assert headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(content)).size == (30, 20)


def test_a_changed_and_a_missing_image_say_so(page, order, tmp_path):
    (tmp_path / "in/face1.png").write_bytes(b"other")
    (tmp_path / "in/face3.png").unlink()
    assert "changed" in page.json(f"image/{order[0]}")[1]["error"]
    assert "not there" in page.json(f"image/{order[1]}")[1]["error"]


def test_the_queue_is_walked_by_filter_and_turns_round(page, order):
    post(page, order[0], "real")
    _, found = page.json("item?start=0&step=1&filter=unanswered")
    assert (found["item"]["image_id"], found["next"], found["wrapped"]) == (order[1], order[2], False)
    _, found = page.json("item?start=-1&step=-1&filter=all")
    assert (found["item"]["image_id"], found["wrapped"]) == (order[-1], True)
    _, found = page.json("item?start=0&step=1&filter=real")
    assert (found["item"]["image_id"], found["next"]) == (order[0], None)
    _, found = page.json("item?start=0&step=1&filter=fake")
    assert found["item"] is None
    assert found["progress"]["by_answer"] == {"real": 1, "fake": 0, "unsure": 0}


@pytest.mark.parametrize("query", ["start=x", "step=2", "step=0", "filter=nonsense"])
def test_a_walk_that_makes_no_sense_is_refused(page, query):
    assert page.ask(f"item?{query}")[0] == 400


def test_an_answer_is_a_row_with_what_the_committee_decided(page, order):
    status, _ = post(page, order[0])
    row = read_reviews(page.state.own.path.parent).to_dicts()[0]
    assert status == 200
    assert row | {"at": ""} == {
        "image_id": order[0], "answer": "fake", "reviewer": "anna", "at": "", "seconds": 1.5, "decision": "review",
        "probability": None,
    }  # fmt: skip


def test_an_answer_sent_twice_is_one_row(page, order):
    post(page, order[0])
    assert post(page, order[0])[0] == 200
    assert page.state.own.path.read_text().count("\n") == 2


def test_an_answer_over_one_of_another_window_is_a_conflict(page, order):
    post(page, order[0], "fake", seen=None)
    status, said = post(page, order[0], "real", seen=None)
    assert status == 409
    assert "fake" in said["error"]
    assert answers(page) == {order[0]: "fake"}
    assert post(page, order[0], "real", seen="fake")[0] == 200


def test_undo_takes_back_the_last_answer_by_its_number(page, order):
    post(page, order[0])
    _, state = post(page, order[1])
    assert page.json("undo", {"number": state["last"]["number"] - 1})[0] == 409
    status, said = page.json("undo", {"number": state["last"]["number"]})
    assert (status, said["position"]) == (200, 1)
    assert answers(page) == {order[0]: "fake"}
    assert page.state.own.path.read_text().count("\n") == 4


def test_undo_does_not_touch_answers_outside_this_queue(tmp_path):
    page = Served(review_request(plant_queue(tmp_path)))
    post(page, in_order(tmp_path / "decisions.csv")[0])
    page.close()
    pl.read_csv(tmp_path / "decisions.csv").filter(pl.col("probability") < 0.9).write_csv(tmp_path / "later.csv")
    later = Served(review_request(tmp_path / "later.csv"))
    _, state = later.json("item")
    later.close()
    assert state["last"] is None
    assert state["progress"]["answered"] == 0


def test_what_others_said_is_hidden_until_one_has_answered(page, order, tmp_path):
    post(page, order[0], "fake")
    other = Served(review_request(tmp_path / "decisions.csv", "ben"))
    before = other.json("item?start=0&filter=all")[1]["item"]
    post(other, order[0], "real")
    after = other.json("item?start=0&filter=all")[1]["item"]
    disagreed = page.json("item?start=3&filter=disagreement")[1]
    other.close()
    assert before["others"] is None
    assert after["others"] == [{"reviewer": "anna", "answer": "fake"}]
    assert after["disagree"]
    assert disagreed["item"]["image_id"] == order[0]
    assert disagreed["progress"]["disagreement"] == 1


def test_a_full_disk_is_said_and_the_server_goes_on(page, order, monkeypatch):
    import errno
    import os

    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    status, said = post(page, order[0])
    monkeypatch.setattr(os, "write", real)
    assert status == 507
    assert "No space left" in said["error"]
    assert post(page, order[0])[0] == 200


def test_maps_without_a_bundle_say_so(page, order):
    status, said = page.json(f"map/{order[0]}/convnext1")
    assert status == 400
    assert "--bundle" in said["error"]


def test_an_answer_survives_a_killed_server(tmp_path):
    decisions = plant_queue(tmp_path)
    first = in_order(decisions)[0]
    arguments = [str(decisions), "--reviewer", "anna", "--port", "0", "--answers", str(tmp_path / "reviews")]
    with started(*arguments, cwd=tmp_path) as (process, url):
        port, secret = int(url.split(":")[2].split("/")[0]), url.rstrip("/").rpartition("/")[2]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", f"/{secret}/")
        text = connection.getresponse().read().decode()
        token = text.split("token&#34;: &#34;")[1].split("&#34;")[0]
        body = f'{{"image_id": "{first}", "answer": "fake", "seconds": 1, "seen": null}}'
        headers = {"X-CSRF-Token": token, "Origin": f"http://127.0.0.1:{port}"}
        connection.request("POST", f"/{secret}/answer", body, headers)
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert read_reviews(tmp_path / "reviews")["image_id"].to_list() == [first]
    with started(*arguments, cwd=tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert "1 of 5 images answered" in process.communicate(timeout=20)[0]
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--port", "{taken}"], "is another page open"), (["--reviewer", "../x"], "reviewer"),
        (["--answers", "{room}/decisions.csv"], "cannot be written"), (["--port", "70000"], "port 70000"),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_one_message(tmp_path, monkeypatch, changes, says):
    monkeypatch.chdir(tmp_path)  # without the bundle of whatever was trained in the project's own folder
    decisions = plant_queue(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [each.format(taken=taken.getsockname()[1], room=tmp_path) for each in changes]
        done = CliRunner().invoke(
            app, ["review", str(decisions), "--reviewer", "anna", "--answers", str(tmp_path / "reviews"), *given]
        )
    assert done.exit_code == 1
    assert says in done.output
