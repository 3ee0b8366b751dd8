"""`facesift explain`: retells one decision of a decisions table in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER


def explain(
    image_id: Annotated[str, typer.Argument(help="Its id (column image_id), its name, or the end of its name.")],
    decisions: Annotated[Path, typer.Option(help="Table that `facesift screen` wrote: .csv, .jsonl, .parquet.")],
    bundle: Annotated[Path, typer.Option(help=BUNDLE)] = BUNDLE_FOLDER,
) -> None:
    """Retell one decision: when, by which bundle, votes, rule, probability, and what would have changed it."""
    from facesift.screening.decision_explanation import explain_decision

    for line in explain_decision(decisions, image_id, bundle):
        typer.echo(line)
