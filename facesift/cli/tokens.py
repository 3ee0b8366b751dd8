"""`facesift tokens`: creates, lists and revokes the tokens of the service's clients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facesift.cli.commands import CommandGroup

tokens = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, help="Create, list and revoke the tokens of the service's clients."
)
FILE = typer.Option(help="File of the tokens' hashes.")
DEFAULT = Path("tokens.json")


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the client; it stands in the decision log.")],
    file: Annotated[Path, FILE] = DEFAULT,
    scope: Annotated[str, typer.Option(help="decide, metrics.")] = "decide",
) -> None:
    """Print a new token; the file holds its hash alone. A running service accepts it at once."""
    from facesift.core.errors import FacesiftError
    from facesift.service.tokens import SCOPES, create_token

    chosen = next((each for each in SCOPES if each == scope), None)
    if chosen is None:
        raise FacesiftError(f"--scope {scope!r} is none; there are {', '.join(SCOPES)}")
    typer.echo(create_token(file, name, chosen))


@tokens.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Name of the client.")],
    file: Annotated[Path, FILE] = DEFAULT,
    before: Annotated[
        str | None, typer.Option(help="Revoke those alone that are older: 2026-11-27T00:00:00Z.", show_default="all")
    ] = None,
) -> None:
    """Revoke a client's tokens. A running service refuses them at once."""
    from facesift.service.tokens import revoke_tokens

    typer.echo(f"{revoke_tokens(file, name, before=before)} revoked")


@tokens.command("list")
def list_tokens(file: Annotated[Path, FILE] = DEFAULT) -> None:
    """Name the tokens: client, what for, when created."""
    from facesift.service.tokens import read_tokens

    for each in read_tokens(file):
        typer.echo(f"{each.name}  {each.scope}  {each.created}  {each.sha256[:12]}")
