"""The command line `facesift`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facesift.errors import FacesiftError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Find the few photoshopped faces among very many real ones."""


@app.command()
def results(metrics: Annotated[Path, typer.Argument(help="what the vote stage wrote")] = Path("metrics")) -> None:
    """Print the result table of the last `dvc repro`."""
    from facesift.committee.results import print_results  # noqa: PLC0415

    try:
        print_results(metrics)
    except FacesiftError as error:
        sys.exit(f"error: {error}")
