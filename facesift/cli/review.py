"""`facesift review`: opens the reviewer's page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER, takes
from facesift.core.errors import FacesiftError


@dataclass(frozen=True)
class ReviewOptions:
    """What the user typed; the help texts say what each field means."""

    decisions: Annotated[
        Path, typer.Argument(help="Table that `facesift screen` wrote, or the pipeline's data/decisions.parquet.")
    ] = Path("data/decisions.parquet")
    reviewer: Annotated[str | None, typer.Option(help="Name of the reviewer.", show_default="your user name")] = None
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes any free port.")] = 8710
    images: Annotated[Path | None, typer.Option(help="Folder that relative file names start from.")] = None
    answers: Annotated[Path, typer.Option(help="Folder that the answers are written to.")] = Path("data/reviews")
    bundle: Annotated[Path, typer.Option(help=f"{BUNDLE} It gives the class names and the attribution maps.")] = (
        BUNDLE_FOLDER
    )
    everything: Annotated[bool, typer.Option("--all", help="Show all images, not only those decided `review`.")] = False
    label_errors: Annotated[
        bool, typer.Option("--label-errors", help="Show images of the study whose label its scores put in doubt.")
    ] = False
    part: Annotated[
        str | None, typer.Option(help="Show one part of the queue, such as 2/5; other reviewers take the others.")
    ] = None


@takes(ReviewOptions)
def review(options: ReviewOptions) -> None:
    """Show the images that need a person in the browser. Answers are added to a CSV file.

    Exit status: 0 also where no image needs a person, 1 an error that you can correct.
    """
    try:
        from facesift.review.queue import NothingToReview
        from facesift.review.server import ReviewRequest, run_review
    except ModuleNotFoundError as error:
        raise FacesiftError(f"{error.name} is not installed: type `pip install -e '.[review]'` in the clone") from error

    try:
        run_review(ReviewRequest(**vars(options)))
    except NothingToReview as done:
        typer.echo(f"nothing to review: {done}")
