"""Train one member and score every validation and test image with it: `python -m stages.train convnext1`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.config.members import Head
from facesift.config.params import Params
from facesift.config.stage import member_of, run
from facesift.core.counts import Confusion, class_report
from facesift.core.files import read_parquet, write_json, write_parquet
from facesift.core.fingerprint import sha256
from facesift.core.scores import label_logits, read_truth, votes_of
from facesift.networks.architectures import check_name
from facesift.networks.package_weights import find_weights
from facesift.networks.scoring import score_splits
from facesift.networks.weights import save_tensors
from facesift.networks.weights_header import views_entry, written_architecture
from facesift.shards.index import FeatureCard
from facesift.shards.reading import ShardFolder
from facesift.training.distributed import gather_tables
from facesift.training.fit import checkpoint_key, delete_checkpoints
from facesift.training.member import TrainingData, train_member

DATA = Path("data")
WORK = Path(".work/train")  # outside the stage's outputs, which DVC clears before a run


def main(params: Params, name: str) -> None:
    """Read the member's shards and plan; write its weights, scores, and figures of each epoch."""
    member, classes = member_of(params, name), params.class_names
    check_name(member.architecture.name, name)
    plan, weights = Path(f"data/plans/{name}.parquet"), Path(f"models/{name}.safetensors")
    folder = DATA / member.input
    shards = {split: ShardFolder(folder / split) for split in ("train", "val", "test")}
    inputs = [plan, folder / "train/index.json", folder / "val/index.json"]
    room = WORK / name / checkpoint_key(member, params.trainer, inputs)
    groups = read_truth(Path("data/split.parquet")).select("image_id", "group")
    data = TrainingData(shards["train"], shards["val"], read_parquet(plan), classes, groups)
    trained = train_member(name, member, params.trainer, data, room)
    if trained is None:
        return
    held = {split: shards[split] for split in ("val", "test")}
    part = score_splits(trained.scorer, held, member.batch_size, classes.names, trained.share)
    scores = gather_tables(part, room, trained.share)
    if scores is None:  # the first of the processes that trained together writes
        return
    save_tensors(weights, trained.tensors, _header(params, name, shards["train"].index.features))
    write_parquet(Path(f"data/scores/{name}.parquet"), scores, {"weights_sha256": sha256(weights)})
    figures = _figures(params, name, scores)
    epochs = trained.epochs or [{"val_accuracy": figures["val"]["accuracy"]}]
    report = {"figures": figures | {"best_epoch": trained.best_epoch}, "epochs": epochs}
    write_json(Path(f"data/training/{name}.json"), report)
    delete_checkpoints(room)


def _header(params: Params, name: str, card: FeatureCard | None = None) -> dict[str, Any]:
    member = params.members[name]
    preprocessing = {
        "image_size": params.data.image_size,
        "resize": params.data.resize,
        "normalise": member.normalise.model_dump(),
        **views_entry(member.views),
    }
    if params.data.crop.method != "none":
        preprocessing["crop"] = params.data.crop.model_dump()
    if isinstance(member.architecture, Head):
        preprocessing["features"] = {"input": member.input} | (card.model_dump() if card else {})
        return {
            "architecture": member.architecture.model_dump(),
            "classes": params.classes,
            "preprocessing": preprocessing,
        }
    package = member.architecture.package
    architecture = written_architecture(member.architecture)
    start = {"start": find_weights(package).identity()} if package else {}
    return {"architecture": architecture, "classes": params.classes, "preprocessing": preprocessing} | start


def _figures(params: Params, name: str, scores: pl.DataFrame) -> dict[str, Any]:
    """Figures on validation alone: the test split is read once, by the vote."""
    classes = params.class_names
    truth = read_truth(Path("data/split.parquet")).filter(pl.col("split") == "val")
    held = label_logits(truth, {name: scores.filter(pl.col("split") == "val")}, classes)
    votes = votes_of(held.logits[name], classes)
    found = Confusion.of(held.positives, classes.is_positive(votes), held.groups).report()
    every = class_report(held.labels, votes, classes.names, held.groups)
    return {"val": found | {key: every[key] for key in ("accuracy", "accuracy_interval")}}


if __name__ == "__main__":
    run(main)
