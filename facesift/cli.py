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


@app.command()
def drift(
    bundle: Annotated[Path, typer.Argument(help="folder that the export stage wrote")],
    decisions: Annotated[Path, typer.Argument(help="table that `facesift screen` wrote: .csv, .jsonl or .parquet")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Say whether a stream of images is still the one that the committee was measured on.

    Exit status: 0 stable or watch, 3 recalibrate, 1 a mistake.
    """
    from facesift.committee.drift import compare_file  # noqa: PLC0415
    from facesift.committee.drift_table import print_drift, print_json  # noqa: PLC0415
    from facesift.committee.drift_verdict import RECALIBRATE  # noqa: PLC0415

    try:
        report = compare_file(bundle, decisions)
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    (print_json if as_json else print_drift)(report)
    sys.exit(3 if report["verdict"]["state"] == RECALIBRATE else 0)


if __name__ == "__main__":
    app()
