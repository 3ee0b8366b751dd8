"""Bombs of each format and kind of zip, and hostile names: bounded time and memory, a reason, and no row too few."""

import json
import warnings

import pytest

from tests.faults.bombs import BOMBS, saved
from tests.images.test_zips import packed

SECONDS, MEGABYTES = 20.0, 900


@pytest.fixture(scope="session")
def bomb(server, tmp_path_factory):
    """Function that makes a bomb, in a process of its own, and returns its file."""
    room = tmp_path_factory.mktemp("bombs")

    def make(kind):
        path = room / str(list(BOMBS).index(kind)) / BOMBS[kind][0]
        if not path.is_file():
            done = server.ask(room, "tests.faults.bombs:make_bomb", (kind, str(path)))
            assert done.code == 0, done.said
        return path

    return make


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_bounded_time_and_memory(server, bomb, tally, tmp_path, kind):
    arguments = (str(bomb(kind)), str(tmp_path / "rows.json"))
    done = server.ask(
        tmp_path, "tests.faults.commands:read_image", arguments, fault=("more_memory", MEGABYTES), limit=SECONDS * 6
    )
    rows = json.loads((tmp_path / "rows.json").read_text()) if done.code == 0 else []
    read = [row for row in rows if row[1] is None]
    fine = done.code == 0 and rows and not [row for row in rows if row[1] and "not enough memory" in row[1]]
    verdict = "same" if fine and read else "refused" if fine else done.verdict(same=False)
    tally.add("a bomb among the images", verdict, f"{kind}: {rows[:3]}", done.said)
    tally.check("a bomb among the images")


NAMES = [
    "../out.png", "/etc/out.png", "..\\out.png", ".hidden.png", "a/../../b.png", "a\nb.png", "a\rb.png", "\u202egnp.a",
    "a\tb.png", "-rf.png", "$(true).png", "a;b.png", "a,b.png", 'a"b.png', "=1+1.png", "con.png", "a" * 200 + ".png",
    "\U0001f600.png", "e\u0301.png", "\u00e9.png", " a.png", "a.png ",
    "a!b.png", "x.zip!y.png", "%00.png", "NUL", "a\u2028b.png", "\x1b[2J.png", "__MACOSX", "b.zip/c.png",
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_hostile_name_has_its_row(whole, server, tally, tmp_path, suffix):
    data, kind = saved("PNG", (40, 40)), "a hostile name"
    names = [name for name in NAMES if "\0" not in name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (tmp_path / "in.zip").write_bytes(packed([(name, data + bytes([n])) for n, name in enumerate(names)]))
    (tmp_path / "loose").mkdir()
    loose = [name for name in names if "/" not in name and name not in {"..", "NUL", "__MACOSX"}]
    for number, name in enumerate(loose):
        (tmp_path / "loose" / name).write_bytes(data + bytes([number, 1]))
    bundle = str(whole.folder / "models/committee")
    command = ("screen", "in.zip", "loose", "--bundle", bundle, "--no-time", "--output", f"out.{suffix}")
    done = server.ask(tmp_path, "tests.faults.commands:facesift", command)
    assert done.code in {0, 2}, done.said
    counted = server.ask(tmp_path, "tests.faults.commands:count_rows", (f"out.{suffix}",))
    rows, images, lines = json.loads(counted.said)
    assert not list(tmp_path.parent.glob("out.png"))
    fine = rows == len(names) + len(loose) and images == rows
    tally.add(kind, "same" if fine else "silent", f"{suffix}: {rows} rows of {len(names) + len(loose)}", done.said)
    for _ in range(rows - 1):
        tally.add(kind, "same" if fine else "silent", suffix)
    assert suffix == "parquet" or lines == rows + (suffix == "csv")
    tally.check(kind)


def test_noise_is_refused_in_every_format(server, bomb, tally, tmp_path):
    """What begins like an image and goes on as noise."""
    kind = "a bomb among the images"
    for number, (bomb_kind, (name, _)) in enumerate(BOMBS.items()):
        if name.endswith(".zip"):
            continue
        arguments = (str(bomb(bomb_kind)), str(tmp_path / name), number)
        assert server.ask(tmp_path, "tests.faults.bombs:write_noise", arguments).code == 0
        arguments = (str(tmp_path / name), str(tmp_path / "rows.json"))
        done = server.ask(tmp_path, "tests.faults.commands:read_image", arguments, limit=60)
        rows = json.loads((tmp_path / "rows.json").read_text()) if done.code == 0 else []
        verdict = "refused" if rows and rows[0][1] else done.verdict(same=False)
        tally.add(kind, verdict, f"noise in {name}: {rows}", done.said)
    tally.check(kind)
