"""Paths as people and programs write them: separators, endings, case, accents, encodings of zips, globs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from facesift.images.archives import LOOSE, RawFile
from facesift.images.leftovers import parts_of

# Endings that a table may have or lack, or that differ there from those on the disk.
ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp", ".dib", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx", ".jxl", ".mpo", ".dng",
)  # fmt: skip
CONTAINERS = (".zip", ".tar", ".parquet")
# A zip that does not say its names are UTF-8 has them in the encoding of the system where it was made, and Python reads
# them as cp437: which encodings they may be in.
ZIP_ENCODINGS = ("utf-8", "cp850", "cp1252", "cp852", "cp1250", "cp866", "cp1251", "cp932", "gbk", "euc-kr", "big5")
_ADDRESS = re.compile(r"(?:https?|file|s3|gs)://[^/]*/", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
# Marks without a width: direction, soft hyphen, byte order; `Cf` of Unicode, as far as names have them.
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def key(name: str) -> str:
    r"""Return what names have in common that look the same but for case.

    They may differ in composed and decomposed accents, in blanks around them and in marks that nobody sees.

    >>> key("E\u0301tat.PNG") == key("\u00e9tat.png"), key("Real \u200e") == key("real")
    (True, True)
    """
    if name.isascii():
        return name.casefold().strip()
    plain = unicodedata.normalize("NFC", _UNSEEN.sub("", name)).casefold()
    return unicodedata.normalize("NFC", plain).strip()


def without_ending(name: str) -> str:
    """Return a name without the ending of an image, in any case.

    >>> without_ending("anna.smith.JPG"), without_ending("anna.smith")
    ('anna.smith', 'anna.smith')
    """
    ending = PurePosixPath(name).suffix
    return name[: -len(ending)] if ending.casefold() in ENDINGS else name


def plain_parts(path: str) -> tuple[str, ...]:
    r"""Split a path as a table has it, without drive, leading slash and `.`; `..` takes the folder before it away.

    >>> plain_parts(".\\images\\1.png"), plain_parts("C:\\me\\x/../1.png"), plain_parts("../images/1.png")
    (('images', '1.png'), ('me', '1.png'), ('images', '1.png'))
    >>> plain_parts("D:images\\1.png")  # relative to the folder that Windows is in on that drive
    ('images', '1.png')
    >>> plain_parts("https://example.org/my%20set/1.png?size=2")
    ('my set', '1.png')
    """
    parts: list[str] = []
    path = path.strip()
    if address := _ADDRESS.match(path):
        path = unquote(re.split(r"[?#]", path[address.end() :], maxsplit=1)[0])
    if "\\" in path:
        path = _DRIVE.sub("", path, count=1) if _DRIVE.match(path) else path
    for number, part in enumerate(parts_of(path)):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", ".") and not (number == 0 and _DRIVE.fullmatch(part)):
            parts.append(part)
    return tuple(parts)


def full_path(file: RawFile) -> str:
    """Return the path of a file with that of its container before it, with slashes alone."""
    path = file.path.replace("\\", "/")  # some Windows programs write backslashes into zips
    return path if file.container == LOOSE else f"{file.container}/{path}"


def unescaped_parts(path: str) -> tuple[str, ...]:
    """Split a path in which a program wrote blanks and other letters as in an address; `()` for any other path.

    >>> unescaped_parts("upload/my%20face.png"), unescaped_parts("50%.png")
    (('upload', 'my face.png'), ())
    """
    plain = unquote(path)
    return () if plain == path else plain_parts(plain)


def folder_parts(path: str) -> tuple[tuple[str, ...], str]:
    """Split a path into its folders and its name. Zips and tars are folders of their name without the ending.

    >>> folder_parts("set/real.zip/1.png")
    (('set', 'real'), '1.png')
    """
    *folders, name = parts_of(path)
    return tuple(unpacked(folder) for folder in folders if folder not in ("", ".")), name


def unpacked(folder: str) -> str:
    """Return the name of a zip, tar or Parquet file without its ending; that of any other folder as it is."""
    ending = folder[folder.rfind(".") :] if "." in folder else ""
    return folder[: -len(ending)] if ending.casefold() in CONTAINERS and len(ending) < len(folder) else folder


def spellings(path: str) -> Iterator[str]:
    r"""Yield a path, and what it may have been called before a zip or a disk garbled its accents.

    >>> "\u00e9.png" in spellings("\u251c\u2310.png")  # UTF-8 that was read as cp437
    True
    """
    yield path
    if path.isascii():
        return
    # Names in zips; names that a program unpacked as if they were Windows' own; names on a disk that are not UTF-8.
    surrogates = any("\udc80" <= letter <= "\udcff" for letter in path)
    once = {"cp437": ZIP_ENCODINGS, "cp1252": ("utf-8",), "latin-1": ("utf-8",)}
    ways = {"utf-8": ZIP_ENCODINGS} if surrogates else once
    for encoding, others in ways.items():
        try:
            data = path.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:
            continue
        for other in others:
            try:
                yield data.decode(other)
            except UnicodeDecodeError:
                continue


def spelled_paths(file: RawFile) -> Iterator[str]:
    """Yield the full path of a file as it is, then in each spelling that its container or itself may have had."""
    yield full_path(file)
    if file.container.isascii() and file.path.isascii():
        return
    inner = full_path(file._replace(container=LOOSE))
    if file.container == LOOSE:
        yield from spellings(inner)
        return
    yield from (f"{file.container}/{each}" for each in spellings(inner))
    yield from (f"{each}/{inner}" for each in spellings(file.container))


def is_in_folder(folders: Iterable[str], folder: str) -> bool:
    """Whether a folder is among those of a path; it may be written with folders above it.

    >>> is_in_folder(("set", "data", "images"), "Data/images"), is_in_folder(("images",), "data/images")
    (True, False)
    """
    return f"/{'/'.join(plain_parts(key(folder)))}/" in f"/{'/'.join(folders)}/"


def ends_as(path: str, name: str) -> bool:
    """Whether a path ends in a name, which may have `*` and folders before it.

    >>> ends_as("set/data/train.csv", "data/*.csv"), ends_as("set/train.csv", "data/*.csv")
    (True, False)
    """
    there, wanted = plain_parts(key(path)), plain_parts(key(name))
    pairs = zip(there[::-1], wanted[::-1], strict=False)
    return len(there) >= len(wanted) and all(fnmatchcase(part, glob) for part, glob in pairs)


def matching_glob(path: str, globs: Iterable[str]) -> str | None:
    """Return the first glob that matches a path, in any case; None if none does.

    Args:
        path: with slashes.
        globs: `*` and `?` stand for parts of a name, `**` for any folders; one without a slash is matched against each
            folder and the name; one with a slash at its end means all that is in the folder.

    >>> matching_glob("set/Masks/1.png", ["**/masks/**"]), matching_glob("a/masks/1.png", ["masks"])
    ('**/masks/**', 'masks')
    """
    folded = key(path)
    return next((glob for glob in globs if _matches(folded, key(glob))), None)


def _matches(path: str, glob: str) -> bool:
    if "/" not in glob and "\\" not in glob:
        return any(fnmatchcase(part, glob) for part in path.split("/"))
    return _expression(glob).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _expression(glob: str) -> re.Pattern[str]:
    words = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    glob = glob.replace("\\", "/").removeprefix("./").removeprefix("/")
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", f"{glob}**" if glob.endswith("/") else glob)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)
