"""The command `facesift`: registers all commands."""

from __future__ import annotations

from typing import Annotated

import typer

from facesift.cli.bench import bench
from facesift.cli.bundle_help import BundleCommand
from facesift.cli.commands import CommandGroup
from facesift.cli.drift import drift
from facesift.cli.explain import explain
from facesift.cli.forget import forget
from facesift.cli.inspect import inspect
from facesift.cli.results import results
from facesift.cli.review import review
from facesift.cli.screen import screen
from facesift.cli.serve import serve
from facesift.cli.study import study
from facesift.cli.tokens import tokens
from facesift.cli.verify import verify
from facesift.cli.weights import weights

app = typer.Typer(cls=CommandGroup, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"facesift {version('facesift')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find the few photoshopped faces among very many real ones."""


app.command()(inspect)
app.command()(results)
app.command()(drift)
app.command()(review)
app.command(cls=BundleCommand)(screen)
app.command()(serve)
app.add_typer(tokens, name="tokens")
app.command()(explain)
app.command()(bench)
app.command()(study)
app.command()(weights)
app.command()(verify)
app.command()(forget)


if __name__ == "__main__":
    app()
