"""Fit the committee anew without each kind of fakes, and judge that kind: `python -m stages.leave_out NAME`."""

from __future__ import annotations

from pathlib import Path

from facesift.committee.cross_fit import FeatureTable
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet, write_json
from facesift.core.formatting import counted
from facesift.core.scores import read_truth
from facesift.evaluation.attack_kinds import FACTS
from facesift.evaluation.leave_out import KEY, report_leave_out

DATA = Path("data")


def main(params: Params, name: str) -> None:
    """Read all features, `data/split.parquet` and the manifest; write `data/figures/leave_out/NAME.json`."""
    if name not in params.evaluation.leave_out:
        known = ", ".join(params.evaluation.leave_out) or "none"
        raise FacesiftError(f"{KEY}.{name}: not in params.yaml; there are {known}")
    inputs = sorted({params.members[member].input for member in params.voting})
    tables = {each: FeatureTable.read(DATA / each) for each in inputs}
    truth = read_truth(DATA / "split.parquet").sort("image_id")
    facts = read_parquet(DATA / "manifest.parquet", ["image_id", *FACTS])
    report = report_leave_out(tables, truth, facts, params, params.evaluation.leave_out[name])
    write_json(DATA / f"figures/leave_out/{name}.json", report)
    if not report["kinds"]:
        print(f"{KEY}.{name}: nothing is known of the {report['by']} of any {params.positive} image")
    for kind, found in report["kinds"].items():
        told = found["reason"] or f"AUC {found['auc']['first']:.3f} without it, {found['auc']['second']:.3f} with it"
        print(f"{report['by']} {kind}, {counted(found['fakes'], 'image')}: {told}")


if __name__ == "__main__":
    run(main)
