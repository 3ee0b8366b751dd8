"""Read, check and hash every raw image: `python -m stages.ingest`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from facesift.data.label_tables import make_layouts
from facesift.data.layouts import Layout
from facesift.data.manifest import Manifest, Survey, assemble, check_quarantine, examine, summary, survey
from facesift.errors import FacesiftError
from facesift.params import Params
from facesift.storage import write_csv, write_json, write_parquet
from stages.entry import run

MANIFEST = Path("data/manifest.parquet")
QUARANTINE = Path("data/quarantine.csv")
METRICS = Path("metrics/ingest.json")


def _read(raw: Path, layouts: Mapping[str, Layout], found: Survey, params: Params) -> Manifest:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("images", total=found.claimed)

        def advance(files: int) -> None:
            progress.advance(bar, files)

        return assemble(examine(raw, layouts, params.ingest, params.jobs, advance))


def main(params: Params) -> None:
    """Read `data/raw/<data.raw>`; write `data/manifest.parquet`, `data/quarantine.csv` and `metrics/ingest.json`."""
    raw = Path("data/raw") / params.data.raw
    layouts = make_layouts(raw, params.data.sources, params.class_names.names)
    found = survey(raw, layouts)
    if found.ignored:
        print(f"{found.ignored} files belong to no source of data.sources and are ignored, such as {found.example}")
    manifest = _read(raw, layouts, found, params)
    check_quarantine(manifest.quarantine, found.claimed, params.ingest)
    if manifest.images.is_empty():
        raise FacesiftError(f"{raw}: none of {found.claimed} files is usable; lower ingest.max_bad_fraction to see why")
    write_parquet(MANIFEST, manifest.images)
    write_csv(QUARANTINE, manifest.quarantine)
    write_json(METRICS, summary(manifest, found.ignored))
    print(f"{manifest.images.height} images, {manifest.exact_duplicates} further copies dropped,", end=" ")
    print(f"{manifest.quarantine.height} files in {QUARANTINE}")


if __name__ == "__main__":
    run(main)
