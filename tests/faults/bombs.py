"""Bombs: small files of each image format, and kind of zip, that would fill memory or time if they were believed.

They are made in a process of the server: an image of 30,000 x 30,000 pixels takes gigabytes while it is drawn.
"""

import io
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.images.test_zips import headers, packed

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


def inflating(kind):
    return chunk(kind, b"a\0\0" + zlib.compress(bytes(200_000_000)))


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
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "lies.zip"
        path.write_bytes(packed([("a.png", bytes(real))], method))
        headers(path, "size", said)
        return path.read_bytes()


BOMBS = {
    "png of many pixels": ("a.png", lambda: png(60_000, 60_000)),
    "png whose rows go on": ("a.png", lambda: png(4000, 4000, rows=bytes(300_000_000))),
    "png with a large comment": ("a.png", lambda: png(8, 8, inflating(b"zTXt"))),
    "png with a large profile": ("a.png", lambda: png(8, 8, inflating(b"iCCP"))),
    "png of white": ("a.png", lambda: saved("PNG", WHITE)),
    "gif of many pixels": ("a.gif", lambda: gif(1)),
    "gif of many frames": ("a.gif", lambda: gif(100_000, 64, 64)),
    "tiff of many pixels": ("a.tif", lambda: tiff(60_000, 60_000)),
    "tiff that claims pixels": ("a.tif", lambda: tiff(7000, 7000)),
    "webp of white": ("a.webp", lambda: saved("WEBP", WHITE, quality=1)),
    "jpeg of white": ("a.jpg", lambda: saved("JPEG", (30_000, 30_000))),
    "jpeg 2000 that claims pixels": ("a.jp2", lambda: jp2(7000, 7000)),
    "jpeg 2000 of many pixels": ("a.jp2", lambda: jp2(60_000, 60_000)),
    "bmp, run-length coded": ("a.bmp", lambda: bmp_rle(7000, 7000)),
    "ppm in plain text": ("a.ppm", lambda: b"P3\n4000 4000\n255\n" + b"255 " * 200_000),
    "ppm of comments": ("a.ppm", lambda: b"P3\n" + b"#\n" * 2_000_000 + b"8 8\n255\n" + b"1 " * 192),
    "ppm that claims pixels": ("a.ppm", lambda: b"P6\n60000 60000\n255\n"),
    "zip that lies, deflate": ("lies.zip", lambda: lying_zip(8, 400_000_000, 1000)),
    "zip that lies, bzip2": ("lies.zip", lambda: lying_zip(12, 400_000_000, 1000)),
    "zip that lies, lzma": ("lies.zip", lambda: lying_zip(14, 100_000_000, 1000)),
    "zip that shrank too much": ("a.zip", lambda: packed([("a.png", bytes(40_000_000))], zipfile.ZIP_DEFLATED)),
    "zip whose entries overlap": ("a.zip", overlapping_zip),
    "zips in zips in zips": ("a.zip", lambda: nested_zips(4)),
    "a zip in a zip whose entries overlap": ("a.zip", lambda: packed([("b.zip", overlapping_zip())])),
    "zip of many empty entries": ("a.zip", lambda: packed([(f"{number}.png", b"") for number in range(20_000)])),
}  # fmt: skip


def make_bomb(kind, path):
    """Write a bomb into a file."""
    Path(path).parent.mkdir()
    Path(path).write_bytes(BOMBS[kind][1]())


def write_noise(bomb, path, seed):
    """Write a file that begins like a bomb and goes on as noise."""
    Path(path).write_bytes(Path(bomb).read_bytes()[:24] + np.random.default_rng(seed).bytes(3000))
