"""Write the page that a person reads: `python -m stages.report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_csv, read_json, read_parquet, whole_file
from facesift.core.table_digest import check_table
from facesift.evaluation.seed_spread import FILE as SPREAD
from facesift.evaluation.seed_spread import is_of_study
from facesift.images.faces import FACE_COLUMNS
from facesift.report.assemble import PagePictures, ReportInputs, make_page
from facesift.report.cards import reproduction
from facesift.report.examples import examples_section, strips
from facesift.report.heat_pictures import HeatStudy, head_with_maps, heat_section
from facesift.report.page import PageSection, render
from facesift.shards.reading import ShardFolder

METRICS, DATA, MODELS, PAGE = Path("metrics"), Path("data"), Path("models"), Path("report/index.html")
FACTS = ["image_id", "container", "path"]
WINGS = ("core", "config", "images", "shards", "sampling", "networks", "evaluation", "report")  # as dvc.yaml names them
WRITTEN = {".py", ".html", ".js", ".css"}


def main(params: Params) -> None:
    """Read `metrics/`, the decisions and the test images; write `report/index.html`."""
    decisions = read_parquet(DATA / "decisions.parquet").filter(pl.col("split") == "test")
    named = decisions.join(read_parquet(DATA / "manifest.parquet", FACTS), on="image_id")
    shards = ShardFolder(DATA / "shards/test")
    examples = examples_section(named, shards, params.positive, params.report.examples)
    faces = strips(named, shards, params.positive)
    tables = [DATA / "manifest.parquet", DATA / "split.parquet"]
    for table in tables:
        check_table(table)  # the page says their hashes
    code = [path for wing in WINGS for path in sorted(Path("facesift", wing).rglob("*")) if path.suffix in WRITTEN]
    pictures = PagePictures(faces, examples, _heat_sections(params))
    page = make_page(_read_inputs(), params, pictures, reproduction(params, tables, code, Path()))
    with whole_file(PAGE, private=True) as part:
        part.write_text(render(page), encoding="utf-8", newline="\n")
    print(f"{page.headline}\n{PAGE}: open it in a browser")


def _heat_sections(params: Params) -> list[PageSection]:
    """Return the section of heat maps; none in a study without a head that can have them."""
    if head_with_maps(params) is None:
        return []
    facts = read_parquet(DATA / "manifest.parquet", [*FACTS, *FACE_COLUMNS])
    decided = read_parquet(DATA / "decisions.parquet").join(facts, on="image_id").sort("image_id")
    fake, held = pl.col("label") == params.positive, pl.col("split")
    caught = pl.col("decision").is_in([params.positive, "review"])
    test = decided.filter(fake & (held == "test"))
    fakes = {
        "Caught": test.filter(caught).head(params.report.examples),
        "Missed": test.filter(~caught).head(params.report.examples),
    }
    study = HeatStudy(params, MODELS, DATA / "scores", DATA / "raw" / params.data.raw)
    return [heat_section(study, fakes, decided.filter(~fake & (held == "val")))]


def _read_inputs() -> ReportInputs:
    names = (
        "ingest", "split", "vote", "voters", "within", "standard", "cross_fit", "leave_out", "audit", "operating",
        "robustness", "summary",
    )  # fmt: skip
    figures: dict[str, Any] = {name: read_json(METRICS / f"{name}.json") for name in names}
    plots = ("roc", "det", "precision_recall", "reliability")
    curves: dict[str, Any] = {name: read_csv(METRICS / f"plots/{name}.csv") for name in plots}
    path = METRICS / SPREAD
    measured = read_json(path) if path.is_file() else {}  # in git as {}; a folder without git has no such file
    current = bool(measured) and is_of_study(measured, yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")))
    return ReportInputs(**figures, **curves, stability=measured, stability_current=current)


if __name__ == "__main__":
    run(main)
