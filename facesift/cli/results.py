"""`facesift results`: the result table of the last `dvc repro`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def results(
    metrics: Annotated[Path, typer.Argument(help="Folder that the vote stage wrote.")] = Path("metrics"),
) -> None:
    """Print the result table of the last `dvc repro`."""
    from facesift.evaluation.results_table import print_results

    print_results(metrics)
