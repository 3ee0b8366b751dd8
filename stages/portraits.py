"""Draw the embedded face set: params `portraits` -> `data/raw/portraits/portraits.zip` in the RFF layout."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facesift.config.params import Params
from facesift.portraits.dataset import write_portraits
from stages.entry import run

OUTPUT = Path("data/raw/portraits/portraits.zip")


def main(params: Params) -> None:
    """Write the zip and say what is in it."""
    columns = (TextColumn("drawing portraits"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("", total=params.portraits.real + params.portraits.fake)
        written = write_portraits(OUTPUT, params.portraits, params.parallel.workers, lambda: progress.advance(task))
    print(f"{OUTPUT}: {written.real:,} real and {written.fake:,} fake portraits, {written.size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
