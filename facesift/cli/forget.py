"""`facesift forget`: lists what holds an image, and removes it (a person's right to erasure)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
        list[Path] | None, typer.Option(help="Another table to look into, such as one of `facesift screen`.")
    ] = None,
) -> None:
    """List everything in this project that holds an image or names it, and remove it with --remove."""
    from facesift.privacy.erasure import erase
    from facesift.privacy.holdings import find_holdings, group_of, id_of, stages_to_run

    root, wanted = Path(), id_of(image)
    group, found = group_of(root, wanted), list(find_holdings(root, wanted, tuple(also or [])))
    if any(each.sure for each in found):
        typer.echo("\n".join(map(_line, found)))
    else:
        typer.echo(f"{wanted}: nothing here holds it; look into the tables of `facesift screen` with --also")
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
    from facesift.privacy.holdings import remotes

    lines = ["", f"{'removed from' if removed else 'held by'} {len(found)} files"]
    if not removed:
        lines.append("--remove takes it out of them, but for remotes")
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
