"""Train one member and score every validation and test image with it: `python -m stages.train convnext1`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from facesift.committee.scores import called_fake, join_scores, labels_from, logits_from
from facesift.data.shards import ShardFolder
from facesift.metrics import Confusion
from facesift.params import Params
from facesift.storage import read_parquet, sha256, write_json, write_parquet
from facesift.training.architectures import build_network, check_size
from facesift.training.feeding import Feed
from facesift.training.fit import Fitted, checkpoint_key, fit_member, forget
from facesift.training.history import write_curves
from facesift.training.module import MemberModule
from facesift.training.scoring import score_splits
from facesift.training.weights import save_weights
from stages.entry import member_of, run

SHARDS = Path("data/shards")
WORK = Path(".work/train")  # outside the stage's outputs, which DVC clears before a run


def main(params: Params, name: str) -> None:
    """Read `data/shards` and the member's plan; write its weights, scores, metrics and curves."""
    member = member_of(params, name)
    plan = Path(f"data/plans/{name}.parquet")
    shards = {split: ShardFolder(SHARDS / split) for split in ("train", "val", "test")}
    inputs = [plan, SHARDS / "train/index.json", SHARDS / "val/index.json"]
    room = WORK / name / checkpoint_key(member, params.trainer, inputs)
    feed = Feed(shards["train"], shards["val"], read_parquet(plan), member, params.trainer.window_shards)
    network = build_network(member.architecture, len(params.classes), member.seed)
    check_size(network, member.architecture, params.data.image_size)
    module = MemberModule(network, member, feed.steps_per_epoch)
    fitted = fit_member(name, module, params.trainer, feed, room)
    weights = _write_weights(params, name, fitted)
    scored = {split: shards[split] for split in ("val", "test")}
    scores = score_splits(fitted.module, scored, member.batch_size, fitted.module.device)
    write_parquet(Path(f"data/scores/{name}.parquet"), scores, {"weights_sha256": sha256(weights)})
    write_json(Path(f"metrics/members/{name}.json"), _figures(name, fitted, scores))
    write_curves(Path(f"metrics/curves/{name}"), fitted.epochs)
    forget(room)


def _write_weights(params: Params, name: str, fitted: Fitted) -> Path:
    path = Path(f"models/{name}.safetensors")
    header = {
        "architecture": params.members[name].architecture.model_dump(),
        "classes": params.classes,
        "preprocessing": {"image_size": params.data.image_size, "resize": "squish", "normalise": "per_image"},
    }
    save_weights(path, fitted.module.network, header)
    return path


def _figures(name: str, fitted: Fitted, scores: pl.DataFrame) -> dict[str, Any]:
    """Figures on validation alone: the test split is read once, by the vote."""
    truth = read_parquet(Path("data/split.parquet"), ["image_id", "split", "label"]).filter(pl.col("split") == "val")
    joined = join_scores(truth, {name: scores.filter(pl.col("split") == "val")})
    votes = called_fake(logits_from(joined, name))
    loss = fitted.epochs[fitted.best_epoch - 1]["val_loss"]
    return {"val": Confusion.of(labels_from(joined), votes).report(), "best_epoch": fitted.best_epoch, "val_loss": loss}


if __name__ == "__main__":
    run(main)
