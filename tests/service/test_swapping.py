"""Another bundle in place of the present one, and a stop: no request is lost."""

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.client import serving


@pytest.fixture(scope="module")
def site(tmp_path_factory, served):
    """A link to the bundle that decides, as deployments switch it."""
    folder = tmp_path_factory.mktemp("site")
    point(folder / "current", served)
    return folder


def point(link, bundle):
    made = link.with_name("next")
    made.symlink_to(bundle)
    made.rename(link)


@pytest.fixture(scope="module")
def service(site):
    options = ["--log", str(site / "log"), "--keep", str(site / "kept"), "--watch-seconds", "0.1"]
    with serving(site / "current", *options) as running:
        yield running


def ready_bundle(service):
    return service.ask("GET", "/readyz").json["bundle"]


def test_a_new_bundle_takes_over_and_no_request_is_lost(service, site, photos, successor):
    first = service.bundle
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(service.decide, photos["a.jpg"]) for _ in range(150)]
        point(site / "current", successor)
        second = service.wait_for(lambda: (now := ready_bundle(service)) != first and now)
        asked += [pool.submit(service.decide, photos["a.jpg"]) for _ in range(20)]
        replies = [each.result() for each in asked]
    assert {reply.status for reply in replies} == {200}
    assert {reply.json["bundle"] for reply in replies} == {first, second}
    assert all(row["bundle"] == reply.json["bundle"] for reply in replies for row in reply.rows)
    logs = {path.name: len(path.read_text().splitlines()) for path in (site / "log").iterdir()}
    assert set(logs) == {f"decisions-{first[:12]}.jsonl", f"decisions-{second[:12]}.jsonl"}
    assert sum(logs.values()) == 170


def test_a_bundle_that_is_damaged_changes_nothing(service, site, photos, served, tmp_path):
    before = ready_bundle(service)
    damaged = shutil.copytree(served, tmp_path / "damaged")
    (damaged / "committee.onnx").write_bytes(b"torn")
    (damaged / "bundle.json").write_text((damaged / "bundle.json").read_text() + "\n")
    point(site / "current", damaged)
    os.kill(service.process.pid, signal.SIGHUP)
    service.wait_for(lambda: "facesift_bundle_loads_total" in failed(service))
    assert service.decide(photos["a.jpg"]).json["bundle"] == ready_bundle(service) == before


def failed(service):
    return [
        name.partition("{")[0]
        for name, value in service.figures("").items()
        if 'result="failed"' in name and value >= 1
    ]


def test_images_are_kept_only_below_the_named_folder(service, site, photos):
    (row,) = service.decide(photos["b.png"]).rows
    kept = site / "kept" / row["image_id"][:2] / f"{row['image_id']}.png"
    assert kept.read_bytes() == photos["b.png"]
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o077) == (0o600, 0)


def test_a_stop_answers_what_is_under_way(served, photos, tmp_path):
    with serving(served, "--log", str(tmp_path / "log")) as service:
        upload = service.open_upload(len(photos["b.png"]), photos["b.png"][:50])
        service.wait_for(lambda: service.figures("")["facesift_buffered_bytes"] == 50)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for(lambda: refuses(service))
        upload.sendall(photos["b.png"][50:])
        assert upload.recv(100).startswith(b"HTTP/1.1 200")
        upload.close()
        assert service.process.wait(timeout=20) == 0
    (log,) = (tmp_path / "log").iterdir()
    assert len(log.read_text().splitlines()) == 1


def refuses(service):
    try:
        service.ask("GET", "/healthz")
    except ConnectionError:
        return True
    return False
