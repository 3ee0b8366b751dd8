"""Score the trained committee on another data set: `python -m stages.cross NAME`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from facesift.committee.stacker_file import load_stacker
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.datasets.duplicates import near_duplicate_groups
from facesift.datasets.examination import examine, settle_faces
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.manifest import assemble, check_quarantine, survey
from facesift.evaluation.cross_data_set import truth_of, vote_elsewhere
from facesift.images.face_columns import refer
from facesift.networks.parallel_scoring import SPLIT, Panel
from facesift.networks.stored_members import load_members
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import Decoder, Sharding, build_split

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params, name: str) -> None:
    """Read `data/raw/<cross_test.NAME.raw>`, the members and the stacker; write `data/figures/cross/NAME.json`."""
    if name not in params.cross_test:
        raise FacesiftError(f"cross_test.{name}: no such data set in params.yaml; there are {list(params.cross_test)}")
    members, classes = params.voting, params.class_names
    scorers = dict(zip(members, load_members(MODELS, SCORES, members), strict=True))
    batch_sizes = dict.fromkeys(members, params.stack.batch_size)
    stacker = load_stacker(MODELS / "stacker.safetensors", members, classes.names)
    with TemporaryDirectory() as room:
        images = _read(params, name)
        shards = _build(params, name, images, Path(room) / SPLIT)
        groups = near_duplicate_groups(images["phash"], params.split.near_duplicate_bits)
        truth = truth_of(shards, images.with_columns(group=groups))
        ballot = vote_elsewhere(Panel(scorers, batch_sizes, shards, classes, params.parallel.workers), truth, stacker)
    report = {"rules": ballot.report_rules(), "voters": ballot.report_voters(), "classes": ballot.report_classes()}
    write_json(Path(f"data/figures/cross/{name}.json"), report)
    for voter, figures in report["classes"].items():
        print(f"{name}: {voter} accuracy {figures['accuracy']:.2%} of {len(ballot.labels)} images")


def _read(params: Params, name: str) -> pl.DataFrame:
    """Look at the other data set as ingest does; its images, each once."""
    other = params.cross_test[name]
    raw = Path("data/raw") / other.raw
    layouts = make_layouts(raw, other.sources, params.class_names.names)
    found = survey(raw, layouts)
    crop = params.data.crop
    examined = examine(raw, layouts, params.ingest, params.parallel.workers, lambda _: None, crop=crop)
    manifest = settle_faces(assemble(examined), crop)
    check_quarantine(manifest.quarantine, found.claimed, params.ingest)
    if manifest.images.filter(pl.col("label") == params.positive).is_empty():
        raise FacesiftError(f"{raw}: no image of the positive class {params.positive!r} (cross_test.{name})")
    return manifest.images.with_columns(refer(manifest.images) if crop.refers else [])


def _build(params: Params, name: str, images: pl.DataFrame, folder: Path) -> ShardFolder:
    """Shard all images of the other data set."""
    raw = Path("data/raw") / params.cross_test[name].raw
    decoder = Decoder(raw, params.data.image_size, params.ingest.max_pixels, params.data.resize, params.data.crop)
    sharding = Sharding(params.shard.images, params.seed, params.parallel.workers, params.class_names.names)
    build_split(folder, images, decoder, sharding)
    return ShardFolder(folder)


if __name__ == "__main__":
    run(main)
