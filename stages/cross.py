"""Score the trained committee on another data set: `python -m stages.cross NAME`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from facesift.committee.elsewhere import SPLIT, vote_elsewhere
from facesift.committee.members import load_members
from facesift.committee.stacker_file import load_stacker
from facesift.data.label_tables import make_layouts
from facesift.data.manifest import assemble, check_quarantine, examine, survey
from facesift.data.sharding import Decoder, Sharding, build_split
from facesift.data.shards import ShardFolder
from facesift.errors import FacesiftError
from facesift.params import Params
from facesift.storage import write_json
from stages.entry import run

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params, name: str) -> None:
    """Read `data/raw/<cross_test.NAME.raw>`, the members and the stacker; write `metrics/cross/NAME.json`."""
    if name not in params.cross_test:
        raise FacesiftError(f"cross_test.{name}: no such data set in params.yaml; there are {list(params.cross_test)}")
    members, classes = params.voting, params.class_names
    scorers = dict(zip(members, load_members(MODELS, SCORES, members), strict=True))
    stacker = load_stacker(MODELS / "stacker.safetensors", members, classes.names)
    with TemporaryDirectory() as room:
        shards = _build(params, name, Path(room) / SPLIT)
        ballot = vote_elsewhere(shards, scorers, stacker, params.stack.batch_size, classes)
    report = {"rules": ballot.report_rules(), "voters": ballot.report_voters(), "classes": ballot.report_classes()}
    write_json(Path(f"metrics/cross/{name}.json"), report)
    for voter, figures in report["classes"].items():
        print(f"{name}: {voter} accuracy {figures['accuracy']:.2%} of {len(ballot.labels)} images")


def _build(params: Params, name: str, folder: Path) -> ShardFolder:
    """Read the other data set as ingest does, and shard all of it."""
    other = params.cross_test[name]
    raw = Path("data/raw") / other.raw
    layouts = make_layouts(raw, other.sources, params.class_names.names)
    found = survey(raw, layouts)
    manifest = assemble(examine(raw, layouts, params.ingest, params.jobs, lambda _: None))
    check_quarantine(manifest.quarantine, found.claimed, params.ingest)
    images = manifest.images.select("image_id", "source", "label", "container", "path")
    if images.filter(pl.col("label") == params.positive).is_empty():
        raise FacesiftError(f"{raw}: no image of the positive class {params.positive!r} (cross_test.{name})")
    decoder = Decoder(raw, params.data.image_size, params.ingest.max_pixels, params.data.resize)
    sharding = Sharding(params.shard.images, params.seed, params.jobs, params.class_names.names)
    build_split(folder, images, decoder, sharding)
    return ShardFolder(folder)


if __name__ == "__main__":
    run(main)
