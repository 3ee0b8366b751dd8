"""`facesift verify`: reads every byte of bundles, tables, shards and answers, and names what is damaged."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from facesift.core.errors import FacesiftError, for_terminal
from facesift.core.formatting import counted


def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Bundles, tables (.parquet; .csv and .jsonl with .sha256), folders of shards, answers (.csv).",
            show_default="the bundle",
        ),
    ] = None,
) -> None:
    """Compare files with the SHA-256 that they carry, and name each damaged one.

    In a clone, `make check` also compares everything with dvc.lock, and looks into DVC's cache.

    Exit status: 0 all good, 1 something is damaged or cannot be checked.
    """
    good, bad = 0, 0
    for check in _checks(paths or [Path("models/committee")]):
        try:
            typer.echo(check())
            good += 1
        except FacesiftError as error:
            typer.echo(for_terminal(f"error: {error}"), err=True)
            bad += 1
    typer.echo(f"{good} good, {bad} not")
    sys.exit(int(bad > 0))


def _checks(paths: list[Path]) -> Iterator[Callable[[], str]]:
    """Yield a check for each path; it returns what it found good."""
    from functools import partial

    for path in paths:
        if not path.is_dir():
            yield partial(_check_file, path)
        elif (path / "index.json").is_file():
            yield partial(_check_shards, path)
        else:
            yield partial(_check_bundle, path)


def _check_bundle(folder: Path) -> str:
    from facesift.bundle.card import bundle_hash, read_card, verify_files

    card = read_card(folder)
    verify_files(folder, card)
    return (
        f"{folder}: bundle {bundle_hash(folder)} of study {card.study}, with all its {counted(len(card.files), 'file')}"
    )


def _check_shards(folder: Path) -> str:
    from facesift.shards.reading import ShardFolder

    shards = ShardFolder(folder)
    for shard in range(len(shards.sizes)):
        shards.labels(shard)
    return f"{folder}: {counted(len(shards.sizes), 'shard')} of {counted(shards.images, 'image')}"


def _check_file(path: Path) -> str:
    from facesift.core.checksum_file import check_checksum
    from facesift.core.table_digest import check_table
    from facesift.datasets.review_files import read_answers

    if path.suffix == ".parquet":
        check_table(path)
        return f"{path}: table"
    if check_checksum(path):
        return f"{path}: table of decisions"
    if path.suffix == ".csv":
        answers, problems = read_answers(path)
        if problems:
            raise FacesiftError("\n".join(problems))
        return f"{path}: {counted(len(answers), 'answer')}"
    raise FacesiftError(f"{path}: not there, or of a kind that carries no SHA-256; `make check` compares with dvc.lock")
