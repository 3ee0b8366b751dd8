"""Fit the committee anew in folds; each judges the images it never saw: `python -m stages.cross_fit NAME`."""

from __future__ import annotations

from pathlib import Path

from facesift.committee.cross_fit import FeatureTable, cross_fit
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_json, write_parquet
from facesift.core.formatting import counted
from facesift.core.scores import STACKER, logit_columns, read_truth
from facesift.evaluation.attack_kinds import FACTS
from facesift.evaluation.cross_fit_report import report_cross_fit
from facesift.evaluation.results_table import share

DATA = Path("data")


def main(params: Params, name: str) -> None:
    """Read all features and `data/split.parquet`; write `data/figures/cross_fit/NAME.json` and `NAME.parquet`."""
    if name not in params.evaluation.cross_fit:
        known = ", ".join(params.evaluation.cross_fit) or "none"
        raise FacesiftError(f"evaluation.cross_fit.{name}: not in params.yaml; there are {known}")
    inputs = sorted({params.members[member].input for member in params.voting})
    tables = {each: FeatureTable.read(DATA / each) for each in inputs}
    truth = read_truth(DATA / "split.parquet").sort("image_id")
    fitted = cross_fit(tables, truth, params, params.evaluation.cross_fit[name])
    facts = read_parquet(DATA / "manifest.parquet", ["image_id", *FACTS])
    report = report_cross_fit(fitted, facts)
    write_json(DATA / f"figures/cross_fit/{name}.json", report)
    columns = zip(logit_columns(params.classes), fitted.held.logits[STACKER].T, strict=True)
    scores = fitted.held.images.select("image_id").with_columns(**dict(columns))  # `facesift review --label-errors`
    write_parquet(DATA / f"figures/cross_fit/{name}.parquet", scores)
    stacker, rule = report["voters"][STACKER], report["rules"][params.vote.rule]
    low, high = stacker["auc_interval"]
    print(
        f"{counted(report['images'], 'image')}, {report['fakes']:,} of them {params.positive},",
        f"in {report['folds']} folds:",
        end=" ",
    )
    print(f"AUC {stacker['auc']:.3f} ({low:.3f} to {high:.3f});", end=" ")
    print(f"{params.vote.rule}: {share(rule['caught'])} of the fakes caught, {share(rule['review_rate'])} to review")


if __name__ == "__main__":
    run(main)
