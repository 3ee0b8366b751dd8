"""The service over HTTP: decisions as `facesift screen` makes them, refusals, tokens, metrics, log."""

import re
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from facesift.review.decisions import read_decisions
from facesift.screening.committee import Committee
from facesift.screening.drift import compare_file
from facesift.service.tokens import create_token, revoke_tokens
from tests.service.client import serving

OWN = ("image", "time", "request_id", "client")  # columns in which log and table may differ


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(room, served):
    token = create_token(room / "tokens.json", "bank")
    options = ["--tokens", room / "tokens.json", "--log", room / "log", "--drift-images", "60"]
    with serving(served, *map(str, options), token=token) as running:
        yield running


@pytest.fixture(scope="module")
def scraper(room, service):  # noqa: ARG001  the service has made the file
    return create_token(room / "tokens.json", "prometheus", "metrics")


@pytest.fixture
def files(photos, bad_photos):
    return photos | bad_photos


def test_service_and_screen_give_the_same_bytes(service, room, served, files, tmp_path):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    for name, data in files.items():
        service.decide(data, query=f"?name={name}")
    (log,) = (room / "log").glob("*.jsonl")
    logged = {row["image"]: row for row in pl.read_ndjson(log, infer_schema_length=None).to_dicts()}
    screened = pl.concat(Committee.load(served, threads=1).screen([tmp_path], 1))
    lines = {line.split('"')[3].rpartition("/")[2]: line for line in screened.write_ndjson().splitlines()}
    written = {logged_name(line): line for line in log.read_text().splitlines()}
    assert set(logged) >= set(files)
    for name in files:
        assert without_own(written[name]) == without_own(lines[name])


def logged_name(line):
    return re.search(r'"image":"([^"]*)"', line)[1]


def without_own(line):
    for name in OWN:
        line = re.sub(rf',?"{name}":"[^"]*"', "", line)
    return line


def test_an_answer_says_what_the_log_says(service, room, photos):
    reply = service.decide(photos["a.jpg"], X_Request_ID="case-17")
    (row,) = reply.rows
    (log,) = (room / "log").glob("*.jsonl")
    logged = pl.read_ndjson(log, infer_schema_length=None).filter(request_id="case-17").row(0, named=True)
    assert {name: row[name] for name in row if name in logged} == {name: logged[name] for name in row if name in logged}
    assert row["votes"] == {name: logged[f"vote_{name}"] for name in ("one", "two", "stacker")}
    assert row["probabilities"] == {name: logged[f"probability_{name}"] for name in ("one", "two", "stacker")}
    assert logged["client"] == "bank"
    assert reply.headers["x-request-id"] == reply.json["request_id"] == "case-17"
    assert reply.headers["x-facesift-bundle"] == reply.json["bundle"] == service.bundle


