"""Reads lists of paths, one a line or with a NUL byte behind each, as programs of all systems write them."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from facesift.core.errors import FacesiftError

LINE = 16  # bytes; so many names of one letter, a line end among them, are no list
CHUNK = 1 << 16  # bytes that are read at a time, at most
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
# Which of the first four bytes are zero in a list that begins with English letters, a dot or a slash.
ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be",
}  # fmt: skip


def read_list(stream: BinaryIO, *, null: bool = False) -> Iterator[str]:
    """Yield the paths of a list, each as soon as it is there.

    A byte order mark is no part of the first path. UTF-16, as PowerShell writes it, and UTF-32 are recognised by their
    mark, or by the zero bytes of their first letters. Lines may end in any way. Empty lines are no paths.

    Args:
        stream: the list.
        null: a NUL byte is behind each path, as `find -print0` writes it; then a path may have line ends in it.

    Yields:
        Paths, as the operating system's functions take them.

    Raises:
        FacesiftError: for NUL bytes where lines are expected, and for UTF-16 and UTF-32 where NUL bytes are.
    """
    end, rest = (b"\0" if null else b"\n"), b""
    for chunk in _as_bytes(_chunks(stream, null=null), null=null):
        *whole, rest = (rest + chunk).split(end)
        for path in whole:
            yield from _paths(path, null=null)
    yield from _paths(rest, null=null)


def _chunks(stream: BinaryIO, *, null: bool) -> Iterator[bytes]:
    """Yield a line at a time, or what is there, without waiting for more; the first has four bytes or a whole line."""
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read) if null else stream.readline
    first = b""
    while len(first) < 4 and b"\n" not in first and (chunk := read(CHUNK)):
        first += chunk
    yield first
    while chunk := read(CHUNK):
        yield chunk


def _as_bytes(chunks: Iterator[bytes], *, null: bool) -> Iterator[bytes]:
    """Yield a text as UTF-8 without a mark, if it is UTF-16, UTF-32 or has a mark; else as it is."""
    first = next(chunks)
    encoding = _wide_encoding(first)
    if encoding and null and _is_text(first, encoding):
        raise FacesiftError(
            f"the list of paths is {encoding.upper()[:6]} text, and -0 is for paths as `find -print0` writes them: "
            "leave -0 out"
        )
    encoding = None if null else encoding
    if encoding is None:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).removeprefix("\ufeff").encode("utf-8", "replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode()


def _wide_encoding(first: bytes) -> str | None:
    """Return the encoding of a list in UTF-16 or UTF-32; None for any other."""
    marked = next((name for mark, name in MARKS if first.startswith(mark)), None)
    zeros = tuple(not byte for byte in first[:4])
    return marked or ZEROS.get(zeros)


def _is_text(first: bytes, encoding: str) -> bool:
    """Tell lines of UTF-16 or UTF-32 from names of one letter with a NUL byte behind each."""
    marked = any(first.startswith(mark) for mark, _ in MARKS)
    return marked or (len(first) >= LINE and "\n" in first.decode(encoding, "replace"))


def _paths(line: bytes, *, null: bool) -> Iterator[str]:
    whole = null or b"\r" not in line or os.path.lexists(line)
    # CR is of CRLF, or of a list whose lines end in CR alone.
    for path in filter(None, [line] if whole else line.split(b"\r")):
        if not null and b"\0" in path:
            raise FacesiftError("the list of paths has NUL bytes, as `find -print0` writes them: add -0")
        yield os.fsdecode(path)
