"""Reads files inside tars that are not compressed, such as the shards of WebDataset; they are not unpacked."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from facesift.core.errors import FacesiftError
from facesift.images.bad_image import BadImage
from facesift.images.formats import what_else
from facesift.images.leftovers import FOLDER_ENTRY, leftover, parts_of
from facesift.images.zips import check_size


class Member(NamedTuple):
    """Where the bytes of a file are in its tar.

    Attributes:
        start: first byte.
        size: bytes.
        refused: why it cannot be read; "" for a plain file.
    """

    start: int
    size: int
    refused: str


def is_tar(path: str) -> bool:
    """Whether the name is that of a tar without compression."""
    return path.casefold().endswith(".tar")


def list_members(tar_path: Path, passed: Counter[str] | None = None) -> list[str]:
    """List the files inside a tar.

    Args:
        tar_path: the tar.
        passed: counts what is left out, by kind: folder entries and leftovers of file managers.

    Returns:
        Sorted names; links and other entries that are no plain files among them.

    Raises:
        FacesiftError: when the tar is damaged, compressed or cannot be read.
    """
    passed = Counter() if passed is None else passed
    index, folders = _index(tar_path)
    if folders:
        passed[FOLDER_ENTRY] += folders
    names = []
    for name in index:
        if kind := leftover(name):
            passed[kind] += 1
        else:
            names.append(name)
    return sorted(names)


def read_member(tar_path: Path, name: str, max_bytes: int | None) -> bytes:
    """Read one file inside a tar.

    Args:
        tar_path: the tar.
        name: as `list_members` gives it.
        max_bytes: largest size; None: any.

    Raises:
        BadImage: when the file is missing, no plain file, cut off or too large.
        FacesiftError: when the whole tar is damaged.
    """
    member = _index(tar_path)[0].get(name)
    if member is None:
        raise BadImage("no longer in its tar file")
    if member.refused:
        raise BadImage(member.refused)
    check_size(member.size, max_bytes)
    with tar_path.open("rb") as file:
        file.seek(member.start)
        data = file.read(member.size)
    if len(data) != member.size:
        raise BadImage(f"damaged in its tar file: {member.size} bytes expected, {len(data)} found")
    return data


def _index(path: Path) -> tuple[dict[str, Member], int]:
    """Read the headers of a tar once per process."""
    try:
        status = path.stat()
        return _read_index(path, (os.getpid(), status.st_ino, status.st_size, status.st_mtime_ns))
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        why = f"not a readable tar file without compression ({error}); download it again, unpack or remove it"
        raise FacesiftError(f"{path}: {what_else(path) or why}") from error


@lru_cache(maxsize=64)
def _read_index(path: Path, _version: tuple[int, ...]) -> tuple[dict[str, Member], int]:
    index: dict[str, Member] = {}
    folders = 0
    with tarfile.open(path, "r:") as archive:
        while (entry := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every header
            if entry.isdir():
                folders += 1
            else:
                why = _refused(entry) if entry.name not in index else "several files of its tar file have this name"
                index[entry.name] = Member(entry.offset_data, entry.size, why)
    return index, folders


def _refused(entry: tarfile.TarInfo) -> str:
    if ".." in parts_of(entry.name):
        return "its name in the tar file leads to another folder (..): pack it again without"
    if not entry.isreg() or entry.issparse() or entry.size < 0:
        return "a link, a device or a sparse file in its tar file: pack it again as a plain file"
    return ""
