"""Score the trained committee on another data set: `python -m stages.cross NAME`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from facesift.audit.cross_data_set import predict_shards, truth_of
from facesift.audit.training_overlap import TrainingOverlap, find_overlap
from facesift.committee.head_scoring import open_heads
from facesift.committee.stability import StabilityRule
from facesift.committee.stacking import load_stacker
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.errors import FacesiftError, for_terminal
from facesift.core.files import read_parquet, write_json
from facesift.core.formatting import counted, percent
from facesift.datasets.examination import examine_files, handle_bad_photos, handle_missing_faces
from facesift.datasets.image_groups import group_images
from facesift.datasets.label_tables import make_layouts
from facesift.datasets.left_out import check_rows, tell_left_out
from facesift.datasets.lost_files import check_losses, count_losses
from facesift.datasets.manifest import build_manifest
from facesift.datasets.near_duplicates import LinkRule
from facesift.datasets.source_files import count_files
from facesift.networks.scoring import TEST_SPLIT, ShardScorer
from facesift.networks.weights import load_members
from facesift.quality.photo_reasons import referred_column, refers
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params, name: str) -> None:
    """Read `data/raw/<cross_test.NAME.raw>`, the members and the stacker; write `data/figures/cross/NAME.json`."""
    if name not in params.cross_test:
        raise FacesiftError(f"cross_test.{name}: no such data set in params.yaml; there are {list(params.cross_test)}")
    members, classes = params.voting, params.class_names
    heads = open_heads(params, MODELS, SCORES, Path("data/raw") / params.cross_test[name].raw)
    networks = [member for member in members if member not in heads.scorers]
    scorers = dict(zip(networks, load_members(MODELS, SCORES, networks), strict=True))
    batch_sizes = dict.fromkeys(members, params.stack.batch_size)
    stacker = load_stacker(MODELS / "stacker.safetensors", members, classes.names)
    with TemporaryDirectory() as room:
        everything = _read(params, name)
        overlap = find_overlap(everything, _study(), LinkRule.of(params.split))
        images = _unseen(everything, overlap, params, name)
        shards = _build(params, name, images, Path(room) / TEST_SPLIT)
        groups = group_images(images, LinkRule.of(params.split)).groups
        truth = truth_of(shards, images.with_columns(group=groups))
        beside = heads.beside(images, members, TEST_SPLIT)
        scorer = ShardScorer(scorers, batch_sizes, shards, classes, params.parallel.workers)
        found = predict_shards(scorer, truth, stacker, StabilityRule.of(params.vote), beside)
    report = {"rules": found.report_rules(), "voters": found.report_voters(), "classes": found.report_classes()}
    report["overlap"] = overlap.report()
    write_json(Path(f"data/figures/cross/{name}.json"), report)
    if overlap.pairs.height:
        left_out = counted(overlap.pairs.height, "image")
        print(f"{name}: {left_out} left out: near-duplicates of training or validation images")
    for voter, figures in report["classes"].items():
        print(f"{name}: {voter} accuracy {percent(figures['accuracy'], 2)} of {counted(len(found.labels), 'image')}")


def _read(params: Params, name: str) -> pl.DataFrame:
    """Look at the other data set as ingest does; its images, each once."""
    other = params.cross_test[name]
    raw = Path("data/raw") / other.raw
    layouts = make_layouts(raw, other.sources, params.class_names.names)
    found = count_files(raw, layouts)
    for line in tell_left_out(found):
        print(for_terminal(f"{name}: {line}"))
    check_rows(found, params.ingest)
    crop = params.data.crop
    examined = examine_files(
        raw, layouts, params.ingest, params.parallel.workers, lambda _: None, crop=crop, quality=params.quality
    )
    manifest = handle_bad_photos(handle_missing_faces(build_manifest(examined), crop), params.quality)
    check_losses(count_losses(manifest.quarantine, found.by_class), manifest.quarantine, params.ingest)
    if manifest.images.filter(pl.col("label") == params.positive).is_empty():
        raise FacesiftError(f"{raw}: no image of the positive class {params.positive!r} (cross_test.{name})")
    marked = [referred_column(manifest.images, crop, params.quality)] if refers(crop, params.quality) else []
    return manifest.images.with_columns(marked)


def _study() -> pl.DataFrame:
    """The looks of the study's own images, with their splits."""
    looks = read_parquet(Path("data/manifest.parquet"), ["image_id", "phash", "thumbnail"])
    return looks.join(read_parquet(Path("data/split.parquet"), ["image_id", "split"]), on="image_id")


def _unseen(images: pl.DataFrame, overlap: TrainingOverlap, params: Params, name: str) -> pl.DataFrame:
    """Leave out the images that the committee was fitted on, or copies of them: it knows their answers."""
    kept = images.filter(~pl.col("image_id").is_in(overlap.pairs["image_id"].implode()))
    if kept.filter(pl.col("label") == params.positive).is_empty():
        raise FacesiftError(
            f"cross_test.{name}: all images of {params.positive} are near-duplicates of the study's training or "
            "validation images, so nothing can be learned from them; name another data set"
        )
    return kept


def _build(params: Params, name: str, images: pl.DataFrame, folder: Path) -> ShardFolder:
    """Shard all images of the other data set."""
    raw = Path("data/raw") / params.cross_test[name].raw
    reader = RawImageReader(raw, params.data.image_size, params.ingest.max_pixels, params.data.resize, params.data.crop)
    sharding = Sharding(params.shard.images, params.seed, params.parallel.workers, params.class_names.names)
    build_split(folder, images, reader, sharding)
    return ShardFolder(folder)


if __name__ == "__main__":
    run(main)
