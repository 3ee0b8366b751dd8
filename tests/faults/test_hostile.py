"""Bombs of each format and kind of zip, and hostile names: bounded time and memory, a reason, and no row too few."""

import io
import json
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.images.test_zips import headers, packed

SECONDS, MEGABYTES = 20.0, 900
WHITE = (9000, 9000)


def saved(kind, size=(3000, 3000), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *more, rows=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def gif(frames, width=65535, height=65535):
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\0"
    return screen + frame * frames + b";"


def tiff(width, height):
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each[:2], 1, each[2]) for each in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + bytes(4)


def jp2(width, height):
    siz = struct.pack(">HHHIIIIIIIIH", 0xFF51, 47, 0, width, height, 0, 0, width, height, 0, 0, 3) + b"\x07\x01\x01" * 3
    return b"\xff\x4f" + siz + b"\xff\x52\x00\x0c" + bytes(10) + b"\xff\xd9"


def bmp_rle(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 4, 0, 0, 2, 0) + bytes(8)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + 4, 0, 0, 14 + len(head)) + head + b"\0\1\0\1"


def nested_zips(depth):
    data = packed([("a.png", saved("PNG"))], zipfile.ZIP_DEFLATED)
    for _ in range(depth):
        data = packed([(f"{number}.zip", data) for number in range(4)], zipfile.ZIP_DEFLATED)
    return data


def overlapping_zip(entries=2000):
    """All entries share one compressed stream (Fifield, 2019)."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = kernel.compress(bytes(1 << 22)) + kernel.flush()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, 0, len(data), 1 << 22, 5, 0) + b"a.png"
    central = b"".join(
        struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, len(data), 1 << 22, 9, 0, 0, 0, 0, 0, 0)
        + b"%05d.png" % number
        for number in range(entries)
    )
    start = len(local) + len(data)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, entries, entries, len(central), start, 0)
    return local + data + central + end


def lying_zip(method, real, said):
    def make(room):
        path = room / "lies.zip"
        path.write_bytes(packed([("a.png", bytes(real))], method))
        headers(path, "size", said)
        return path.read_bytes()

    return make


BOMBS = {
    "png of many pixels": ("a.png", png(60_000, 60_000)),
    "png whose rows go on": ("a.png", png(4000, 4000, rows=bytes(300_000_000))),
    "png with a large comment": ("a.png", png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000))))),
    "png with a large profile": ("a.png", png(8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200_000_000))))),
    "png of white": ("a.png", saved("PNG", WHITE)),
    "gif of many pixels": ("a.gif", gif(1)),
    "gif of many frames": ("a.gif", gif(100_000, 64, 64)),
    "tiff of many pixels": ("a.tif", tiff(60_000, 60_000)),
    "tiff that claims pixels": ("a.tif", tiff(7000, 7000)),
    "webp of white": ("a.webp", saved("WEBP", WHITE, quality=1)),
    "jpeg of white": ("a.jpg", saved("JPEG", (30_000, 30_000))),
    "jpeg 2000 that claims pixels": ("a.jp2", jp2(7000, 7000)),
    "jpeg 2000 of many pixels": ("a.jp2", jp2(60_000, 60_000)),
    "bmp, run-length coded": ("a.bmp", bmp_rle(7000, 7000)),
    "ppm in plain text": ("a.ppm", b"P3\n4000 4000\n255\n" + b"255 " * 200_000),
    "ppm of comments": ("a.ppm", b"P3\n" + b"#\n" * 2_000_000 + b"8 8\n255\n" + b"1 " * 192),
    "ppm that claims pixels": ("a.ppm", b"P6\n60000 60000\n255\n"),
    "zip that lies, deflate": ("lies.zip", lying_zip(8, 400_000_000, 1000)),
    "zip that lies, bzip2": ("lies.zip", lying_zip(12, 400_000_000, 1000)),
    "zip that lies, lzma": ("lies.zip", lying_zip(14, 100_000_000, 1000)),
    "zip that shrank too much": ("a.zip", packed([("a.png", bytes(40_000_000))], zipfile.ZIP_DEFLATED)),
    "zip whose entries overlap": ("a.zip", overlapping_zip()),
    "zips in zips in zips": ("a.zip", nested_zips(4)),
    "a zip in a zip whose entries overlap": ("a.zip", packed([("b.zip", overlapping_zip())], zipfile.ZIP_STORED)),
    "zip of many empty entries": ("a.zip", packed([(f"{number}.png", b"") for number in range(20_000)])),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_bounded_time_and_memory(server, tally, tmp_path, kind):
    name, content = BOMBS[kind]
    data = content(tmp_path) if callable(content) else content
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    done = server.ask(
        tmp_path, "tests.faults.commands:read_image", (str(tmp_path / "in" / name), str(tmp_path / "rows.json")),
        fault=("more_memory", MEGABYTES), limit=SECONDS * 6,
    )  # fmt: skip
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


def test_noise_is_refused_in_every_format(server, tally, tmp_path):
    """What begins like an image and goes on as noise."""
    rng, kind = np.random.default_rng(2), "a bomb among the images"
    for name, content in BOMBS.values():
        if callable(content) or name.endswith(".zip"):
            continue
        (tmp_path / name).write_bytes(content[:24] + rng.bytes(3000))
        arguments = (str(tmp_path / name), str(tmp_path / "rows.json"))
        done = server.ask(tmp_path, "tests.faults.commands:read_image", arguments, limit=60)
        rows = json.loads((tmp_path / "rows.json").read_text()) if done.code == 0 else []
        verdict = "refused" if rows and rows[0][1] else done.verdict(same=False)
        tally.add(kind, verdict, f"noise in {name}: {rows}", done.said)
    tally.check(kind)
