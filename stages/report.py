"""Write the page that a person reads: `python -m stages.report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.files import read_json, read_parquet, whole_file
from facesift.core.table_digest import check_table
from facesift.report.assemble import ReportInputs, make_page
from facesift.report.cards import reproduction
from facesift.report.examples import examples_section
from facesift.report.page import render
from facesift.shards.reading import ShardFolder

METRICS, DATA, PAGE = Path("metrics"), Path("data"), Path("report/index.html")
FACTS = ["image_id", "container", "path"]
WINGS, WRITTEN = (
    ("core", "config", "shards", "evaluation", "report"),
    {".py", ".html", ".js", ".css"},
)  # what dvc.yaml names


def main(params: Params) -> None:
    """Read `metrics/`, the decisions and the test images; write `report/index.html`."""
    decisions = read_parquet(DATA / "decisions.parquet").filter(pl.col("split") == "test")
    named = decisions.join(read_parquet(DATA / "manifest.parquet", FACTS), on="image_id")
    examples = examples_section(named, ShardFolder(DATA / "shards/test"), params.positive, params.report.examples)
    tables = [DATA / "manifest.parquet", DATA / "split.parquet"]
    for table in tables:
        check_table(table)  # the page says their hashes
    code = [path for wing in WINGS for path in sorted(Path("facesift", wing).rglob("*")) if path.suffix in WRITTEN]
    page = make_page(_read_inputs(), params, examples, reproduction(params, tables, code, Path()))
    with whole_file(PAGE, private=True) as part:
        part.write_text(render(page), encoding="utf-8", newline="\n")
    print(f"{page.headline}\n{PAGE}: open it in a browser")


def _read_inputs() -> ReportInputs:
    names = (
        "ingest", "split", "vote", "voters", "within", "standard", "cross_fit", "leave_out", "audit", "operating",
        "robustness",
    )  # fmt: skip
    figures: dict[str, Any] = {name: read_json(METRICS / f"{name}.json") for name in names}
    plots = ("roc", "det", "precision_recall", "reliability")
    curves: dict[str, Any] = {name: pl.read_csv(METRICS / f"plots/{name}.csv") for name in plots}
    return ReportInputs(**figures, **curves)


if __name__ == "__main__":
    run(main)
