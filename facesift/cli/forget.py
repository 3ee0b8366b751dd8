"""`facesift forget`: lists what holds an image, and removes it (a person's right to erasure)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted

if TYPE_CHECKING:
    from facesift.privacy.holdings import Holding

WORDS = {
    "raw": "the image", "answers": "a reviewer's answer", "output": "made by a stage", "table": "a row of it",
    "cache": "in DVC's cache", "remote": "in a remote",
}  # fmt: skip


def forget(
    image: Annotated[str, typer.Argument(help="Its id (column image_id), or a file with its bytes.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it. Without: only list what holds it.")] = False,
    also: Annotated[
        list[Path] | None, typer.Option(help="Another table to look into, or a folder of tables such as logs.")
    ] = None,
) -> None:
    """List everything in this project that holds an image or names it, and remove it with --remove."""
    from facesift.privacy.erasure import erase
    from facesift.privacy.holdings import find_holdings, group_of, id_of, places, stages_to_run

    root, wanted = Path(), id_of(image)
    tables = tuple(also or [])
    if missing := [path for path in tables if not path.exists()]:
        raise FacesiftError(f"--also {missing[0]}: no such file or folder")
    group, found = group_of(root, wanted), list(find_holdings(root, wanted, tables))
    typer.echo(f"looked into: {', '.join(places(root, tables))}")
    if any(each.sure for each in found):
        typer.echo("\n".join(map(_line, found)))
    else:
        typer.echo(f"{wanted}: nothing there holds it; --also looks into tables and logs elsewhere")
        return
    stages = stages_to_run(root, found)
    left = [erase(each, wanted) for each in found] if remove else []
    for line in _advice(root, found, stages, group, removed=remove):
        typer.echo(line)
    for line in filter(None, left):
        typer.echo(f"by hand: {line}")


def _line(holding: Holding) -> str:
    inside = f", {holding.inside}" if holding.inside else ""
    return f"{holding.path}{inside}: {WORDS[holding.kind] if holding.sure else 'may show it'}"


def _advice(
    root: Path, found: Sequence[Holding], stages: Sequence[str], group: Sequence[str], *, removed: bool
) -> list[str]:
    """Say what is to be done besides."""
    from facesift.privacy.holdings import LOGS, remotes

    lines = ["", f"{'removed from' if removed else 'held by'} {counted(len(found), 'file')}"]
    if not removed:
        lines.append("--remove takes it out of them, but for remotes")
    if logs := [each for each in found if each.path.is_relative_to(root / LOGS)]:
        running = "restart" if removed else "stop"
        lines.append(f"{running} a service that writes to {logs[0].path.parent}: it holds its log open")
    if group:
        lines.append(f"images of the same group, perhaps of the same person: {', '.join(group)}")
    if any(each.kind == "raw" for each in found):
        lines.append("if data/raw is under DVC, then: dvc add data/raw/NAME; git add data/raw/NAME.dvc")
    if stages:
        lines.append(
            f"then `dvc repro`: it runs {', '.join(stages)}. Weights that have seen the image are trained anew"
        )
    lines += [f"remote {url} may hold it until: dvc push; dvc gc --workspace --cloud" for url in remotes(root)]
    lines.append("git keeps former versions of answers and figures (ids, no images): git filter-repo removes those")
    lines.append("backups, copies elsewhere and bundles given away are not known here")
    return lines
