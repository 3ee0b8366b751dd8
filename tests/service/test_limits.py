"""What the service refuses when too much comes, or too slowly, with when to try again."""

import time

import pytest

from facesift.core.errors import FacesiftError
from facesift.service.server import check_safe
from facesift.service.settings import ServerSettings
from facesift.service.slow_clients import ImpatientProtocol
from tests.service.client import serving


@pytest.fixture(scope="module")
def service(served):
    options = ["--max-client", "2", "--max-waiting", "3", "--upload-seconds", "1", "--watch-seconds", "0"]
    with serving(served, *options) as running:
        yield running


def test_more_images_than_may_wait_are_refused_with_a_time(service, photos):
    reply = service.decide_form({f"{number}.jpg": photos["a.jpg"] for number in range(4)})
    assert (reply.status, reply.json["error"]["reason"]) == (503, "overloaded")
    assert int(reply.headers["retry-after"]) >= 1


def test_a_client_with_too_many_requests_is_refused_and_a_slow_one_is_cut_off(service, photos):
    slow = [service.open_upload(1000, b"x") for _ in range(2)]
    time.sleep(0.2)
    reply = service.decide(photos["a.jpg"])
    assert (reply.status, reply.json["error"]["reason"]) == (429, "client_busy")
    assert int(reply.headers["retry-after"]) >= 1
    for each in slow:
        assert each.recv(100).startswith(b"HTTP/1.1 408")
        each.close()
    assert service.wait_for(lambda: service.decide(photos["a.jpg"]).status == 200)


def test_a_body_larger_than_the_limit_is_cut_off_while_it_comes(service):
    connection = service.open_upload(30_000_000, b"x")
    assert connection.recv(100).startswith(b"HTTP/1.1 413")
    connection.close()


def test_headers_have_a_time_limit():
    assert 0 < ImpatientProtocol.header_seconds <= 30


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (ServerSettings(host="0.0.0.0"), "--behind-proxy"),  # noqa: S104  what is refused
        (ServerSettings(host="0.0.0.0", behind_proxy=True), "--tokens"),  # noqa: S104
        (ServerSettings(certificate="x"), "--key"),
    ],
)
def test_a_service_for_the_network_needs_encryption_and_tokens(server, words):
    with pytest.raises(FacesiftError, match=words):
        check_safe(server)
