"""Two of everything at once, and a bundle that is replaced while others load it."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor

from facesift.datasets.review_files import read_answers
from tests.faults.tally import SMALL
from tests.faults.test_damage import drawn


def test_two_of_one_stage_at_once_give_the_same_bytes(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "two of one command at once"
    for stage in drawn(list(whole.stages.values()), 6):
        run = {"folder": str(copy), "target": stage.module, "arguments": list(stage.arguments)}
        both = server.ask_all([dict(run), dict(run)])
        wrong = whole.differs(copy, stage)
        for done in both:
            tally.add(kind, done.verdict(same=not wrong), f"{stage.name} {wrong}", done.said)
        whole.restore(copy, stage.outs)
    tally.check(kind)


def test_two_screenings_into_one_table_do_not_mix(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "two of one command at once"
    command = ("screen", "data/raw/tiny/faces.zip", "--no-time", "--output")
    run = {"folder": str(copy), "target": "tests.faults.commands:facesift"}
    assert server.ask(copy, run["target"], (*command, "alone.csv")).code == 0
    for suffix in ("csv", "jsonl", "parquet"):
        assert server.ask(copy, run["target"], (*command, f"alone.{suffix}")).code in {0, 1}
        for _ in range(1 if SMALL else 4):
            both = server.ask_all([run | {"arguments": [*command, f"both.{suffix}"]} for _ in range(2)])
            same = (copy / f"both.{suffix}").read_bytes() == (copy / f"alone.{suffix}").read_bytes()
            for done in both:
                tally.add(kind, done.verdict(same=same), f"screen {suffix}", done.said)
            (copy / f"both.{suffix}").unlink()
    tally.check(kind)


def test_a_bundle_is_the_old_or_the_new_one_while_it_is_replaced(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "a bundle loaded while it is replaced"
    seconds = 5 if SMALL else 60
    target = "tests.faults.commands:"
    writer = {"folder": str(copy), "target": f"{target}replace_bundle", "arguments": ["models/committee", seconds]}
    readers = [
        {"folder": str(copy), "target": f"{target}load_bundle", "arguments": ["models/committee", seconds, str(number)]}
        for number in range(2)
    ]
    done = server.ask_all([writer, *readers])
    assert [each.code for each in done] == [0, 0, 0], "\n".join(each.said for each in done)
    for number in range(2):
        for verdict, times in json.loads((copy / f"{number}.json").read_text()).items():
            for _ in range(times):
                tally.add(kind, verdict, f"reader {number}", done[1 + number].said)
    tally.check(kind)


def post_answer(address, image_id):
    """Answer as the page does; returns the status."""
    port, secret = int(address.split(":")[2].split("/")[0]), address.rstrip("/").rpartition("/")[2]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"/{secret}/")
    token = connection.getresponse().read().decode().split("token&#34;: &#34;")[1].split("&#34;")[0]
    body = {"image_id": image_id, "answer": "fake", "seconds": 1, "seen": None}
    headers = {"X-CSRF-Token": token, "Origin": f"http://127.0.0.1:{port}"}
    connection.request("POST", f"/{secret}/answer", json.dumps(body), headers)
    return connection.getresponse().status


def test_no_acknowledged_answer_is_lost_when_servers_are_killed(tally, tmp_path):
    from tests.review.planted import decisions_of, in_order, plant_images, started

    decisions, kind = tmp_path / "decisions.csv", "answers acknowledged, then a server killed"
    chances = [0.01 + number / 40 for number in range(30)]
    decisions_of(plant_images(tmp_path / "in", 30), chances).write_csv(decisions)
    ids, acknowledged = in_order(decisions), []
    options = (str(decisions), "--all", "--port", "0", "--answers", str(tmp_path / "reviews"))
    lock = threading.Lock()

    def answer(address, part):
        for image_id in part:
            try:
                status = post_answer(address, image_id)
            except (OSError, http.client.HTTPException, IndexError):  # the server is gone
                return
            if status == 200:
                with lock:
                    acknowledged.append(image_id)

    for reviewer in ("anna", "ben"):
        with (
            started(*options, "--reviewer", reviewer, cwd=tmp_path) as (first, one),
            started(*options, "--reviewer", reviewer, cwd=tmp_path) as (second, two),
            ThreadPoolExecutor(4) as pool,
        ):
            acknowledged.clear()
            for number, address in enumerate((one, two, one, two)):
                pool.submit(answer, address, ids[number::4])
            while len(acknowledged) < 8:
                threading.Event().wait(0.01)
            first.kill()
            while len(acknowledged) < 14:
                threading.Event().wait(0.01)
            second.kill()
        answers, problems = read_answers(tmp_path / f"reviews/{reviewer}.csv")
        written = {each.image_id for each in answers}
        for image_id in acknowledged:
            tally.add(kind, "same" if image_id in written else "silent", f"{reviewer} {image_id}", str(problems))
    tally.check(kind)
