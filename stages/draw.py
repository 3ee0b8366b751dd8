"""Draw an example data set of portraits: `python -m stages.draw NAME`."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.errors import FacesiftError
from facesift.portraits.dataset import write_portraits


def main(params: Params, name: str) -> None:
    """Write `data/raw/NAME/NAME.zip`, in the layout of the RFF download, from the parameters `drawn.NAME`."""
    if name not in params.drawn:
        raise FacesiftError(f"drawn.{name}: no such data set in params.yaml; there are {list(params.drawn)}")
    spec, output = params.drawn[name], Path("data/raw") / name / f"{name}.zip"
    columns = (TextColumn("drawing portraits"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("", total=spec.real + spec.fake)
        written = write_portraits(output, spec, params.parallel.workers, lambda: progress.advance(task))
    print(f"{output}: {written.real:,} real and {written.fake:,} fake portraits, {written.size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
