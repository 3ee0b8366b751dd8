"""Fit the stacked ensemble over the members' scores: `python -m stages.stack`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.committee.sources import own_images
from facesift.committee.stacker_file import save_stacker
from facesift.committee.stacking import Stacker, fit_stacker, out_of_fold, stack_features
from facesift.config.params import Params
from facesift.config.stage import run
from facesift.core.classes import Classes
from facesift.core.counts import Confusion
from facesift.core.files import read_parquet, write_json, write_parquet
from facesift.core.scores import join_scores, labels_from, logits_from, read_scores, score_table, votes_of
from facesift.evaluation.results_table import share
from facesift.shards.reading import ShardFolder

MODELS, SCORES = Path("models"), Path("data/scores")


def main(params: Params) -> None:
    """Read `data/split.parquet` and `data/scores`; write the stacker, its scores and its validation figures."""
    members, classes = params.voting, params.class_names
    truth = read_parquet(Path("data/split.parquet"), ["image_id", "split", "source", "label", "group"])
    joined = join_scores(truth.filter(pl.col("split") != "train"), read_scores(SCORES, members, classes))
    held = {split: joined.filter(pl.col("split") == split) for split in ("val", "test")}
    features = {split: _features(table, members, classes) for split, table in held.items()}
    labels = labels_from(held["val"], classes)
    if params.stack.fit_on == "val":
        own, groups = own_images(held["val"]["source"], classes.is_positive(labels)), held["val"]["group"].to_numpy()
        stacker = fit_stacker(features["val"], labels, params.stack, classes, own)
        val_logits = out_of_fold(features["val"], labels, groups, params.stack, classes, own)
    else:
        stacker = _fit_on_train_plan(params, members)
        val_logits = stacker.logits(features["val"])
    logits = {"val": val_logits, "test": stacker.logits(features["test"])}
    save_stacker(MODELS / "stacker.safetensors", stacker, members, classes.names)
    tables = [score_table(held[split]["image_id"].to_list(), split, logits[split], classes.names) for split in logits]
    write_parquet(Path("data/stack.parquet"), pl.concat(tables).sort("image_id"))
    votes = classes.is_positive(votes_of(val_logits, classes))
    figures = Confusion.of(classes.is_positive(labels), votes).report()
    told = {"val": figures, "fit_on": params.stack.fit_on, "sources": params.stack.sources}
    write_json(Path("data/figures/stack.json"), told)
    recall, precision = share(figures["recall"]), share(figures["precision"])
    print(f"stacker over {', '.join(members)}: validation recall {recall}, precision {precision}")


def _features(joined: pl.DataFrame, members: list[str], classes: Classes) -> NDArray[np.float64]:
    return stack_features([logits_from(joined, member, classes) for member in members])


def _fit_on_train_plan(params: Params, members: list[str]) -> Stacker:
    # torch is needed for this variant alone
    from facesift.committee.plan_stacking import plan_features, train_stacker  # noqa: PLC0415
    from facesift.networks.stored_members import load_members  # noqa: PLC0415
    from facesift.sampling.plans import make_plan  # noqa: PLC0415

    scorers = load_members(MODELS, SCORES, members)
    shards = ShardFolder(Path("data/shards/train"))
    plan = make_plan(shards, params.stack.resample, params.stack.seed, member="stacker")
    features, labels = plan_features(scorers, shards, plan, params.stack, params.trainer.window_shards)
    return train_stacker(features, labels, params.stack, params.class_names)


if __name__ == "__main__":
    run(main)
