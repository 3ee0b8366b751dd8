"""Text files in any encoding and with any line ends, copied as plain UTF-8 where a reader needs it so."""

from __future__ import annotations

import atexit
import codecs
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LOOK = 1 << 20  # bytes at both ends of a file that tell how it is stored
MARK = "\ufeff"
LINE_END = re.compile(r"\r\n|\r|\n")
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def find_encoding(head: bytes) -> tuple[str, int]:
    """Find the encoding of a text by its first bytes.

    Args:
        head: at least four bytes, if the text has so many.

    Returns:
        The name of the encoding, and how many bytes its mark has. Without a mark it is UTF-8, or UTF-16 where every
        second byte is zero, as in English text.

    >>> find_encoding("id".encode("utf-16-le")), find_encoding(b"id;label")
    (('utf-16-le', 0), ('utf-8', 0))
    """
    for mark, name in MARKS:
        if head.startswith(mark):
            return name, len(mark)
    if len(head) >= 4 and head[0] and head[2] and not head[1] and not head[3]:
        return "utf-16-le", 0
    if len(head) >= 4 and head[1] and head[3] and not head[0] and not head[2]:
        return "utf-16-be", 0
    return "utf-8", 0


@dataclass(frozen=True)
class TextForm:
    """How a text file is stored.

    Attributes:
        encoding: its encoding.
        mark: bytes of the mark that it begins with.
        carriage: whether a carriage return alone ends its lines.
        head: its first line that is not empty.
        last: what follows the last line end.
    """

    encoding: str
    mark: int
    carriage: bool
    head: str
    last: str

    @classmethod
    def of(cls, path: Path) -> TextForm:
        """Look at the first and the last megabyte of a file."""
        with path.open("rb") as file:
            first = file.read(LOOK)
            file.seek(max(0, path.stat().st_size - LOOK))
            end = file.read()
        encoding, mark = find_encoding(first)
        text = first[mark:].decode(encoding, "replace")
        head = next((line for line in LINE_END.split(text) if line.strip()), "")
        last = LINE_END.split(end.decode(encoding, "replace").removeprefix(MARK))[-1]
        return cls(encoding, mark, "\r" in text and "\n" not in text, head, last)


def plain_copy(path: Path, form: TextForm, *, whole_lines: bool = False) -> Path:
    """Write a file again as UTF-8 without a mark, with Unix line ends; the copy goes when the program ends.

    Args:
        path: the file.
        form: how it is stored.
        whole_lines: leave out what follows the last line end.

    Returns:
        The copy.

    Raises:
        UnicodeError: when the file is not in its encoding.
    """
    handle, name = tempfile.mkstemp(dir=_folder(), suffix=path.suffix)
    os.close(handle)
    with path.open(encoding=form.encoding) as source, Path(name).open("w", encoding="utf-8", newline="") as sink:
        first = source.read(1)
        sink.write(first if first != MARK else "")
        for line in source:  # whatever ends it, it ends in \n here
            if line.endswith("\n") or not whole_lines:
                sink.write(line)
    return Path(name)


@cache
def _folder() -> Path:
    """Return a folder that only this user may read, and that goes when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="facesift-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
