"""`facesift results`: the result table of the last `dvc repro`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def results(
    metrics: Annotated[Path, typer.Argument(help="Folder that the vote stage wrote.")] = Path("metrics"),
    *,
    short: Annotated[
        bool, typer.Option("--short", help="Print the rules alone, what the one in force did, and what to do next.")
    ] = False,
) -> None:
    """Print the result table of the last `dvc repro`."""
    if short:
        from facesift.config.params import load_params
        from facesift.core.files import read_json
        from facesift.evaluation.short_table import print_short

        print_short(load_params().vote.rule, read_json(metrics / "vote.json")["test"], None)
        return
    from facesift.evaluation.results_table import print_results

    print_results(metrics)
