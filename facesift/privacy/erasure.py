"""Removes an image from what holds it: raw files, answers, outputs, DVC's cache and tables of decisions."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from facesift.core.checksum_file import checksum_file, write_checksum
from facesift.core.files import read_parquet, whole_file, write_parquet
from facesift.privacy.holdings import Holding

LINES = {".csv", ".jsonl", ".ndjson"}


def erase(holding: Holding, wanted: str) -> str:
    """Remove an image from one thing that holds it.

    Files that stages made are removed as a whole: `dvc repro` makes them again.

    Args:
        holding: as `find_holdings` found it.
        wanted: id of the image.

    Returns:
        What is left to do by hand; "" if nothing is.
    """
    path = holding.path
    if holding.kind == "remote":
        return f"{path}: delete it, and no other version of it is needed: `dvc gc --workspace --cloud`"
    if holding.inside:
        return _erase_entry(path, holding.inside)
    if holding.kind == "answers" or (holding.kind == "table" and path.suffix in LINES):
        _erase_lines(path, wanted)
    elif holding.kind == "table":
        write_parquet(path, read_parquet(path).filter(pl.col("image_id") != wanted))
    else:
        path.unlink()
    return ""


def _erase_lines(path: Path, wanted: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    with whole_file(path, private=True) as part:
        part.write_bytes(b"".join(line for line in lines if wanted.encode() not in line))
    if checksum_file(path).is_file():
        write_checksum(path)


def _erase_entry(path: Path, name: str) -> str:
    """Write a zip again without one of its files; the others keep their bytes and their order."""
    with zipfile.ZipFile(path) as archive:
        if name not in archive.namelist():
            return f"{path}: {name} is in a zip inside of it: take it out by hand"
        with whole_file(path, private=True) as part, zipfile.ZipFile(part, "w") as kept:
            for entry in archive.infolist():
                if entry.filename != name:
                    kept.writestr(entry, archive.read(entry))
    return ""