def test_a_form_of_several_images_is_answered_in_its_order(service, photos, bad_photos):
    reply = service.decide_form(photos | bad_photos)
    assert reply.status == 200
    assert [row["image"] for row in reply.rows] == [*photos, *bad_photos]
    assert [row["decision"] is None for row in reply.rows] == [False] * 4 + [True] * 4
    assert all(row["reason"] for row in reply.rows[4:])


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("torn.jpg", 422, "bad_image"),
        ("empty.jpg", 422, "bad_image"),
        ("page.jpg", 415, "unsupported_format"),
        ("bomb.png", 413, "too_many_pixels"),
    ],
)
def test_an_image_without_a_score_has_its_status(service, bad_photos, name, status, reason):
    reply = service.decide(bad_photos[name])
    assert (reply.status, reply.json["error"]["reason"]) == (status, reason)
    assert reply.rows[0]["reason"] == reply.json["error"]["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("image/jpeg", bytes(20_000_001), 413, "too_large"),
        ("text/html", b"<p>", 415, "content_type"),
        ("multipart/form-data", b"", 400, "bad_form"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400, "no_image"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused(service, kind, body, status, reason):
    try:
        reply = service.decide(body, kind)
    except (BrokenPipeError, ConnectionResetError):  # the service closed before the whole body was sent
        assert reason == "too_large"
        return
    assert (reply.status, reply.json["error"]["reason"]) == (status, reason)


def test_too_many_images_are_refused(service, photos):
    reply = service.decide_form({f"{number}.jpg": photos["a.jpg"] for number in range(65)})
    assert (reply.status, reply.json["error"]["reason"]) == (413, "too_many_images")


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic x"])
def test_without_a_valid_token_nothing_is_decided(service, photos, given):
    reply = service.decide(photos["a.jpg"], Authorization=given)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


def test_tokens_come_and_go_while_it_runs(service, room, photos):
    token = create_token(room / "tokens.json", "partner")
    assert service.decide(photos["a.jpg"], Authorization=f"Bearer {token}").status == 200
    revoke_tokens(room / "tokens.json", "partner")
    assert service.decide(photos["a.jpg"], Authorization=f"Bearer {token}").status == 401


def test_a_token_for_metrics_decides_nothing(service, scraper, photos):
    assert service.decide(photos["a.jpg"], Authorization=f"Bearer {scraper}").status == 403
    assert service.ask("GET", "/metrics").status == 403  # the bank's token


def test_metrics_count_decisions_refusals_and_latency(service, scraper, photos, bad_photos):
    before = service.figures(scraper)
    decision = service.decide(photos["b.png"]).rows[0]["decision"]
    service.decide(bad_photos["page.jpg"])
    after = service.figures(scraper)
    for name in (
        f'facesift_decisions_total{{decision="{decision}"}}',
        'facesift_decisions_total{decision="unscored"}',
        'facesift_refusals_total{reason="unsupported_format",status="415"}',
        'facesift_request_seconds_count{status="200"}',
    ):
        assert after[name] == before.get(name, 0) + 1
    assert after[f'facesift_bundle_info{{bundle="{service.bundle}",rule="unanimous",study="made"}}'] == 1


def test_requests_at_the_same_time_share_batches(service, scraper, photos):
    before = service.figures(scraper)
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: service.decide(photos["a.jpg"]), range(96)))
    after = service.figures(scraper)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["decisions"][0]["probability"] for reply in replies}) <= 2  # last digits, by batch size
    batches = after["facesift_batch_images_count"] - before["facesift_batch_images_count"]
    assert after["facesift_batch_images_sum"] - before["facesift_batch_images_sum"] == 96
    assert batches < 96


def test_the_drift_of_the_last_images_is_shown(service, scraper, photos):
    service.decide_form({f"{number}.jpg": photos["a.jpg"] for number in range(60)})
    found = service.wait_for(
        lambda: (
            next((each for name, each in service.figures(scraper).items() if "drift_state" in name), None) is not None
        )
    )
    assert found
    figures = service.figures(scraper)
    assert figures["facesift_drift_images"] == 60
    assert figures['facesift_drift_psi{column="brightness"}'] > 1


def test_review_and_drift_read_the_log(service, room, served, photos):
    service.decide_form(photos)
    (log,) = (room / "log").glob("*.jsonl")
    assert compare_file(served, log)["scored"] >= 4
    assert {"a.jpg", "b.png"} <= set(read_decisions(log).table["image"])


def test_the_description_fits_the_answer(service, photos):
    description = service.ask("GET", "/openapi.json").json
    decision = description["components"]["schemas"]["Decision"]
    (row,) = service.decide(photos["a.jpg"]).rows
    assert set(row) == set(decision["required"]) == set(decision["properties"])
    assert row["decision"] in decision["properties"]["decision"]["enum"]


def test_the_page_loads_nothing_from_elsewhere(service):
    page = service.ask("GET", "/docs").body.decode()
    assert "POST /v1/decisions" in page
    assert re.findall(r'(?:src|href)=(?!"openapi)|<script', page) == []


def test_health_and_readiness_need_no_token(service):
    service_alone = service.ask("GET", "/healthz", Authorization="")
    assert service_alone.status == 200
    ready = service.ask("GET", "/readyz", Authorization="")
    assert ready.json == {"ready": True, "bundle": service.bundle}


def test_nothing_but_the_log_is_written(service, room, photos):
    service.decide(photos["a.jpg"])
    assert sorted(path.suffix for path in room.rglob("*") if path.is_file()) == [".json", ".jsonl", ".lock"]
    (log,) = (room / "log").glob("*.jsonl")
    assert log.stat().st_mode & 0o777 == 0o600
